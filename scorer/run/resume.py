"""What a run has finished, kept beside its output until that is complete, so that the same command goes on from there.

Beside `scored.parquet` that is the folder `.scored.parquet.run`, with a journal of scores and the output so far. Only
scores are kept, five bytes a row, and the words that they rest on where these are asked for; they are found again by a
digest of their texts. Reading and writing are a small part of the work, so each attempt does them anew: however often a
run was interrupted, one pass over the input as it is now has written the whole output, and no score can meet a text
that it was not made for.
"""

import hashlib
import json
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.arrays import bools_of, bytes_and_offsets, without_nulls
from scorer.errors import InputError, OutputError
from scorer.files.outputs import Output
from scorer.run.attempt import attempt, changes, journal_in, refuse_changed
from scorer.run.fingerprint import Fingerprint
from scorer.scores import Scores, WordCounts

__all__ = ["FinishedWork", "finished_work", "text_digest"]

_SCORES, _FINGERPRINT, _COMPLETE = b"s", b"f", b"c"  # the first byte of a record says what it holds
_DIGEST_BYTES = hashlib.sha256().digest_size
_COUNTS = struct.Struct("<qqq")  # rows, words that were read, and unknown ones
_HEAD_BYTES = _DIGEST_BYTES + _COUNTS.size


def text_digest(texts: pa.StringArray | pa.LargeStringArray, unreadable: NDArray[np.bool_]) -> bytes:
    """SHA-256 of all that the scores of a window depend on, wherever it lies in memory."""
    data, offsets = bytes_and_offsets(without_nulls(texts))
    digest = hashlib.sha256(offsets.data)
    digest.update(bools_of(texts.is_null()).data)
    digest.update(unreadable.data)
    digest.update(data.data)
    return digest.digest()


@contextmanager
def finished_work(
    output: Output, fingerprint: Fingerprint, *, every: float, restart: bool = False
) -> Iterator["FinishedWork"]:
    """What earlier attempts at `output` have finished, to be added to, and deleted when the block succeeds.

    Windows go to disk when `every` seconds have gone since the last ones did; a run that is over before keeps nothing.
    `restart` forgets what there is. Raises `BusyOutputError` while another run writes `output`, and `OutputError` when
    what is there has another fingerprint.
    """
    with attempt(FinishedWork(output, every), fingerprint, restart) as work:
        yield work


class FinishedWork:
    """The scores of finished windows, in a journal that this run alone may write."""

    def __init__(self, output: Output, every: float) -> None:
        self._journal = journal_in(output.work_folder, output.name)
        self._output = output
        self._every = every
        self._started_at = self._written_at = time.monotonic()
        self._unwritten: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._rows = 0
        self._complete: dict[str, Any] = {}

    def begin(self, fingerprint: Fingerprint, restart: bool) -> None:
        """Find what is there; raises `OutputError` if it is of another fingerprint."""
        left_by = self._read()
        if self.summary is None:
            self._output.discard()  # of an attempt that was killed
        changed = changes(left_by, fingerprint)
        if not restart and self.summary is None:
            refuse_changed(self._output.name, changed)
        if changed or restart:
            self._forget()
        self._fingerprint = fingerprint
        if self._journal.is_empty or left_by != fingerprint.entries:
            self._unwritten.append(_FINGERPRINT + json.dumps(fingerprint.entries).encode())

    def _forget(self) -> None:
        self._journal.clear()
        self._places, self._rows, self._complete = {}, 0, {}

    def _read(self) -> dict[str, str]:
        """Learn where every window's scores are; returns the fingerprint's entries that were left with them."""
        left_by: dict[str, str] = {}
        for place, record in self._journal.records():
            kind, content = record[:1], record[1:]
            if kind == _SCORES:
                self._places[content[:_DIGEST_BYTES]] = place
                self._rows += _row_count(content)
            elif kind == _FINGERPRINT:
                left_by = json.loads(content)
            elif kind == _COMPLETE:
                self._complete = json.loads(content)
        return left_by

    @property
    def summary(self) -> dict[str, Any] | None:
        """What `complete` was told, if that output stands at its path: then only the cleaning up was cut off."""
        is_there = "mark" in self._complete and self._output.bears(self._complete["mark"])
        return self._complete["summary"] if is_there else None

    def find(self, digest: bytes) -> Scores | None:
        """The scores of the window with this `text_digest`, if they are kept. Safe from several threads at once."""
        place = self._places.get(digest)
        record = None if place is None else self._journal.read(place)
        return None if record is None else _unpack(record[1:])

    def keep(self, digest: bytes, scores: Scores) -> None:
        """Keep the scores of one more window."""
        self._unwritten.append(_SCORES + digest + _packed(scores))
        if time.monotonic() - self._written_at >= self._every:
            self._write()

    def complete(self, summary: Mapping[str, Any], *, known: bool) -> None:
        """Note that the output needs nothing more but to be closed and committed.

        Not where nothing was kept and it is `known` whose that output is: it is soon made again.
        """
        if known and self._journal.is_empty:
            return
        content = {"mark": self._output.mark(), "summary": summary}
        self._unwritten.append(_COMPLETE + json.dumps(content).encode())
        self._write()

    def _write(self) -> None:
        with self._output.naming():
            self._journal.append(self._unwritten)
        self._rows += sum(_row_count(record[1:]) for record in self._unwritten if record[:1] == _SCORES)
        self._unwritten.clear()
        self._written_at = time.monotonic()

    def leave(self, error: BaseException) -> None:
        """Keep what the next attempt can use, and say so in a note to `error`; if that is nothing, leave nothing."""
        if isinstance(error, InputError):  # mending that may take another file or other options
            self._unwritten.append(_FINGERPRINT + json.dumps(self._fingerprint.of_scores).encode())
        worth_it = not self._journal.is_empty or time.monotonic() - self._started_at >= self._every
        if worth_it:
            with suppress(OSError):  # the disk may be full; what was written before stays
                self._write()
        if not self._rows or self._journal.is_empty:
            self.discard()
            return
        self._journal.close()
        if not isinstance(error, OutputError):
            error.add_note(f"{self._rows:,} finished rows are kept, the same command goes on from there")

    def discard(self) -> None:
        """Leave nothing behind."""
        self._output.discard()
        self._journal.remove()


def _packed(scores: Scores) -> bytes:
    """Counts, probabilities, statuses, and a stream of Arrow with the strongest words if they were asked for."""
    content = _COUNTS.pack(len(scores.status), scores.words.read, scores.words.unknown)
    content += scores.probability.tobytes() + scores.status.tobytes()
    if scores.strongest is None:
        return content
    stream, words = pa.BufferOutputStream(), pa.RecordBatch.from_arrays([scores.strongest], ["words"])
    with pa.ipc.new_stream(stream, words.schema) as writer:
        writer.write_batch(words)
    return content + bytes(stream.getvalue())


def _row_count(content: bytes) -> int:
    return int(_COUNTS.unpack_from(content, _DIGEST_BYTES)[0])


def _unpack(content: bytes) -> Scores:
    rows = _row_count(content)
    probability = np.frombuffer(content, np.float32, rows, _HEAD_BYTES)
    status = np.frombuffer(content, np.uint8, rows, _HEAD_BYTES + 4 * rows)
    _, read, unknown = _COUNTS.unpack_from(content, _DIGEST_BYTES)
    stream = content[_HEAD_BYTES + 5 * rows :]
    strongest = pa.ipc.open_stream(stream).read_next_batch().column(0) if stream else None
    return Scores(probability, status, WordCounts(read, unknown), strongest)
