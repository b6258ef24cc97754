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
from scorer.cli.tool import ArgumentParser, needs_extra
from scorer.cli.unknown_words import warn_of_unknown_words
from scorer.errors import InputError, UsageError
from scorer.system.terminal import printable, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from scorer.evaluation.evaluate import Evaluation, EvaluationOptions
    from scorer.scoring import Scorer

__all__ = ["evaluate", "evaluate_arguments"]

_MOST_SHOWN = 5


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
    differ = "With --against: write the rows on which the verdicts differ here, as .parquet, .csv or .jsonl."
    add("--differences", metavar="FILE", type=file_path, help=differ)
    page = "Write all of it as a page: figures, charts, groups, mistakes with their words coloured."
    add("--report", metavar="FILE", type=file_path, help=page)
    add("--force", action="store_true", help="Replace what these two have written before.")
    add("--format", choices=[one.value for one in Format], help="Of INPUT, whatever its name.")
    csv_input_arguments(parser.add_argument_group("Reading CSV"))
    model_argument(parser)
    json_argument(parser)


def evaluate(
    *,
    model: Path | str | None,
    against: Path | str | None,
    differences: Path | None,
    report: Path | None,
    force: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print how good a model is on the labelled rows of INPUT.

    Example: scorer evaluate reviews.parquet --by source --report page.html
    """
    from scorer.evaluation.differences import furthest_apart
    from scorer.evaluation.evaluate import evaluate as judge
    from scorer.system.limits import limited_memory

    _refuse_outputs(against, differences, report, force)
    options = _evaluation_options(**given)
    with limited_memory():
        scorer = open_scorer(model)
        result = judge(options, scorer, open_scorer(against) if against else None)
        shown = furthest_apart(result, options, _MOST_SHOWN) if result.against else []
        _write(result, options, scorer, differences, report)
    if as_json:
        import json

        print(json.dumps(result.as_dict() | ({"furthest_apart": shown} if result.against else {})))
    else:
        print("\n".join([*_lines(result), *_differing(result, shown)]))
    warn_of_unknown_words(Messages("scorer", as_json=as_json), [(result.input, result.words)])


def _refuse_outputs(against: Path | str | None, differences: Path | None, report: Path | None, force: bool) -> None:
    """Say before the work what could not be written after it."""
    from scorer.evaluation.differences import format_of_differences
    from scorer.system.atomic import require_place

    if differences:
        if not against:
            raise UsageError("--differences needs --against, the model that differs")
        format_of_differences(differences)
    for path in filter(None, (differences, report)):
        require_place(path)
        if path.exists() and not force:
            raise InputError(f"{path}: exists already; name another file, or replace it with --force")
    if report:
        with needs_extra("--report", "report"):
            import scorer.report.evaluation_page  # noqa: F401


def _evaluation_options(
    *,
    input: Path,
    text_column: str | None,
    label_column: str | None,
    labels: str | None,
    by: str | None,
    threshold: float | None,
    format: str | None,
    **csv: Any,
) -> EvaluationOptions:
    from scorer.evaluation.evaluate import EvaluationOptions
    from scorer.evaluation.labels import parse_reading
    from scorer.files.format import Format

    reading, kind = parse_reading(labels) if labels else None, Format(format) if format else None
    return EvaluationOptions(input, text_column, label_column, reading, by, threshold, kind, csv_options(csv))


def _write(
    result: Evaluation, options: EvaluationOptions, scorer: Scorer, differences: Path | None, report: Path | None
) -> None:
    if differences:
        from scorer.evaluation.differences import write_differences

        write_differences(result, options, differences)
    if report:
        from scorer.report.evaluation_page import evaluation_page
        from scorer.report.page import write_page

        write_page(evaluation_page(result, options, scorer), report)


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
    if result.against:
        test, gain = result.against.test, result.against.gain
        points = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
        yield from ("", "the other model, on the same rows:", *figure_lines(result.against.figures))
        yield f"accuracy of this model beside the other's: {points}"
        yield (
            f"only this one is right: {test.only_first:,} rows, only the other: {test.only_second:,}; "
            f"by chance alone with p = {test.p_value:.2g} (McNemar)"
        )


def _differing(result: Evaluation, shown: list[dict[str, Any]]) -> Iterator[str]:
    """The rows on which two models are furthest apart."""
    if not shown:
        return
    rows, wide = len(result.rows.differing), max(len(f"{one['row']:,}") for one in shown)
    yield f"the verdicts differ on {rows:,} rows; furthest apart are, by this model and the other:"
    for one in shown:
        numbers = f"{one['probability']:.4f}  {one['other_probability']:.4f}"
        yield f"  row {one['row']:>{wide},}  {one['label']}  {numbers}  {shortened(printable(one['text']))}"
