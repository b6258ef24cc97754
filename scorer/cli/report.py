"""`scorer report`: one page on scored reviews."""

from __future__ import annotations

from scorer.cli.arguments import (
    csv_input_arguments,
    csv_options,
    decision_arguments,
    decision_options,
    file_path,
    json_argument,
    model_argument,
    open_scorer,
)
from scorer.cli.tool import ArgumentParser, needs_extra
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from datetime import date
    from pathlib import Path
    from typing import Any

__all__ = ["report", "report_arguments"]


def report_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer report`."""
    from scorer.files.format import Format

    add = parser.add_argument
    add("input", metavar="INPUT", type=file_path, help="What `scorer run` wrote.")
    add("--output", "-o", metavar="FILE", type=file_path, help="The page.  [default: beside INPUT, .html]")
    add("--by", metavar="NAME", help="A column whose values part the reviews into groups.")
    add("--time", metavar="NAME", help="A column of dates or times: shows the share over time, and what changed.")
    add(
        "--since", metavar="DATE", type=_day, help="Where the later of two periods begins.  [default: the last quarter]"
    )
    add("--text-column", metavar="NAME", help="The column of texts.  [default: the usual names]")
    add("--probability-column", metavar="NAME", help="[default: sentiment_probability, with any prefix]")
    decision_arguments(parser)
    add("--format", choices=[one.value for one in Format], help="Of INPUT, whatever its name.")
    add("--force", action="store_true", help="Replace an earlier page.")
    csv_input_arguments(parser.add_argument_group("Reading CSV"))
    model_argument(parser)
    json_argument(parser)


def report(
    *,
    input: Path,
    output: Path | None,
    by: str | None,
    time: str | None,
    since: date | None,
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
    from scorer.errors import InputError, UsageError
    from scorer.files.format import Format
    from scorer.system.atomic import require_new_place
    from scorer.system.limits import limited_memory

    if since and not time:
        raise UsageError("--since parts the reviews by time; name the column of times with --time")
    place = output or input.with_suffix(".html")
    if place.resolve() == input.resolve():
        raise InputError(f"{place}: is what is read; name another file for the page")
    require_new_place(place, force)
    with needs_extra("scorer report", "report"):
        from scorer.report.page import write_page
        from scorer.report.summary import SummaryOptions, summarize
        from scorer.report.summary_page import summary_page
    decision = decision_options(given)
    kind = Format(format) if format else None
    options = SummaryOptions(
        input, text_column, probability_column, by, time, since, decision, kind, csv_options(given)
    )
    with limited_memory():
        summary = summarize(options, open_scorer(model))
    write_page(summary_page(summary), place)
    if as_json:
        import json

        print(json.dumps({"output": str(place)} | summary.as_dict()))
        return
    share, adjusted = summary.counts.share(), summary.adjusted(summary.counts)
    corrected = f", {adjusted.value:.1%} corrected for the model's errors" if adjusted else ""
    print(f"{printable(str(place))}: {summary.scored:,} reviews, {share.value:.1%} positive{corrected}")


def _day(text: str) -> date:
    from argparse import ArgumentTypeError
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date, as in 2024-05-31") from None
