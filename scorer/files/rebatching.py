"""Windows of rows: what is scored at a time, however large the blocks are in which a file is read."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["WINDOW_BYTES", "WINDOW_ROWS", "windows_of"]

WINDOW_ROWS = 16_384
"""Sorted by length together: of short texts' batches a twenty-fifth is padding; a twelfth in windows of 8,192."""
WINDOW_BYTES = 5 << 20
"""Some 4,000 film reviews. Windows of 2,048 of them: 10,500 reviews a second; 3,125: 11,700; 4,096: 11,300."""


def windows_of(blocks: Iterable[pa.RecordBatch], window_rows: int) -> Iterator[pa.RecordBatch]:
    """All rows in order, `window_rows` at a time, or fewer where they are large: their batches waste no padding.

    Those before an error come before it.
    """
    held, rows, size = list[pa.RecordBatch](), 0, 0
    failure: Exception | None = None
    try:
        for block in blocks:
            held.append(block)
            rows, size = rows + block.num_rows, size + block.nbytes  # of thousands of small files each is counted once
            if rows >= window_rows or size >= WINDOW_BYTES:
                joined = pa.concat_batches(held)
                whole = rows // window_rows * window_rows or rows
                held = [joined.slice(whole)]  # before windows are handed out: blocks need not wait for their scores
                rows, size = held[0].num_rows, held[0].nbytes
                for start in range(0, whole, window_rows):
                    yield joined.slice(start, min(window_rows, whole - start))
    except Exception as error:  # of any reader
        failure = error
    if any(one.num_rows for one in held):
        yield pa.concat_batches(held)
    if failure:
        raise failure
