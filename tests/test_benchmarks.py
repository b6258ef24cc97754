"""The benchmarks of the README run, on any Parquet file of reviews, without the peers that need an extra."""

import json
import subprocess
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

ROOT = Path(__file__).parents[1]
REVIEWS = ROOT / "data" / "reviews.parquet"


def run(module: str, *options: str | Path) -> str:
    command = [sys.executable, "-m", module, str(REVIEWS), *map(str, options)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_speed_and_floor(tmp_path: Path) -> None:
    found = tmp_path / "speed.json"
    assert "of it (" in run("benchmarks", "--peers", "--rounds", "2", "--json", found)
    measured = json.loads(found.read_text())
    assert [one["name"] for one in measured["contenders"]] == ["scorer run, Parquet", "scorer run, CSV"]
    for one in measured["contenders"]:
        assert len(one["rates"]) == len(one["whole_rates"]) == 2
        assert all(0 < whole < rate for whole, rate in zip(one["whole_rates"], one["rates"], strict=True))
    for stages in measured["stages"]:
        assert stages.pop("rows") == 60
        assert len(stages) == 4
        assert min(stages.values()) > 0


def test_text_to_ids(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "film": 2, "##s": 3}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    shown = run("benchmarks.tokenizing", "--tokenizer", tmp_path, "--rounds", "1")
    assert "60 texts, the same ids" in shown
    assert "embedded model" in shown
    assert tmp_path.name in shown
