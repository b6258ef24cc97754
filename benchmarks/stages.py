"""The stages of `scorer run` alone, and the floor: what the whole would take if every core were always busy.

python -m benchmarks.stages reviews.parquet
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from scorer.allocator import return_freed_memory
from scorer.columns import column_at, find_text_column
from scorer.cpus import available_cpus
from scorer.formats import CsvOptions, Format
from scorer.scoring import Scorer
from scorer.sinks import open_sink
from scorer.sources import open_source

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


def measure_stages(reviews: Path) -> Stages:
    """Run every stage by itself, one thread each."""
    pa.set_cpu_count(1)
    return_freed_memory()
    source = open_source(reviews)
    path = find_text_column(source.path, source.schema, None)
    windows, read = _cpu_seconds(lambda: list(source.batches(path)))
    texts = [column_at(window, path) for window in windows]
    scorer = Scorer.open()
    prepared, text_to_ids = _cpu_seconds(lambda: [scorer.prepare(text) for text in texts])
    _, network = _cpu_seconds(lambda: [scorer.probabilities(batch) for one in prepared for batch in one.batches])
    write = _cpu_seconds(lambda: _write(windows, source.schema))[1]
    return Stages(sum(window.num_rows for window in windows), read, text_to_ids, network, write)


def _write(windows: list[pa.RecordBatch], schema: pa.Schema) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.parquet"
        with open_sink(path, Format.parquet, schema, CsvOptions(), path.with_suffix(".partial")) as sink:
            for window in windows:
                sink.write(window)


def _cpu_seconds(work: Callable[[], _Result]) -> tuple[_Result, float]:
    started = time.process_time()
    return work(), time.process_time() - started


if __name__ == "__main__":
    print(json.dumps(asdict(measure_stages(Path(sys.argv[1])))))
