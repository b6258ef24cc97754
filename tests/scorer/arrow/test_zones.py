"""Times of zones that this machine does not know are written as the same moments in UTC."""

import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command

pytestmark = pytest.mark.usefixtures("model")
MOMENT = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
EMPTIED = "mount -t tmpfs none /usr/share/zoneinfo && "


def write(zone: str) -> None:
    times = pa.array([round(MOMENT.timestamp()) * 1_000_000, None])
    kind = pa.timestamp("us", zone)
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), times.cast(kind))
    columns = {"text": ["good", "bad"], "time": times.cast(kind), "list": lists}
    columns["struct"] = pa.StructArray.from_arrays([times.cast(kind)], ["inner"])
    pq.write_table(pa.table(columns), "in.parquet")


def moments(time: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(time).astimezone(datetime.UTC)


def assert_same_moments() -> None:
    first, second = (json.loads(line) for line in Path("out.jsonl").read_text().splitlines())
    assert moments(first["time"]) == moments(first["list"][0]) == moments(first["struct"]["inner"]) == MOMENT
    assert (second["time"], second["list"], second["struct"]) == (None, [None], {"inner": None})
    cells = pl.read_csv("out.csv", infer_schema=False).rows(named=True)[0]
    assert moments(cells["time"]) == moments(json.loads(cells["list"])[0]) == MOMENT


@pytest.mark.parametrize("zone", ["Mars/Phobos", "Z", "Europe/Paris", "UTC", "-03:30"])
def test_zones_that_no_database_has(command: Command, zone: str) -> None:
    write(zone)
    for output in ("out.jsonl", "out.csv", "out.parquet"):
        result = command("scorer", "run", "in.parquet", "-o", output)
        assert result.code == 0, result.err
    assert_same_moments()
    assert pq.read_schema("out.parquet").field("time").type.tz == zone


def test_a_machine_without_a_database() -> None:
    alone = ["unshare", "-rm", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*alone, f"{EMPTIED} true"], check=False).returncode:
        pytest.skip("a folder of the system can be hidden only where unshare and mount may be used")
    write("Europe/Paris")
    for output in ("out.jsonl", "out.csv"):
        run = [sys.executable, "-m", "scorer", "run", "in.parquet", "-o", output, "--quiet"]
        ended = subprocess.run([*alone, f'{EMPTIED} exec "$@"', "sh", *run], capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
    assert_same_moments()
