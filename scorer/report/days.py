"""When reviews were written: a column of times as days, and days as the steps of a chart."""

from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scorer.errors import InputError
from scorer.report.tally import Counts, total

__all__ = ["days_of", "last_part", "steps_of"]

_MOST_STEPS = 40
_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m")
_MILLISECONDS = 100_000_000_000
"""From here on a number is taken for milliseconds since 1970, else for seconds: the year 5138, or 1973."""


def days_of(values: pa.Array, where: str) -> pa.Array:
    """Each value's day as date32, null for null; `where` names the column.

    Dates and times are taken as they are, numbers as seconds or milliseconds since 1970, text as ISO 8601 or as a date
    of one of the usual forms. Raises `InputError` for what is none of these.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return days_of(values.dictionary_decode(), where)
    try:
        if pa.types.is_temporal(kind) and not pa.types.is_time(kind) and not pa.types.is_duration(kind):
            return values.cast(pa.date32(), safe=False)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _from_epoch(values)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _from_text(values, where)
    except pa.ArrowException as error:
        raise InputError(f"{where}: not a time: {error}") from error
    raise InputError(f"{where}: {kind} is not a time; name a column of dates, times or seconds since 1970")


def steps_of(days: Mapping[date, Counts]) -> dict[date, Counts]:
    """The counts by day, week, month or year, whichever gives a chart of at most forty steps; by their first days."""
    for first in (_day, _week, _month, _year):
        steps: dict[date, list[Counts]] = {}
        for day in sorted(days):
            steps.setdefault(first(day), []).append(days[day])
        if len(steps) <= _MOST_STEPS:
            break
    return {day: total(counts) for day, counts in steps.items()}


def last_part(days: Mapping[date, Counts], share: float = 0.25) -> date | None:
    """The day from which on about the last `share` of the reviews was written; None if all are of one day."""
    left = sum(counts.rows() for counts in days.values()) * share
    later = sorted(days, reverse=True)[:-1]
    for day in later:
        left -= days[day].rows()
        if left <= 0:
            return day
    return later[-1] if later else None


def _from_epoch(values: pa.Array) -> pa.Array:
    numbers = values.cast(pa.int64(), safe=False)
    seconds = pc.if_else(pc.greater_equal(pc.abs(numbers), _MILLISECONDS), pc.divide(numbers, 1000), numbers)
    return seconds.cast(pa.timestamp("s")).cast(pa.date32(), safe=False)


def _from_text(values: pa.Array, where: str) -> pa.Array:
    texts = pc.utf8_trim_whitespace(values)
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)
    dates = pc.utf8_slice_codeunits(texts, 0, 10)
    for form in _FORMATS:
        parsed = pc.strptime(dates, format=form, unit="s", error_is_null=True)
        if parsed.null_count == texts.null_count:
            return parsed.cast(pa.date32())
    if (number := _numbers(texts)) is not None:
        return _from_epoch(number)
    wrong = next(value for value in texts.to_pylist() if value)
    raise InputError(f"{where}: {wrong[:40]!r} is not a time; name a column of dates, as in 2024-05-31")


def _numbers(texts: pa.Array) -> pa.Array | None:
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _day(day: date) -> date:
    return day


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month(day: date) -> date:
    return day.replace(day=1)


def _year(day: date) -> date:
    return day.replace(month=1, day=1)
