"""Damaged files of every kind end in a correct result or in one line: no traceback, crash, hang, growth or output.

More cases: pytest tests/fuzz --fuzz-cases 100000
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutation import mutated

SHARES = {"parquet": 8, "csv": 4, "escaped": 1, "unquoted": 1, "packed": 2, "arrow": 2, "jsonl": 4}
SHARES |= {"model": 2, "graph": 1, "tokenizer": 1, "card": 1, "checkpoint": 2}


@pytest.mark.parametrize("kind", SHARES)
def test_damaged_files(kind: str, fitted: Path, request: pytest.FixtureRequest) -> None:
    """Every case is run in one other process, which names its seed first: a crash is told by the last one."""
    count = request.config.getoption("--fuzz-cases") * SHARES[kind] // sum(SHARES.values())
    command = [sys.executable, "-m", "tests.fuzz", fitted / "best.onnx", fitted / "best.pth", kind, "0", count]
    folder = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    result = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    *seeds, last = result.stdout.splitlines()
    assert result.returncode == 0, f"{kind}, seed {last}: exit code {result.returncode}\n{result.stderr}"
    assert result.stderr == ""
    assert len(seeds) == count
    assert last.startswith("results ")
    print(f"{kind}: {count} cases, {last}")


def test_one_seed_is_one_damage() -> None:
    content = bytes(range(256)) * 20
    damaged = [mutated(content, random.Random(seed)) for seed in range(50)]
    assert damaged == [mutated(content, random.Random(seed)) for seed in range(50)]
    assert len(set(damaged)) > 45
