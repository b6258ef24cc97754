"""Windows of rows: what is scored at a time, however large the blocks are in which a file is read."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["WINDOW_ROWS", "windows_of"]

WINDOW_ROWS = 4096
"""IMDB reviews a second on two cores with windows of 2,048 rows: 10,500; 3,125: 11,700; 4,096: 11,300."""
_WINDOW_BYTES = 8 << 20


def windows_of(blocks: Iterable[pa.RecordBatch], window_rows: int) -> Iterator[pa.RecordBatch]:
    """All rows in order, `window_rows` at a time, or fewer where they are large: their batches waste no padding."""
    held: list[pa.RecordBatch] = []
    for block in blocks:
        held.append(block)
        rows = sum(one.num_rows for one in held)
        if rows >= window_rows or sum(one.nbytes for one in held) >= _WINDOW_BYTES:
            joined = pa.concat_batches(held)
            whole = rows // window_rows * window_rows or rows
            held = [joined.slice(whole)]  # before windows are handed out: the blocks need not wait for their scores
            for start in range(0, whole, window_rows):
                yield joined.slice(start, min(window_rows, whole - start))
    if any(one.num_rows for one in held):
        yield pa.concat_batches(held)
