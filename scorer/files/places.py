"""Names of files, on this machine or by URI, and what reads and writes them."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from scorer.files.inputs import Input, LocalInput
from scorer.files.outputs import LocalOutput, Output
from scorer.files.pipes import PipeInput, StandardOutput, Stream, is_pipe

__all__ = ["Place", "asked", "input_at", "is_same", "output_at", "shown"]

Place = Path | str
"""A path of this machine, or a URI: a string, because a path would have one slash of two; a `Stream` is one too."""


_AT_ONCE = 32
"""A store takes some 30 ms for an answer, and gives thousands a second."""
_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


def asked(question: Callable[[_Asked], _Answer], things: Sequence[_Asked]) -> list[_Answer]:
    """What `question`, which waits for a disk or a store, says of each thing, in their order; many are asked at once.

    Raises what it raises for the first one for which it does.
    """
    with ThreadPoolExecutor(min(_AT_ONCE, max(len(things), 1))) as pool:
        return list(pool.map(question, things))


def shown(place: Place) -> str:
    """A place without what may be secret in a URI: the query, which holds signatures, and all that is before a host."""
    return re.sub(r"://[^/@]*@", "://", re.split(r"[?#]", place)[0]) if isinstance(place, str) else str(place)


def is_same(one: Place, other: Place) -> bool:
    """Both name the same file."""
    if isinstance(one, Path) and isinstance(other, Path):
        return one.exists() and other.exists() and one.samefile(other)
    return one == other


def input_at(place: Place) -> Input:
    """The file there; raises `InputError` if there is none that can be read."""
    if is_pipe(place):
        assert isinstance(place, (Path, Stream))
        return PipeInput(place)
    if isinstance(place, Path):
        return LocalInput(place)
    from scorer.files.remote import RemoteInput  # nothing of it is needed for files of this machine

    return RemoteInput(place)


def output_at(place: Place) -> Output:
    """The place of an output; raises `InputError` if there can be none."""
    if isinstance(place, Path):
        return LocalOutput(place)
    if isinstance(place, Stream):
        return StandardOutput()
    from scorer.files.remote import RemoteOutput

    return RemoteOutput(place)
