"""How long the commands take to start, as ratios to the bare imports that they cannot do without.

python -m benchmarks.startup
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

_SCORER = str(Path(sys.executable).with_name("scorer"))
_IMPORT = "numpy, pyarrow, onnxruntime, tokenizers"
# What is measured, what it is compared with, and the most that the ratio should be.
CASES = {
    "scorer --help": ([_SCORER, "--help"], "rich", 1.5),
    "scorer text x": ([_SCORER, "text", "x"], _IMPORT, 1.6),
}


def seconds(command: list[str]) -> float:
    """Wall time of one run, with the embedded model."""
    environment = {name: value for name, value in os.environ.items() if name != "SCORER_MODEL"}
    environment["ORT_DISABLE_TELEMETRY"] = "1"  # as our commands have it, for the bare imports too
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    return time.perf_counter() - started


def main() -> None:
    """Print medians and their ratios; command and imports take turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    table = Table("", "ms", "import", "ms", "ratio", "goal")
    for name, (command, imported, goal) in CASES.items():
        bare = [sys.executable, "-c", f"import {imported}"]
        pairs = [(seconds(command), seconds(bare)) for _ in range(options.rounds)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        table.add_row(name, f"{ours * 1e3:.0f}", imported, f"{theirs * 1e3:.0f}", f"{ours / theirs:.2f}", f"{goal}")
    Console().print(table)


if __name__ == "__main__":
    main()
