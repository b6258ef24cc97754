"""The `scorer` command.

scorer run reviews.parquet -o scored.parquet
scorer run reviews.csv -o scored.parquet --text-column body --status
scorer text "This movie was absolutely fantastic! I loved it."
scorer inspect best.onnx
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorer.command import new_app, run_command
from scorer.formats import CsvOptions, Format

if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from scorer.job import Progress, RunOptions, RunSummary
    from scorer.scoring import Scorer

app = new_app("Turn text reviews into sentiment probabilities, in bulk, on plain CPUs.")

_Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        help="A sealed model. Without it: $SCORER_MODEL, else ./best.onnx if there, else the embedded default.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines, and nothing else.")]


@app.command("run")
def run_(
    input_: Annotated[Path, typer.Argument(metavar="INPUT", help="Reviews: a .parquet or .csv file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write them: .parquet or .csv.")],
    model: _Model = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="The column to score.  [default: text, review, review_text, content, comment or body]"),
    ] = None,
    format_: Annotated[Format | None, typer.Option("--format", help="Of INPUT, whatever its name.")] = None,
    output_format: Annotated[Format | None, typer.Option(help="Of the output, whatever its name.")] = None,
    delimiter: Annotated[str, typer.Option(help="Between the values of a CSV line.")] = ",",
    encoding: Annotated[str, typer.Option(help="Of a CSV input; outputs are UTF-8.")] = "utf-8",
    prefix: Annotated[str, typer.Option(help="Put before the names of the new columns.")] = "",
    status: Annotated[bool, typer.Option("--status", help="Add a column: ok, truncated, empty or null.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Parallel scorers.  [default: every usable CPU]")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: _Json = False,
) -> None:
    """Write every row of INPUT back with its sentiment.

    Example: scorer run reviews.parquet -o scored.parquet
    """
    from scorer.job import RunOptions
    from scorer.scoring import ScoreColumns, Scorer

    options = RunOptions(
        input=input_,
        output=output,
        text_column=text_column,
        input_format=format_,
        output_format=output_format,
        csv=CsvOptions(delimiter, encoding),
        columns=ScoreColumns(prefix, status),
        force=force,
        workers=workers,
    )
    scorer = Scorer.open(model)
    if not (quiet or as_json):
        print(_model_line(scorer))
    summary = _run_with_bar(options, scorer, visible=not (quiet or as_json))
    if as_json:
        print(json.dumps(summary.as_dict()))
    elif not quiet:
        print(_summary_lines(summary))


@app.command()
def text(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to score; none: one per line of stdin.")] = None,
    model: _Model = None,
    as_json: _Json = False,
) -> None:
    """Print the probability and the label of each TEXT.

    Example: scorer text "This movie was absolutely fantastic! I loved it."
    """
    from scorer.scoring import Scorer

    scorer = Scorer.open(model)
    if texts:
        _print_scores(scorer, texts, as_json)
    else:
        for line in sys.stdin:
            _print_scores(scorer, [line.rstrip("\n")], as_json)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A sealed model.")], as_json: _Json = False
) -> None:
    """Verify a sealed MODEL and print its card.

    Example: scorer inspect best.onnx
    """
    from rich import print_json

    from scorer.sealed import read_sealed

    sealed = read_sealed(model)
    if as_json:
        print(sealed.card.to_json())
    else:
        print(f"{model}: sealed and unaltered, {len(sealed.content) / 1e6:.2f} MB, sha256 {sealed.sha256}")
        print_json(sealed.card.to_json())


def _model_line(scorer: Scorer) -> str:
    from scorer.model import EMBEDDED_MODEL

    path = scorer.sealed.path
    return f"model: {'the embedded default' if path == EMBEDDED_MODEL else path} ({scorer.sealed.sha256[:12]})"


def _run_with_bar(options: RunOptions, scorer: Scorer, *, visible: bool) -> RunSummary:
    """Run the job; on a terminal, and if `visible`, with a progress bar on stderr."""
    from rich.console import Console

    from scorer.job import run

    console = Console(stderr=True)
    if not (visible and console.is_terminal):
        return run(options, scorer)
    from rich import progress

    bar = progress.Progress(
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        "{task.fields[rows]:,} reviews",
        "{task.fields[rate]:,.0f}/s",
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=1.0, rows=0, rate=0.0)

        def show(done: Progress) -> None:
            rate = done.rows / max(bar.tasks[task].elapsed or 0, 1e-3)
            bar.update(task, completed=done.fraction, rows=done.rows, rate=rate)

        return run(options, scorer, show)


def _summary_lines(summary: RunSummary) -> str:
    unscored = f"{summary.null:,} null, {summary.empty:,} empty, {summary.truncated:,} truncated"
    return (
        f"{summary.output}: {summary.rows:,} rows, {summary.positive_share:.1%} positive; {unscored}\n"
        f"{summary.seconds:.1f} s, {summary.reviews_per_second:,.0f} reviews/s"
    )


def _print_scores(scorer: Scorer, texts: list[str], as_json: bool) -> None:
    import pyarrow as pa

    scores = scorer.score(pa.array(texts, pa.string()))
    labels = scorer.labels(scores).to_pylist()
    for one, probability, label in zip(texts, scores.probability.tolist(), labels, strict=True):
        known = None if label is None else probability
        if as_json:
            print(json.dumps({"text": one, "sentiment_probability": known, "sentiment": label}, ensure_ascii=False))
        else:
            print("  -       (no text)" if known is None else f"{known:.4f}  {label:<8}  {one}", flush=True)


def main() -> None:
    """Entry point of the console command."""
    run_command(app, "scorer")


if __name__ == "__main__":
    main()
