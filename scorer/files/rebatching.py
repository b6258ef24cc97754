"""Windows of rows: what is scored at a time, however large the blocks are in which a file is read."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["WINDOW_ROWS", "windows_of"]

WINDOW_ROWS = 4096
_WINDOW_BYTES = 8 << 20


def windows_of(blocks: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """All rows in order, `WINDOW_ROWS` at a time, or fewer where they are large: their batches waste no padding."""
    held: list[pa.RecordBatch] = []
    for block in blocks:
        held.append(block)
        rows = sum(one.num_rows for one in held)
        if rows >= WINDOW_ROWS or sum(one.nbytes for one in held) >= _WINDOW_BYTES:
            joined = pa.concat_batches(held)
            whole = rows // WINDOW_ROWS * WINDOW_ROWS or rows
            held = [joined.slice(whole)]  # before windows are handed out: the blocks need not wait for their scores
            for start in range(0, whole, WINDOW_ROWS):
                yield joined.slice(start, min(WINDOW_ROWS, whole - start))
    if any(one.num_rows for one in held):
        yield pa.concat_batches(held)
