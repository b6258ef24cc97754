"""The page on scored reviews: what they say, of whom, since when, in which words."""

from collections.abc import Iterator, Sequence

import numpy as np

from scorer.evaluation.metrics import Interval, Z, share_gain
from scorer.report import charts
from scorer.report.days import steps_of
from scorer.report.examples import Example
from scorer.report.page import (
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Page,
    Prose,
    Review,
    Reviews,
    Section,
    Span,
    Table,
    Tile,
    Tiles,
    count,
    percent,
)
from scorer.report.summary import BINS, Summary
from scorer.report.tally import Counts, total
from scorer.report.words import TellingWord, telling_words
from scorer.scores import Verdict

__all__ = ["summary_page"]

_MOST_GROUPS = 200
_MOST_WORDS = 20
_BEFORE, _AFTER = 0, 1
_SIDES = {Verdict.positive: "positive", Verdict.negative: "negative", Verdict.unsure: "unsure"}


def summary_page(summary: Summary) -> Page:
    """The page; sections that nothing was asked of, or found for, are left out."""
    sections = [
        Section("Result", list(_result(summary))),
        Section("Groups", list(_groups(summary)), "The line is the share of all reviews."),
        Section("Time", list(_over_time(summary))),
        Section("What changed", list(_change(summary)), _change_lead(summary)),
        Section(
            "Words",
            list(_words(summary)),
            "Words that one side has more often, surest first.",
        ),
        Section("Reviews", list(_reviews(summary)), _reviews_lead(summary)),
    ]
    lead = f"{count(summary.scored)} reviews, {percent(summary.counts.share().value)} of them {_name(summary)}."
    shown = [section for section in sections if section.blocks]
    return Page(summary.input, "Report on reviews", lead, shown, list(_facts(summary)))


def _name(summary: Summary, verdict: Verdict = Verdict.positive) -> str:
    return summary.labels[verdict]


def _result(summary: Summary) -> Iterator[Block]:
    yield Tiles(list(_tiles(summary)))
    edges = np.linspace(0, 1, BINS + 1).tolist()
    middle, unsure = sum(summary.cuts) / 2, summary.cuts if summary.cuts[0] < summary.cuts[1] else None
    drawing = charts.drawn(charts.histogram(edges, summary.histogram.tolist(), middle, unsure))
    sure = int(summary.histogram[:4].sum() + summary.histogram[-4:].sum()) / max(summary.scored, 1)
    alt = f"Of {percent(sure)} of the reviews the model is at least nine tenths sure."
    yield Chart("Probabilities", drawing, alt, _bins(summary))
    yield _statuses(summary)
    yield _shares("By length", "characters", summary, summary.lengths)
    yield Prose(list(_caveats(summary)))


def _tiles(summary: Summary) -> Iterator[Tile]:
    share, adjusted = summary.counts.share(), summary.adjusted(summary.counts)
    yield Tile("Reviews", count(summary.scored), f"of {count(summary.rows)} rows")
    yield Tile(f"Called {_name(summary)}", percent(share.value), _range(share))
    if adjusted:
        yield Tile("Corrected for the model's errors", percent(adjusted.value), _range(adjusted))
    if unsure := summary.counts.of(Verdict.unsure):
        yield Tile("Unsure", percent(unsure / summary.scored), f"{count(unsure)} reviews")
    if summary.groups:
        yield Tile("Groups", count(len(summary.groups)))


def _caveats(summary: Summary) -> Iterator[str]:
    if recalls := summary.recalls:
        yield (
            "The corrected share is the adjusted count: a model that is right on "
            f"{percent(recalls.positive)} of positive and {percent(recalls.negative)} of negative reviews calls "
            f"{percent(summary.counts.share().value)} positive when so many are. These recalls come from "
            f"{recalls.source}; on other kinds of reviews they differ, and scorer evaluate tells how much, on labelled "
            "ones of your own."
        )
    if not summary.model:
        lost = "" if summary.recalls else " and the share is not corrected"
        yield (
            "Nothing shows that the model at hand gave these probabilities, so the words of reviews are not coloured"
            f"{lost}: name the model that scored them with --model."
        )
    yield "Intervals are of 95 %, and take the reviews for a sample of all that might have been written."


def _bins(summary: Summary) -> Table:
    rows = [[f"{at / BINS:.3g} to {(at + 1) / BINS:.3g}", count(int(n))] for at, n in enumerate(summary.histogram)]
    return Table("Probabilities", [Column("probability"), Column("reviews")], rows)


def _statuses(summary: Summary) -> Table:
    most = max(summary.statuses.values())
    rows: list[list[Cell]] = [[name, Bar(count(rows), rows / most)] for name, rows in summary.statuses.items()]
    if summary.skipped:
        rows.append(["left out as bad lines", Bar(count(summary.skipped), summary.skipped / most)])
    return Table("Rows", [Column("status", False), Column("rows")], rows)


def _shares(title: str, kind: str, summary: Summary, found: dict[str, Counts], note: str = "") -> Table:
    """The share of positive ones in each of several kinds of reviews."""
    overall = summary.counts.share().value
    rows: list[list[Cell]] = []
    for name, counts in found.items():
        share, adjusted = counts.share(), summary.adjusted(counts)
        corrected = [percent(adjusted.value) if adjusted else "–"] if summary.recalls else []
        drawn = Span(share.value, share.low, share.high, overall)
        rows.append([name, count(counts.rows()), percent(share.value), *corrected, drawn])
    columns = [Column(kind, False), Column("reviews"), Column(_name(summary))]
    columns += [Column("corrected")] if summary.recalls else []
    return Table(title, [*columns, Column("with its interval", False)], rows, note)


def _groups(summary: Summary) -> Iterator[Block]:
    if summary.by:
        shown = dict(list(summary.groups.items())[:_MOST_GROUPS])
        left = len(summary.groups) - len(shown)
        note = f"The {_MOST_GROUPS} largest; {count(left)} smaller ones are not shown." if left else ""
        yield _shares(f"By {summary.by}", summary.by, summary, shown, note)


def _over_time(summary: Summary) -> Iterator[Block]:
    steps = steps_of(summary.days)
    if len(steps) < 2:
        return
    share = [counts.share() for counts in steps.values()]
    texts = [
        f"{day}: {_in_words(one)}, {count(c.rows())} reviews"
        for (day, c), one in zip(steps.items(), share, strict=True)
    ]
    values, lows, highs = zip(*((one.value, one.low, one.high) for one in share), strict=True)
    draw = charts.over_time(list(steps), values, lows, highs, texts, summary.since)
    wide, narrow = charts.both_widths(draw)
    lowest, highest = (pick(zip(values, steps, strict=True)) for pick in (min, max))
    alt = (
        f"Between {percent(lowest[0])} (from {lowest[1]}) and {percent(highest[0])} (from {highest[1]}) are "
        f"{_name(summary)}; the band is the interval, the dashed line where the later period begins."
    )
    table = _shares("Over time", "from", summary, {str(day): counts for day, counts in steps.items()})
    yield Chart(f"Share of {_name(summary)} reviews", wide, alt, table, narrow)
    if summary.undated:
        yield Prose([f"{count(summary.undated)} reviews have no time and are not in this section or the next."])


def _change_lead(summary: Summary) -> str:
    return f"Reviews since {summary.since} beside those before." if summary.since else ""


def _change(summary: Summary) -> Iterator[Block]:
    dated = total(summary.days.values())
    if summary.since is None or not dated.rows(_BEFORE) or not dated.rows(_AFTER):
        return
    yield Tiles(list(_change_tiles(summary, dated)))
    if summary.by:
        yield _changed_groups(summary, summary.by)
    for side in (Verdict.negative, Verdict.positive):
        counts = summary.words.counts[:, side]
        found = telling_words(summary.words.words, counts[_AFTER], counts[_BEFORE], _MOST_WORDS)
        title = f"More often in {_name(summary, side)} reviews"
        if found:
            yield _word_table(title, found, ("since", "before"), _SIDES[side])
        else:
            yield Prose([f"No word is in {_name(summary, side)} reviews more often than before, beyond chance."])


def _change_tiles(summary: Summary, dated: Counts) -> Iterator[Tile]:
    for name, period in (("Before", _BEFORE), (f"Since {summary.since}", _AFTER)):
        yield Tile(name, percent(dated.share(period).value), f"{count(dated.rows(period))} reviews")
    gain = _gain(dated)
    yield Tile("Change", f"{100 * gain.value:+.1f} points", f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}")


def _changed_groups(summary: Summary, by: str) -> Table:
    """Those that have reviews in both periods, the surest changes first."""
    both = {name: one for name, one in summary.groups.items() if one.rows(_BEFORE) and one.rows(_AFTER)}
    order = sorted(both, key=lambda name: -_sureness(_gain(both[name])))[:_MOST_GROUPS]
    rows: list[list[Cell]] = []
    for name in order:
        one, gain = both[name], _gain(both[name])
        shares = [percent(one.share(period).value) for period in (_BEFORE, _AFTER)]
        rows.append([name, count(one.rows(_AFTER)), *shares, f"{100 * gain.value:+.1f}", _told(gain)])
    titles = ("since: reviews", "before", "since", "points")
    columns = [Column(by, False), *map(Column, titles), Column("", False)]
    return Table(f"By {by}", columns, rows, "The surest changes first.")


def _gain(counts: Counts) -> Interval:
    """How much the share of positive ones rose."""
    return share_gain(counts.share(_AFTER), counts.share(_BEFORE))


def _sureness(gain: Interval) -> float:
    half = gain.value - gain.low if gain.value > 0 else gain.high - gain.value
    return Z * abs(gain.value) / max(half, 1e-9)


def _told(gain: Interval) -> str:
    return "within chance" if gain.low <= 0 <= gain.high else "rose" if gain.value > 0 else "fell"


def _words(summary: Summary) -> Iterator[Block]:
    counts = summary.words.counts.sum(axis=0)
    for side, other in ((Verdict.positive, Verdict.negative), (Verdict.negative, Verdict.positive)):
        found = telling_words(summary.words.words, counts[side], counts[other], _MOST_WORDS)
        if found:
            kinds = _name(summary, side), _name(summary, other)
            yield _word_table(f"In {kinds[0]} reviews", found, kinds, _SIDES[side])


def _word_table(title: str, found: Sequence[TellingWord], kinds: tuple[str, str], side: str) -> Table:
    most = max((one.score for one in found), default=1.0)
    rows: list[list[Cell]] = [
        [one.text, count(one.first), count(one.second), Bar(f"{one.score:.1f}", one.score / most, side)]
        for one in found
    ]
    columns = [Column("word", False), *(Column(f"{kind}: reviews") for kind in kinds), Column("deviations")]
    return Table(title, columns, rows)


def _reviews_lead(summary: Summary) -> str:
    if not summary.model:
        return ""
    return "Words that speak for positive and, underlined, for negative: how far the score falls when one is not read."


def _reviews(summary: Summary) -> Iterator[Reviews]:
    titles = {
        "negative": f"The surest {_name(summary, Verdict.negative)} ones",
        "doubtful": "The most doubtful ones",
        "positive": f"The surest {_name(summary)} ones",
    }
    for kind, title in titles.items():
        shown = summary.examples[kind]
        if shown:
            yield Reviews(title, [_review(summary, one) for one in shown])


def _review(summary: Summary, one: Example) -> Review:
    low, high = summary.cuts
    verdict = (
        Verdict.positive if one.probability >= high else Verdict.unsure if one.probability >= low else Verdict.negative
    )
    pieces = summary.colours[one.text]
    return Review(pieces, one.probability, _SIDES[verdict], _name(summary, verdict), [f"row {one.row:,}"])


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "File", summary.input
    yield "Model", summary.model or "not known"
    low, high = summary.cuts
    yield "Called positive", f"from {high:g} on" + (f", unsure from {low:g} on" if low < high else "")


def _range(share: Interval) -> str:
    return f"{percent(share.low)} to {percent(share.high)}"


def _in_words(share: Interval) -> str:
    return f"{percent(share.value)} ({_range(share)})"
