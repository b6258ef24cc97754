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

TABLES = {"parquet": 8, "csv": 4, "signs": 4, "escaped": 1, "unquoted": 1, "packed": 2, "arrow": 2, "jsonl": 4}
MODELS = {"model": 2, "graph": 1, "tokenizer": 1, "card": 1, "checkpoint": 2}
SHARES = TABLES | MODELS


@pytest.mark.parametrize("kinds", [TABLES, MODELS], ids=["tables", "models"])
def test_damaged_files(kinds: dict[str, int], fitted: Path, request: pytest.FixtureRequest) -> None:
    """Cases are run in one other process, which names each one's seed first: a crash is told by the last one."""
    cases = request.config.getoption("--fuzz-cases")
    counts = {kind: cases * share // sum(SHARES.values()) for kind, share in kinds.items()}
    each = [f"{kind}:{count}" for kind, count in counts.items()]
    command = [sys.executable, "-m", "tests.fuzz", fitted / "best.onnx", fitted / "best.pth", "0", *each]
    folder = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    result = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    lines = result.stdout.splitlines()
    assert result.returncode == 0, f"{lines[-1:]}: exit code {result.returncode}\n{result.stderr}"
    assert result.stderr == ""
    ends = [line for line in lines if ": results " in line]
    assert [line.split(":")[0] for line in ends] == list(kinds)
    assert len(lines) == sum(counts.values()) + len(kinds)
    print(*ends, sep="\n")


def test_one_seed_is_one_damage() -> None:
    content = bytes(range(256)) * 20
    damaged = [mutated(content, random.Random(seed)) for seed in range(50)]
    assert damaged == [mutated(content, random.Random(seed)) for seed in range(50)]
    assert len(set(damaged)) > 45
