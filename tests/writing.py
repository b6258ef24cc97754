"""One way for all tests to write a table, in the format that its file's name tells."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_table(
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    *,
    row_group: int | None = None,
    encoding: str = "utf-8",
    **spelling: Any,
) -> Path:
    """Write `columns` to `path`: Parquet by Arrow, CSV and JSON Lines by Python's own writers; returns `path`."""
    rows = zip(*columns.values(), strict=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table(dict(columns)), path, row_group_size=row_group, **spelling)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding=encoding) as file:
            csv.writer(file, **spelling).writerows([list(columns), *rows])
    else:
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows), encoding)
    return path
