"""The README's pictures, from what the commands really print and write.

python -m benchmarks.pictures --terminal docs/terminal.svg --page best.run/report.html --report docs/report.png
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
COMMANDS = (
    'scorer text "This movie was absolutely fantastic! I loved it."',
    "scorer run data/reviews.csv -o scored.parquet --text-column txet",
    "scorer run data/reviews.csv -o scored.parquet --dry-run",
    "scorer run data/reviews.csv -o scored.parquet",
)
_COLUMNS = 100
_WEB_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # a picture that asks for nothing


def terminal(path: Path) -> None:
    """Run `COMMANDS` in a fresh folder and save what they show as SVG."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        shutil.copytree(ROOT / "data", Path(folder) / "data")
        shown = Console(record=True, width=_COLUMNS, file=nowhere)
        for command in COMMANDS:
            shown.print(Text.assemble(("$ ", "green"), (command, "bold")))
            shown.print(Text(_output(command, folder)))
        drawn = shown.export_svg(title="sentiment-scorer")
        path.write_text(_WEB_FONT.sub("", drawn), encoding="utf-8")


def _output(command: str, folder: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    run = ["bash", "-c", f"{command} 2>&1"]
    return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def report(page: Path, path: Path) -> None:
    """Save the top of a report as PNG, by headless Chromium."""
    window = ["--window-size=1060,900", "--hide-scrollbars", f"--screenshot={path.resolve()}"]
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", *window, page.resolve().as_uri()]
    subprocess.run(browser, check=True, capture_output=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminal", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    if given.terminal:
        terminal(given.terminal)
    if given.page and given.report:
        report(given.page, given.report)
