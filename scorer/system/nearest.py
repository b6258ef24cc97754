"""What somebody meant who spelled a name wrong: the nearest of the names that are there."""

from __future__ import annotations

import os
from itertools import islice

from scorer.system.terminal import printable, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:  # the parsers of all three tools import this, and --help should answer at once
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["did_you_mean", "did_you_mean_file", "nearest"]

_MOST_NAMES = 5_000
"""Compared at most, in less than a tenth of a second: a folder may hold a million files."""
_ALIKE = 0.6
"""Twice the characters that two names share, over all characters of both: the cutoff of `difflib`."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of the `known` names that is most like `name`, in whatever case, or that holds it; None if none is."""
    from difflib import get_close_matches  # only who made a mistake waits for the import

    by_folded = {one.casefold(): one for one in islice(known, _MOST_NAMES)}
    folded = name.casefold()
    if close := get_close_matches(folded, by_folded, n=1, cutoff=_ALIKE):
        return by_folded[close[0]]
    holding = [one for one in by_folded if len(folded) > 2 and folded in one]
    return by_folded[min(holding, key=len)] if holding else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message: `; did you mean 'review_body'?`, or nothing where no name is like it."""
    found = nearest(name, known)
    return f"; did you mean {shortened(printable(found))!r}?" if found else ""


def did_you_mean_file(path: Path) -> str:
    """The same of a file that is not there, by the names beside it; of its folder, where that is not there either."""
    missing = path
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    try:
        with os.scandir(missing.parent) as entries:
            found = nearest(missing.name, (entry.name for entry in entries))
    except OSError:  # a folder that may not be listed
        return ""
    return f"; did you mean {printable(str(missing.with_name(found)))!r}?" if found else ""
