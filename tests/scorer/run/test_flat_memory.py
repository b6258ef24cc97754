"""What is large stays on disk: peak memory does not grow with the file, and one huge review does not stop a run."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Command
from tests.writing import write_table

pytestmark = pytest.mark.usefixtures("model")


def write(path: Path, texts: list[str]) -> Path:
    """Parquet in a single row group."""
    spelling = {"row_group": len(texts), "compression": "none"} if path.suffix == ".parquet" else {}
    return write_table(path, {"text": texts}, **spelling)


def peak_bytes(path: Path) -> int:
    """Of `scorer run` on the file; the system's count for a child would begin with what this process has."""
    program = (
        "import sys; from scorer.cli.app import main\n"
        f"sys.argv = ['scorer', 'run', {str(path)!r}, '-o', 'out{path.suffix}', '--force', '-q', '--workers', '1']\n"
        "try: main()\n"
        "finally: print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(result.stdout) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    sizes, peaks = [], []
    for rows in (20_000, 60_000):  # both more than is under way at once
        path = write(tmp_path / f"in{suffix}", [f"a good film {i}" + " " * 2_000 for i in range(rows)])
        sizes.append(path.stat().st_size)
        peaks.append(peak_bytes(path))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 4


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_huge_review_is_scored_like_any(command: Command, tmp_path: Path, suffix: str) -> None:
    huge = f"lovely {' ' * 18_000_000} a good\nfilm"
    texts = [*(f"review {i}\nof many" for i in range(5_000)), huge, "the last", "a good\nfilm"]
    path = write(tmp_path / f"in{suffix}", texts)
    result = command("scorer", "run", path, "-o", "out.parquet")
    assert result.code == 0, result.err
    table = pq.read_table("out.parquet")
    assert table["text"].to_pylist() == texts
    assert command("scorer", "run", write(tmp_path / f"first{suffix}", [huge]), "-o", "huge.parquet").code == 0
    assert pq.read_table("huge.parquet")["sentiment_probability"][0] == table["sentiment_probability"][5_000]
