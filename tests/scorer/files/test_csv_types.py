"""`--types infer`: columns of CSV get a type where every cell of the file keeps its meaning, and else stay strings."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorer.files.csv_types import TypedSource
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from tests.conftest import Command, one_line
from tests.scorer.files.csv_files import run
from tests.writing import write_table

COLUMNS = {
    "stars": (["5", "-1", "", "0"], pa.int64()),
    "largest": (["9223372036854775807", "1", "1", "1"], pa.int64()),
    "price": (["12.50", "3", "-0.0", "0.30000000000000004"], pa.float64()),
    "verified": (["true", "false", "", "true"], pa.bool_()),
    "Verified": (["True", "False", "False", "True"], pa.bool_()),
    "day": (["2024-02-29", "1999-01-01", "", "2024-01-01"], pa.date32()),
    "at": (["2024-01-01 10:00:00", "2024-01-01T10:00:00.25", "", "2024-01-01 00:00:00"], pa.timestamp("us")),
    "zoned": (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+00:00", "", ""], pa.timestamp("us", "UTC")),
    "exact": (["2024-01-01T10:00:00.123456789", "", "", ""], pa.timestamp("ns")),
    "zip": (["01234", "90210", "1", "1"], pa.string()),
    "larger": (["9223372036854775808", "1", "1", "1"], pa.string()),
    "digits": (["0.1234567890123456789", "1.5", "1", "1"], pa.string()),
    "power": (["1e5", "1", "1", "1"], pa.string()),
    "plus": (["+1", "1", "1", "1"], pa.string()),
    "spaced": ([" 1", "1", "1", "1"], pa.string()),
    "none": (["N/A", "1", "1", "1"], pa.string()),
    "nan": (["nan", "1.5", "1", "1"], pa.string()),
    "spelled": (["true", "True", "true", "true"], pa.string()),
    "yes": (["yes", "no", "no", "no"], pa.string()),
    "no day": (["2023-02-29", "2024-01-01", "", ""], pa.string()),
    "mixed": (["2024-01-01", "2024-01-01 10:00:00", "", ""], pa.string()),
    "local": (["2024-01-01T10:00:00+02:00", "", "", ""], pa.string()),
    "empty": (["", "", "", ""], pa.string()),
    "text": (["1", "2", "3", "4"], pa.string()),
}


def test_a_type_that_all_cells_have(command: Command, model: Path) -> None:
    """Texts stay texts; what stays a string stays the string it was."""
    write_table(Path("in.csv"), {name: cells for name, (cells, _) in COLUMNS.items()})
    assert command("scorer", "run", "in.csv", "-o", "out.parquet", "--types", "infer", "--verify", 4).code == 0
    found = pq.read_table("out.parquet")
    assert dict(zip(found.schema.names, found.schema.types, strict=True)) == {
        **{name: kind for name, (_, kind) in COLUMNS.items()},
        "sentiment_probability": pa.float32(),
        "sentiment": pa.string(),
    }
    for name, (cells, kind) in COLUMNS.items():
        if kind == pa.string():
            assert found[name].to_pylist() == cells
    assert found["stars"].to_pylist() == [5, -1, None, 0]
    assert found["price"].to_pylist() == [12.5, 3.0, 0.0, 0.30000000000000004]


def meaning(cell: str, value: Any) -> bool:
    """Whether a value says what its cell says, by Python's own types."""
    match value:
        case bool():
            return cell.lower() == str(value).lower()
        case int() | str():
            return cell == str(value)
        case float():
            return Decimal(cell) == Decimal(repr(value))
        case datetime():
            return datetime.fromisoformat(cell) == value
        case date():
            return cell == value.isoformat()
    return value is None and cell == ""


def spelled(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return values.map(str)


KINDS = [
    spelled(st.integers(-(10**20), 10**20)),
    spelled(st.integers(-9, 9)),
    spelled(st.floats()),
    spelled(st.decimals(-1000, 1000, places=2)),
    st.from_regex(r"-?[0-9]{1,20}\.[0-9]{1,20}", fullmatch=True, alphabet="-.0123456789"),
    st.sampled_from(["true", "false"]),
    spelled(st.booleans()),
    spelled(st.dates()),
    spelled(st.datetimes()),
    st.datetimes(datetime(1000, 1, 1)).map(lambda one: f"{one.isoformat()}Z"),
    st.sampled_from(["N/A", "1e5", "007", "+1", "1_000", "٣", "1.", ".5", "-", "0x1", "T", "2024-1-1", "10:00:00"]),
]
ONE_KIND = [st.lists(st.just("") | kind, min_size=1, max_size=8) for kind in (*KINDS, st.one_of(KINDS))]


@settings(max_examples=80)
@example(["0.1", "100000000000000000000.5"])
@example(["2024-01-01 10:00:00", "9999-01-01 10:00:00.123456789"])
@given(st.one_of(ONE_KIND))
def test_nothing_is_lost(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = write_table(tmp_path_factory.getbasetemp() / "in.csv", {"text": ["x"] * len(cells), "n": cells})
    source = TypedSource(open_source(LocalInput(path), window_rows=2), {"text"})
    assert source.row_count == len(cells)
    values = [value for window in source.windows() for value in source.decode(window).rows["n"].to_pylist()]
    assert all(map(meaning, cells, values)), (source.schema, values)


@settings(max_examples=30)
@given(st.sampled_from(range(4)), st.data())
def test_plain_values_get_their_type(tmp_path_factory: pytest.TempPathFactory, which: int, data: st.DataObject) -> None:
    """What is written as most programs write it is no string."""
    values, kind = [
        (st.integers(-(2**63), 2**63 - 1), pa.int64()),
        (st.floats(-1e9, 1e9).map(lambda one: round(one, 3)), pa.float64()),
        (st.dates(date(1000, 1, 1)), pa.date32()),
        (st.datetimes(datetime(1000, 1, 1)), pa.timestamp("us")),
    ][which]
    cells = data.draw(st.lists(values, min_size=1))
    path = write_table(tmp_path_factory.getbasetemp() / "in.csv", {"text": ["x"] * len(cells), "n": cells})
    assert TypedSource(open_source(LocalInput(path)), {"text"}).schema.field("n").type == kind


def test_the_last_row_of_many_decides(command: Command, model: Path) -> None:
    """Of several files and their folders too."""
    for month, last in {"1": "7", "2": "eight"}.items():
        Path(f"month={month}").mkdir()
        cells = [*map(str, range(9000)), last]
        write_table(Path(f"month={month}/a.csv"), {"text": ["good"] * 9001, "n": cells, "m": ["1"] * 9001})
    types = ("--types", "infer", "--columns", "m,n,month")
    assert command("scorer", "run", "month=1", "month=2", "-o", "both.arrow", *types).code == 0
    both = pyarrow.feather.read_table("both.arrow")
    assert both.schema.types[:3] == [pa.int64(), pa.string(), pa.int64()]
    assert both["n"][-1].as_py() == "eight"
    asked = ("-o", "out.parquet", "--types", "infer", "--json", "--dry-run")
    previewed = command("scorer", "run", "month=1/a.csv", *asked)
    assert json.loads(previewed.out)["schema"]["n"] == "int64"


def test_where_no_types_can_be_found(command: Command, model: Path) -> None:
    types = ("--types", "infer")
    one_line(run(command, "text\ngood\n", *types), "out.csv: csv has no types", "--types infer is for .parquet")
    one_line(run(command, '{"text": "good"}', *types, name="in.jsonl", to="out.parquet"), "in.jsonl: has types already")
    assert not Path("out.parquet").exists()
