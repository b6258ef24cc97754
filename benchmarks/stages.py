"""The stages of `scorer run` alone, and the floor: what the whole would take if every core were always busy.

python -m benchmarks.stages reviews.parquet
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TypeVar

from scorer.files.inputs import LocalInput
from scorer.files.opening import open_sink
from scorer.files.outputs import LocalOutput, Output
from scorer.run.fingerprint import fingerprint_of
from scorer.run.options import RunOptions
from scorer.run.reading import open_input
from scorer.run.resume import finished_work
from scorer.run.window import Window, prepare_window
from scorer.scores import Scores, scored_schema
from scorer.scoring import Scorer
from scorer.system.limits import available_cpus
from scorer.system.process import return_freed_memory

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Stages:
    """CPU seconds of each stage on its own, over all rows of a file."""

    rows: int
    read: float
    text_to_ids: float
    network: float
    write: float

    @property
    def floor(self) -> float:
        """Wall seconds that the sum of all stages takes on every usable core."""
        return (self.read + self.text_to_ids + self.network + self.write) / available_cpus()

    @classmethod
    def median(cls, rounds: list["Stages"]) -> "Stages":
        """Of every stage over all rounds."""
        return cls(
            **{field.name: statistics.median(getattr(one, field.name) for one in rounds) for field in fields(cls)}
        )


def measure_stages(reviews: Path, scored: Path) -> Stages:
    """Run the stages one after the other, each as a run does it: all that belongs to it, in as many threads."""
    return_freed_memory()
    scorer, options, file = Scorer.open(), RunOptions(reviews, scored), LocalInput(reviews)
    source, output = open_input(file, options), LocalOutput(scored)
    fingerprint = fingerprint_of([file], options, scorer.sealed)
    with finished_work(output, fingerprint, every=options.keep_every) as work:
        prepare = partial(prepare_window, scorer=scorer, source=source, work=work, explain=False)
        rows, read = cpu_seconds(lambda: list(source.windows()))
        windows, text_to_ids = cpu_seconds(lambda: [prepare(window) for window in rows])
        scores, network = cpu_seconds(lambda: _run_network(windows, scorer))
        _, write = cpu_seconds(lambda: _write(windows, scores, scorer, options, output))
    return Stages(sum(window.num_rows for window in rows), read, text_to_ids, network, write)


def _run_network(windows: list[Window], scorer: Scorer) -> list[Scores]:
    with ThreadPoolExecutor(available_cpus()) as pool:
        return [window.scores(list(pool.map(scorer.log_odds, window.batches))) for window in windows]


def _write(windows: list[Window], scores: list[Scores], scorer: Scorer, options: RunOptions, output: Output) -> None:
    schema = scored_schema(windows[0].rows.schema, options.columns)
    with open_sink(output, options.kind, schema, options.csv) as sink:
        for window, its_scores in zip(windows, scores, strict=True):
            sink.write(scorer.append_scores(window.rows, its_scores, options.columns))


def cpu_seconds(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """What `work` returns, and its CPU time: of all threads, those of libraries too."""
    started = time.process_time()
    return work(), time.process_time() - started


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(measure_stages(Path(sys.argv[1]), Path(folder) / "scored.parquet"))))
