"""`scorer evaluate`: how good a model is on labelled reviews."""

from __future__ import annotations

from scorer.cli.arguments import (
    csv_input_arguments,
    csv_options,
    file_path,
    json_argument,
    labels_argument,
    model_argument,
    model_name,
    open_scorer,
    share,
)
from scorer.cli.messages import Messages
from scorer.cli.tool import ArgumentParser
from scorer.cli.unknown_words import warn_of_unknown_words
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from scorer.evaluation.evaluate import Evaluation

__all__ = ["evaluate", "evaluate_arguments"]


def evaluate_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer evaluate`."""
    from scorer.files.format import Format

    add = parser.add_argument
    add("input", metavar="INPUT", type=file_path, help="Labelled reviews: a .parquet, .csv or .jsonl file.")
    add("--text-column", metavar="NAME", help="The column of texts.  [default: the usual names]")
    add("--label-column", metavar="NAME", help="The column of labels.  [default: label, sentiment, stars, rating, …]")
    labels_argument(parser)
    add("--by", metavar="NAME", help="A column whose values part the reviews into groups.")
    add("--threshold", metavar="P", type=share, help="Least probability called positive.  [default: the model's]")
    add("--against", metavar="FILE", type=model_name, help="Another sealed model, on the same rows.")
    add("--format", choices=[one.value for one in Format], help="Of INPUT, whatever its name.")
    csv_input_arguments(parser.add_argument_group("Reading CSV"))
    model_argument(parser)
    json_argument(parser)


def evaluate(
    *,
    input: Path,
    text_column: str | None,
    label_column: str | None,
    labels: str | None,
    by: str | None,
    threshold: float | None,
    against: Path | str | None,
    format: str | None,
    model: Path | str | None,
    as_json: bool,
    **csv: Any,
) -> None:
    """Print how good a model is on the labelled rows of INPUT.

    Example: scorer evaluate reviews.parquet --by source
    """
    from scorer.evaluation.evaluate import EvaluationOptions
    from scorer.evaluation.evaluate import evaluate as judge
    from scorer.evaluation.labels import parse_reading
    from scorer.files.format import Format
    from scorer.system.limits import limited_memory

    options = EvaluationOptions(
        input,
        text_column,
        label_column,
        parse_reading(labels) if labels else None,
        by,
        threshold,
        Format(format) if format else None,
        csv_options(csv),
    )
    with limited_memory():
        result = judge(options, open_scorer(model), open_scorer(against) if against else None)
    if as_json:
        import json

        print(json.dumps(result.as_dict()))
    else:
        print("\n".join(_lines(result)))
    warn_of_unknown_words(Messages("scorer", as_json=as_json), [(result.input, result.words)])


def _lines(result: Evaluation) -> Iterator[str]:
    from scorer.evaluation.telling import figure_lines, group_lines

    figures = result.figures
    counts = f"{figures.rows:,} labelled reviews, {figures.positive / figures.rows:.1%} positive"
    yield f"{printable(result.input)}: {counts}"
    yield f"labels read as {printable(str(result.reading))}"
    if result.left_out or result.unscored:
        yield f"not counted: {result.left_out:,} without such a label, {result.unscored:,} without text"
    if result.skipped:
        yield f"left out: {result.skipped:,} bad lines"
    yield from figure_lines(figures)
    if result.groups:
        yield from ("", *group_lines(result.groups))
    if result.against and result.test:
        yield from ("", "the other model, on the same rows:", *figure_lines(result.against))
        yield (
            f"only the first is right: {result.test.only_first:,} rows, only the other: {result.test.only_second:,}; "
            f"by chance alone with p = {result.test.p_value:.2g} (McNemar)"
        )
