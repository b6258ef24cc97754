"""`scorer report`: one page on scored reviews."""

from __future__ import annotations

from scorer.cli.arguments import (
    csv_input_arguments,
    csv_options,
    decision_arguments,
    decision_options,
    file_path,
    input_place,
    json_argument,
    model_argument,
    open_scorer,
    share,
)
from scorer.cli.tool import ArgumentParser, needs_extra
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from datetime import date
    from pathlib import Path
    from typing import Any

    from scorer.files.source import Source
    from scorer.report.summary import Summary

__all__ = ["report", "report_arguments"]


def report_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer report`."""
    from scorer.files.format import Format

    add = parser.add_argument
    what = "What `scorer run` wrote: files, folders of them, patterns or URIs; - is standard input."
    add("input", metavar="INPUT", nargs="+", type=input_place, help=what)
    add("--output", "-o", metavar="FILE", type=file_path, help="The page.  [default: beside a single INPUT, .html]")
    add("--by", metavar="NAME", help="A column whose values part the reviews into groups.")
    add("--time", metavar="NAME", help="A column of dates or times: shows the share over time, and what changed.")
    add(
        "--since", metavar="DATE", type=_day, help="Where the later of two periods begins.  [default: the last quarter]"
    )
    add("--text-column", metavar="NAME", help="The column of texts.  [default: the usual names]")
    add("--probability-column", metavar="NAME", help="[default: sentiment_probability, with any prefix]")
    measured = "What `scorer evaluate` says of reviews like these, as in 0.93:0.88.  [default: the model's card]"
    add("--recalls", metavar="POSITIVE:NEGATIVE", type=_recalls, help=measured)
    decision_arguments(parser.add_argument_group("Deciding, in place of what a Parquet INPUT says"))
    add("--format", choices=[one.value for one in Format], help="Of INPUT, whatever its name.")
    add("--force", action="store_true", help="Replace an earlier page.")
    csv_input_arguments(parser.add_argument_group("Reading CSV"))
    model_argument(parser)
    json_argument(parser)


def report(
    *,
    input: list[Path | str],
    output: Path | None,
    by: str | None,
    time: str | None,
    since: date | None,
    recalls: tuple[float, float] | None,
    text_column: str | None,
    probability_column: str | None,
    format: str | None,
    force: bool,
    model: Path | str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Write one page on scored reviews: shares, groups, time, words, examples.

    Example: scorer report scored.parquet --by genre --time date
    """
    from scorer.errors import UsageError
    from scorer.system.atomic import require_new_place
    from scorer.system.limits import limited_memory

    if since and not time:
        raise UsageError("--since parts the reviews by time; name the column of times with --time")
    place = output or _beside(input)
    require_new_place(place, force)
    with needs_extra("scorer report", "report"):
        from scorer.report.page import write_page
        from scorer.report.summary import SummaryOptions, summarize
        from scorer.report.summary_page import summary_page
    decision = decision_options(given)
    options = SummaryOptions(_named(input), probability_column, by, time, since, decision, recalls)
    with limited_memory():
        source = _source(input, place, text_column, format, given, twice=bool(time))
        summary = summarize(source, options, open_scorer(model))
    write_page(summary_page(summary), place)
    if as_json:
        import json

        print(json.dumps({"output": str(place)} | summary.as_dict()))
    else:
        print(_line(summary, place))


def _line(summary: Summary, place: Path) -> str:
    share, adjusted = summary.counts.share(), summary.adjusted(summary.counts)
    corrected = f", {adjusted.value:.1%} corrected for the model's errors" if adjusted else ""
    return f"{printable(str(place))}: {summary.scored:,} reviews, {share.value:.1%} positive{corrected}"


def _beside(inputs: list[Path | str]) -> Path:
    """Where the page of a single file or folder goes."""
    from pathlib import Path

    from scorer.errors import UsageError

    if len(inputs) > 1 or not isinstance(inputs[0], Path) or not inputs[0].name or "*" in inputs[0].name:
        raise UsageError("name the page with -o; only that of a single file or folder is called as that is")
    return inputs[0].with_suffix(".html")


def _named(inputs: list[Path | str]) -> str:
    from scorer.files.places import shown

    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return f"{shown(inputs[0])}{more}"


def _source(
    inputs: list[Path | str],
    page: Path,
    text_column: str | None,
    kind: str | None,
    csv: dict[str, Any],
    *,
    twice: bool,
) -> Source:
    """All inputs, as `scorer run` reads them; `twice` if it is to be read so."""
    from scorer.files.format import Format
    from scorer.files.opening import keep
    from scorer.run.options import RunOptions
    from scorer.run.plan import inputs_of
    from scorer.run.reading import open_inputs

    options = RunOptions(
        inputs[0],
        page,
        tuple(inputs[1:]),
        union=True,  # columns that are not shown may differ
        text_column=text_column,
        input_format=Format(kind) if kind else None,
        output_format=Format.parquet,  # of what is read, columns are needed
        csv=csv_options(csv),
    )
    files = inputs_of(options)
    for file in files if twice else ():
        keep(file)
    return open_inputs(files, options)


def _recalls(text: str) -> tuple[float, float]:
    from argparse import ArgumentTypeError

    positive, colon, negative = text.partition(":")
    if not colon:
        raise ArgumentTypeError(f"{text!r} is not two shares, as in 0.93:0.88")
    return share(positive), share(negative)


def _day(text: str) -> date:
    from argparse import ArgumentTypeError
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date, as in 2024-05-31") from None
