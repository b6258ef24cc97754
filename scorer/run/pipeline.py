"""The thread pipeline: windows are read and written by the caller, encoded ahead, scored batch by batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.errors import InputError
from scorer.model.batches import Batch
from scorer.run.window import Window
from scorer.scores import Scores

__all__ = ["scored_in_order", "scored_one_by_one"]

_WORKERS_PER_ENCODER = 4
"""The network takes about five times as long as text to ids: 138 against 30 µs a review."""
_FIRST_ROWS = 512
"""Until they are encoded, in 10 to 15 ms, all workers but one are idle."""
_AHEAD = 2
"""Windows beside those in the encoders' hands: one being written, one whose batches the workers share."""
_Begun = tuple[Window, list[Future[NDArray[np.float64]]]]


@contextmanager
def scored_in_order(
    windows: Iterable[pa.RecordBatch],
    prepare: Callable[[pa.RecordBatch], Window],
    score: Callable[[Batch], NDArray[np.float64]],
    workers: int,
) -> Iterator[Iterator[tuple[Window, Scores]]]:
    """All windows in order with their scores; what is not begun when the block ends is dropped.

    `workers` threads run the network and share the batches of a window, so that all of them are busy to the last one.
    Few others encode what comes next: texts take the most memory of all while they are taken apart.
    """
    encoders = -(-workers // _WORKERS_PER_ENCODER)
    encoding = ThreadPoolExecutor(encoders)
    scoring = ThreadPoolExecutor(workers)

    def begin(rows: pa.RecordBatch) -> _Begun:
        window = prepare(rows)
        return window, [scoring.submit(score, batch) for batch in window.batches]

    try:
        begun = _in_order(encoding, begin, _small_at_first(windows), ahead=_AHEAD + encoders)
        yield ((window, window.scores(one.result() for one in futures)) for window, futures in begun)
    finally:
        encoding.shutdown(cancel_futures=True)  # first, because it hands work to the other
        scoring.shutdown(cancel_futures=True)


@contextmanager
def scored_one_by_one(
    windows: Iterable[pa.RecordBatch],
    prepare: Callable[[pa.RecordBatch], Window],
    score: Callable[[Batch], NDArray[np.float64]],
) -> Iterator[Iterator[tuple[Window, Scores]]]:
    """The same in the caller's thread: of so few rows that others would begin when they are done."""
    yield ((window, window.scores(map(score, window.batches))) for window in map(prepare, windows))


def _small_at_first(windows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, the first windows cut small: the network has to wait for the first one to be encoded."""
    most = _FIRST_ROWS
    for window in windows:
        while window.num_rows > most:
            yield window.slice(0, most)
            window = window.slice(most)
            most *= 2
        yield window


def _in_order(
    pool: ThreadPoolExecutor, begin: Callable[[pa.RecordBatch], _Begun], windows: Iterable[pa.RecordBatch], ahead: int
) -> Iterator[_Begun]:
    """Begun windows in order, at most `ahead` of them read and not yet handed out; those before an error too."""
    pending: deque[Future[_Begun]] = deque()
    failure: InputError | None = None
    try:
        for window in windows:
            pending.append(pool.submit(begin, window))
            if len(pending) >= ahead:
                yield pending.popleft().result()
    except InputError as error:
        failure = error
    while pending:
        yield pending.popleft().result()
    if failure:
        raise failure
