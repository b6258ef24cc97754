"""Files of a few kilobytes that inflate to a hundred gigabytes end in one line, not in a dead machine."""

import argparse
import subprocess
import sys
from pathlib import Path

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.errors import ModelError
from scorer.model.sealed import read_sealed, seal
from scorer.system.limits import memory_size
from tests.conftest import DATA, Command

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the guards are Linux's")
LIMIT = 600 << 20


# A launcher of its own: what a process is said to have taken at most begins with what its parent had.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10)
"""
SCORER = "import sys; sys.argv[0] = 'scorer'; from scorer.cli.app import main; main()"


def run_limited(*arguments: object) -> tuple[int, str, int]:
    """Exit code, stderr and largest resident size in bytes of `scorer run … --memory-limit 600MB`."""
    words = ["run", *map(str, arguments), "--memory-limit", "600MB", "--quiet"]
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-c", SCORER, *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    code, resident = map(int, result.stdout.split())
    return code, result.stderr, resident


def bomb(rows: int = 4096, size: int = 25 << 20) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["a " * (size // 2)])


@pytest.mark.parametrize("kind", ["text", "another column", "dictionary", "one text"])
def test_a_bomb_is_one_line(model: Path, tmp_path: Path, kind: str) -> None:
    tables = {
        "text": pa.table({"text": bomb()}),
        "another column": pa.table({"text": ["good"] * 4096, "notes": bomb()}),
        "dictionary": pa.table({"text": bomb()}),
        "one text": pa.table({"text": bomb(2, 150 << 20)}),
    }
    pq.write_table(tables[kind], "in.parquet", compression="zstd", store_schema=kind == "dictionary")
    assert Path("in.parquet").stat().st_size < 50_000
    code, error, resident = run_limited("in.parquet", "-o", "out.parquet")
    assert code == 1, error
    assert error.startswith("scorer: ")
    assert error.count("\n") == 1
    assert "--memory-limit" in error
    assert resident < LIMIT * 1.5
    assert not Path("out.parquet").exists()


def test_a_review_of_a_million_words_is_scored(model: Path, tmp_path: Path) -> None:
    texts = ["good film " * 500_000, "é" * 1_000_000, "x" * 5_000_000, "short"]
    pq.write_table(pa.table({"text": texts}), "in.parquet")
    code, error, _ = run_limited("in.parquet", "-o", "out.parquet", "--status")
    assert (code, error) == (0, "")
    assert pq.read_table("out.parquet")["sentiment_status"].to_pylist() == ["truncated", "ok", "ok", "ok"]


def test_a_gigantic_tokenizer_is_refused(model: Path, tmp_path: Path) -> None:
    sealed, graph = read_sealed(model), onnx.load(model)
    del graph.metadata_props[:]
    tokenizer = sealed.tokenizer_json + " " * (65 << 20)
    (tmp_path / "big.onnx").write_bytes(seal(graph.SerializeToString(), tokenizer, sealed.card))
    with pytest.raises(ModelError, match="its tokenizer has 65 MB"):
        read_sealed(tmp_path / "big.onnx")
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ModelError, match="at most 2 GB"):
        read_sealed(tmp_path / "huge.onnx")


# In a process of its own: where one that has run other tests already has more than the limit, it would be ended.
FAR_BEYOND = """
import resource
from scorer.system.limits import available_memory, limited_memory
before = resource.getrlimit(resource.RLIMIT_DATA)
try:
    with limited_memory(1 << 30):
        bytearray(7 << 30)
except MemoryError:
    print(resource.getrlimit(resource.RLIMIT_DATA) == before, available_memory() > 0)
"""


def test_an_allocation_far_beyond_is_an_error_and_the_limit_ends_with_the_block() -> None:
    result = subprocess.run([sys.executable, "-c", FAR_BEYOND], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("True True\n", "")


def test_sizes() -> None:
    sizes = {"800MB": 800 << 20, "1.5G": 3 << 29, "4 GiB": 4 << 30, "123456": 123456, "1t": 1 << 40}
    assert {text: memory_size(text) for text in sizes} == sizes
    for text in ("", "0", "-1GB", "many", "1PB"):
        with pytest.raises(argparse.ArgumentTypeError, match="not a size"):
            memory_size(text)


def test_usage(command: Command) -> None:
    result = command("scorer", "run", "a.csv", "-o", "b.csv", "--memory-limit", "lots")
    assert result.code == 2
    assert "'lots' is not a size" in result.err


@pytest.mark.parametrize(("limit", "words"), [("10MB", "more than 10 MB"), ("1500KB", "more than 1.465 MB")])
def test_small_limits_are_told_as_sizes(model: Path, limit: str, words: str) -> None:
    program = [sys.executable, "-m", "scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--memory-limit", limit]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert not Path("out.csv").exists()
