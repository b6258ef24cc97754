"""Arrow's own files and streams: what Polars, pandas and Arrow wrote, and what is damaged."""

import random
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import Command, one_line

pytestmark = pytest.mark.usefixtures("model")
TEXTS = ["a good film", "bad, é 😀", None, "", "two\nlines", "good " * 50, "a good film"]
FRAME = pl.DataFrame(
    {
        "text": TEXTS,
        "kind": pl.Series(list("aabbaca"), dtype=pl.Categorical),
        "n": range(7),
        "inner": [{"a": ["x"]}] * 7,
    }
)
NEW = ["sentiment_probability", "sentiment"]


def scored(command: Command, *arguments: object) -> None:
    result = command("scorer", "run", *arguments, "--force", "--verify", 7)
    assert (result.code, "7 rows scored again" in result.out) == (0, True), result.err


def test_files_and_streams_of_others(command: Command) -> None:
    FRAME.write_parquet("in.parquet")
    scored(command, "in.parquet", "-o", "expected.parquet")
    expected = pl.read_parquet("expected.parquet")
    FRAME.write_ipc("in.arrow", compression="zstd")
    FRAME.write_ipc_stream("in.arrows")
    feather.write_feather(FRAME.to_arrow(), "in.feather", chunksize=2)
    for name, (out, read) in zip(
        ["in.arrow", "in.arrows", "in.feather"],
        [("out.ipc", pl.read_ipc), ("out.arrows", pl.read_ipc_stream), ("out.parquet", pl.read_parquet)],
        strict=True,
    ):
        scored(command, name, "-o", out)
        assert_frame_equal(read(Path(out).read_bytes()), expected, categorical_as_str=True)
    assert feather.read_table("out.ipc").column_names == [*FRAME.columns, *NEW]


def test_a_frame_of_pandas_keeps_its_index(command: Command) -> None:
    pd.DataFrame({"text": ["good", "bad"]}, index=pd.Index([7, 9], name="key")).reset_index().to_feather("in.feather")
    assert command("scorer", "run", "in.feather", "-o", "out.feather").code == 0
    assert list(pd.read_feather("out.feather").columns) == ["key", "text", *NEW]


def test_categories_that_change_from_batch_to_batch(command: Command) -> None:
    batches = [pa.record_batch({"text": pa.array(texts).dictionary_encode()}) for texts in (["a", "b"], ["c", "a"])]
    with pa.ipc.new_stream("in.arrows", batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    for out in ("out.arrow", "out.arrows", "out.parquet"):
        assert command("scorer", "run", "in.arrows", "-o", out).code == 0
    with pa.ipc.open_file("out.arrow") as reader:
        assert reader.read_all()["text"].to_pylist() == list("abca")


def test_through_a_pipe_and_in_folders(command: Command) -> None:
    run = [sys.executable, "-m", "scorer", "run", "-", "-o", "-", "--format", "arrows", "-q"]
    FRAME.write_ipc_stream("in.arrows")
    found = subprocess.run(run, input=Path("in.arrows").read_bytes(), capture_output=True, check=True)
    assert pl.read_ipc_stream(found.stdout)["text"].to_list() == TEXTS
    FRAME.write_ipc("in.arrow")
    assert command("scorer", "run", "in.arrow", "in.arrows", "-o", "out/", "--output-format", "jsonl").code == 1
    Path("in.arrows").rename("more.arrows")
    assert command("scorer", "run", "in.arrow", "more.arrows", "-o", "out/").code == 0
    assert pl.read_ipc("out/in.arrow").rows() == pl.read_ipc_stream("out/more.arrows").rows()
    assert command("scorer", "run", "in.arrow", "more.arrows", "-o", "one.parquet").code == 0
    assert len(pl.read_parquet("one.parquet")) == 14


@pytest.mark.parametrize("name", ["in.arrow", "in.arrows"])
def test_damaged_files_are_one_line(command: Command, name: str) -> None:
    """Arrow itself believes offsets and lengths, and would read beyond its memory."""
    table = pa.table({"text": ["a good film", "bad"] * 500, "n": range(1000)})
    new = pa.ipc.new_file if name == "in.arrow" else pa.ipc.new_stream
    with new(name, table.schema) as writer:
        writer.write_table(table)
    content, rng = Path(name).read_bytes(), random.Random(7)
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 127, 255])
        Path(name).write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(1, len(damaged))])])
        result = command("scorer", "run", name, "-o", "out.parquet", "--force", "-q")
        if result.code:
            one_line(result, f"{name}: ")
        else:
            assert pq.read_table("out.parquet").num_rows <= 1000


def test_what_is_no_such_file(command: Command) -> None:
    FRAME.write_ipc("in.csv")
    one_line(command("scorer", "run", "in.csv", "-o", "out.csv"), "in.csv: is an Arrow file", "--format arrow")
    Path("in.arrow").write_text("id,text\n1,good\n")
    one_line(command("scorer", "run", "in.arrow", "-o", "out.csv"), "in.arrow: not an Arrow file or stream, or damaged")
    one_line(command("scorer", "run", "in.csv", "-o", "out.arrow.gz"), "arrow is not compressed as a whole")
