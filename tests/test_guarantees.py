"""The page of promises names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_promise_names_its_test() -> None:
    page = (ROOT / "docs" / "GUARANTEES.md").read_text(encoding="utf-8")
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"\btest_\w+(?:\.py)?", page)
    assert len(named) > 10
    for name in named:
        assert name in files or any(f"def {name}(" in content for content in files.values()), name
