"""What so many labelled reviews give: balanced accuracy of several ways to learn from them, drawn.

python -m benchmarks.learning_curves train.parquet test.parquet --work curves --figure learning-curves.png

The files have the columns `text`, `label` and `source`. Of each source so many reviews of `train` are drawn at random
and judged on all of its reviews in `test`: by a fit that begins anew, by one that goes on from a model, by that model
itself, and by TF-IDF with logistic regression. Every result is kept in `--work`; what is there is not done again, so
the command goes on where it was stopped. `--model` should be one that does not know the sources.
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from scorer.evaluation.metrics import measure
from scorer.model.sealed import EMBEDDED_MODEL
from scorer.scoring import Scorer
from scorer.system.atomic import write_aside
from trainer.data.reviews import DataOptions
from trainer.fitting import FitOptions, fit
from trainer.learning.checkpoint import load_checkpoint
from trainer.learning.display import FitDisplay
from trainer.recipes import RECIPES

SOURCES = ("booking_hotels", "mhealth_apps", "steam_sample", "womens_clothing")
SIZES = (50, 100, 300, 1_000, 3_000, 10_000)
ANEW, GOING_ON = "anew", "going on"
LINEAR, MODEL = "TF-IDF, logistic regression", "the model as it is"


def fitted(train: pa.Table, test: pa.Table, way: str, model: Path) -> float:
    """Balanced accuracy on `test` of a fit."""
    recipe = RECIPES["continued" if way == GOING_ON else "default"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(train, folder / "train.parquet")
        pq.write_table(test, folder / "test.parquet")
        begun = replace(recipe, start=str(model) if recipe.start else None)
        fit(FitOptions(DataOptions((name,)), begun, folder / "best.pth"), FitDisplay(lambda *line, **figures: None))
        figures = load_checkpoint(folder / "best.pth").metrics["verdict"]["figures"]["this model"]
    return float(figures["balanced_accuracy"]["value"])


def as_it_is(test: pa.Table, model: Path) -> float:
    """Balanced accuracy on `test` of a sealed model."""
    probability = Scorer.open(model).score_texts(test["text"].combine_chunks()).probability
    return measure(probability, test["label"].to_numpy() == 1, 0.5).balanced_accuracy.value


def linear(train: pa.Table, test: pa.Table) -> float:
    """Balanced accuracy on `test` of TF-IDF of words and bigrams, and logistic regression with balanced weights."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    regression = LogisticRegression(C=10, max_iter=1000, class_weight="balanced")
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), regression)
    pipeline.fit(train["text"].to_pylist(), train["label"].to_numpy())
    probability = pipeline.predict_proba(test["text"].to_pylist())[:, 1]
    return measure(probability, test["label"].to_numpy() == 1, 0.5).balanced_accuracy.value


def chosen(table: pa.Table, source: str, rows: int | None = None, seed: int = 0) -> pa.Table:
    """All reviews of a source, or `rows` of them at random."""
    found = table.filter(pc.equal(table["source"], source)).select(["text", "label", "source"])
    return found if rows is None else found.take(np.random.default_rng(seed).permutation(len(found))[:rows])


def run(options: argparse.Namespace) -> None:
    """Do what `--work` does not hold yet, the cheap ways first."""
    tables = [pq.read_table(path) for path in (options.train, options.test)]
    model = hashlib.sha256(options.model.read_bytes()).hexdigest()[:12]
    for way in options.ways:
        for rows in options.rows:
            for source in options.sources:
                for seed in range(options.seeds if rows <= options.repeat_below else 1):
                    begun = model if way == GOING_ON else "none"
                    path = options.work / f"{source}-{rows}-{seed}-{way.replace(' ', '-')}-{begun}.json"
                    train, test = chosen(tables[0], source, rows, seed), chosen(tables[1], source)
                    if not path.exists() and len(train) == rows:
                        keep(path, way, train, test, options.model)


def keep(path: Path, way: str, train: pa.Table, test: pa.Table, model: Path) -> None:
    """One cell of the table: a file of its own."""
    figures = {way: fitted(train, test, way, model), MODEL: as_it_is(test, model), LINEAR: linear(train, test)}
    cell = {"source": train["source"][0].as_py(), "rows": len(train), "figures": figures}
    with write_aside(path) as partial:
        partial.write_text(json.dumps(cell))
    print(path.stem, {name: f"{value:.1%}" for name, value in figures.items()}, flush=True)


def curves(work: Path) -> dict[str, dict[str, dict[int, float]]]:
    """Mean balanced accuracy by source, way and number of reviews."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for path in sorted(work.glob("*.json")):
        cell = json.loads(path.read_text())
        for name, value in cell["figures"].items():
            found[cell["source"], name, cell["rows"]].append(value)
    drawn: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for (source, name, rows), values in sorted(found.items()):
        drawn[source][name][rows] = float(np.mean(values))
    return drawn


def draw(drawn: dict[str, dict[str, dict[int, float]]]) -> Figure:
    """A panel for each source."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = figure.subplots(-(-len(drawn) // 2), 2, squeeze=False).flat
    for axes, (source, ways) in zip(panels, drawn.items(), strict=False):
        for name, points in ways.items():
            style = ":" if name == MODEL else "-"
            axes.plot(list(points), list(points.values()), style, marker="." if style == "-" else "", label=name)
        axes.set(xscale="log", xlabel="labelled reviews", ylabel="balanced accuracy", title=source)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def rows_of(drawn: dict[str, dict[str, dict[int, float]]]) -> Iterator[str]:
    """The figures as a table of Markdown."""
    names = list(dict.fromkeys(name for ways in drawn.values() for name in ways))
    yield f"| source | reviews | {' | '.join(names)} |"
    yield "|---|---:|" + "---:|" * len(names)
    for source, ways in drawn.items():
        for rows in sorted({rows for points in ways.values() for rows in points}):
            cells = [f"{ways[name][rows]:.1%}" if rows in ways.get(name, {}) else "" for name in names]
            yield f"| {source} | {rows:,} | {' | '.join(cells)} |"


def main() -> None:
    """Measure, print a table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--model", type=Path, default=EMBEDDED_MODEL)
    parser.add_argument("--work", type=Path, default=Path("curves"))
    parser.add_argument("--figure", type=Path, default=Path("learning-curves.png"))
    parser.add_argument("--sources", nargs="+", default=SOURCES)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES)
    parser.add_argument("--ways", nargs="+", default=(GOING_ON, ANEW))
    parser.add_argument("--seeds", type=int, default=3, help="Draws of few reviews, whose mean is drawn.")
    parser.add_argument("--repeat-below", type=int, default=300, help="What few reviews are.")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    run(options)
    drawn = curves(options.work)
    print("\n".join(rows_of(drawn)))
    draw(drawn).savefig(options.figure, dpi=110)


if __name__ == "__main__":
    main()
