"""Run damaged files through the program, in a process of their own.

python -m tests.fuzz best.onnx best.pth 0 csv:1000 card:9  # so many cases of each kind from seed 0, told before each
"""

import faulthandler
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scorer.errors import GuessWarning
from tests.fuzz.cases import Fuzzer

SECONDS = 30
"""After which a case counts as hanging; faulthandler then ends the process, whatever holds it."""
MEMORY = 4 << 30
GROWTH = 300 << 20
"""Bytes that many cases may leave behind: allocators keep some."""
WARM_UP = 50


def main(model: str, checkpoint: str, first: str, *counts: str) -> None:
    """Run the cases; after each kind comes a count of its outcomes, or else the traceback of a broken promise."""
    resource.setrlimit(resource.RLIMIT_DATA, (_taken("VmData") + MEMORY, -1))
    warnings.simplefilter("ignore", GuessWarning)  # damage may well look like another delimiter
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "case").mkdir()
        fuzzer = Fuzzer(Path(model), Path(checkpoint), Path(folder) / "case")
        for kind, count in (each.split(":") for each in counts):
            run_kind(fuzzer, kind, range(int(first), int(first) + int(count)))


def run_kind(fuzzer: Fuzzer, kind: str, seeds: Iterable[int]) -> None:
    """Run the cases of one kind."""
    outcomes: Counter[str] = Counter()
    before = 0
    for number, seed in enumerate(seeds):
        print(kind, seed, flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        outcome = fuzzer.run(kind, seed)
        faulthandler.cancel_dump_traceback_later()
        outcomes["result" if outcome == "result" else "refused"] += 1
        if number == WARM_UP:
            before = _taken("VmRSS")
    growth = _taken("VmRSS") - before if before else 0
    assert growth < GROWTH, f"{growth >> 20} MB more than after {WARM_UP} cases"
    print(f"{kind}: results {outcomes['result']}, refused {outcomes['refused']}, growth {growth >> 20} MB")


def _taken(name: str) -> int:
    """Bytes by the system's count: VmRSS are resident, VmData claimed."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
