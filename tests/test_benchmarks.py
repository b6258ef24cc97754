"""The benchmark of the README runs, on any Parquet file of reviews, without the peers that need an extra."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REVIEWS = ROOT / "data" / "reviews.parquet"


def test_speed_and_floor(tmp_path: Path) -> None:
    found = tmp_path / "speed.json"
    command = [sys.executable, "-m", "benchmarks", str(REVIEWS), "--peers", "--rounds", "2", "--json", str(found)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "of it (" in result.stdout
    measured = json.loads(found.read_text())
    assert [one["name"] for one in measured["contenders"]] == ["scorer run, Parquet", "scorer run, CSV"]
    assert all(len(one["rates"]) == 2 and min(one["rates"]) > 0 for one in measured["contenders"])
    for stages in measured["stages"]:
        assert stages.pop("rows") == 60
        assert len(stages) == 4
        assert min(stages.values()) > 0
