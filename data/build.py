"""Build ``reviews.parquet`` from ``reviews.csv``.

Run from the repository root (needs only pyarrow)::

    python data/build.py

The same CSV and the same pyarrow version give the same bytes.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
COLUMNS = ["id", "date", "stars", "text"]

# An empty field in the CSV is a null for these ids and an empty string for any other.
NULL_TEXT_IDS = frozenset({17, 34, 52})

# The nested ``source`` column: row ``id`` takes entry ``(id - 1) % len(SOURCES)``.
SOURCES: list[dict[str, Any]] = [
    {"site": "shop.example", "tags": ["verified"]},
    {"site": "films.example", "tags": ["film", "long-read"]},
    {"site": "tables.example", "tags": []},
    {"site": "stays.example", "tags": ["travel"]},
    {"site": "forum.example", "tags": ["mobile", "verified", "edited"]},
]

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("date", pa.date32()),
        ("stars", pa.int8()),
        ("text", pa.string()),
        ("source", pa.struct([("site", pa.string()), ("tags", pa.list_(pa.string()))])),
    ]
)


def parse_text(review_id: int, text: str) -> str | None:
    """Return the review's text, or None where the row's text is null."""
    if review_id not in NULL_TEXT_IDS:
        return text
    if text:
        raise ValueError(f"row {review_id} is listed as null but has a text")
    return None


def parse_row(row: dict[str, str]) -> dict[str, Any]:
    """Turn one CSV row into one typed row of the table."""
    review_id = int(row["id"])
    return {
        "id": review_id,
        "date": date.fromisoformat(row["date"]),
        "stars": int(row["stars"]) if row["stars"] else None,
        "text": parse_text(review_id, row["text"]),
        "source": SOURCES[(review_id - 1) % len(SOURCES)],
    }


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the CSV at ``path``; a wrong header is an error."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"{path.name}: expected columns {COLUMNS}, got {reader.fieldnames}")
        return [parse_row(row) for row in reader]


def main() -> None:
    """Write ``reviews.parquet`` next to this script."""
    table = pa.Table.from_pylist(read_rows(HERE / "reviews.csv"), schema=SCHEMA)
    target = HERE / "reviews.parquet"
    pq.write_table(table, target, compression="snappy")
    print(f"{target}: {table.num_rows} rows")


if __name__ == "__main__":
    main()
