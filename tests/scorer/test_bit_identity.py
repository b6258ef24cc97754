"""A text's probability is the same to the last bit, whatever stands beside it and however the work is divided."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scorer.model.batches import plan_batches
from scorer.model.network import Network, probabilities
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.run.job import run
from scorer.run.options import RunOptions
from scorer.scoring import Scorer
from scorer.tokens.encoder import TextEncoder
from tests.conftest import DATA
from tests.writing import write_table

REVIEWS = [text for text in pq.read_table(DATA / "reviews.parquet")["text"].to_pylist() if text and text.strip()]
TEXTS = [*REVIEWS, "fine", "not good at all", "a b c " * 700, "Sehr schön! 😀", "x"]


class Pieces:
    """What a scorer is made of, so that a test can put batches together by itself."""

    def __init__(self, model: Path) -> None:
        sealed = read_sealed(model)
        self.encoder = TextEncoder(sealed.tokenizer_json, sealed.card.text)
        self.network = Network(sealed.content, model)
        self.model = model
        self.alone = np.concatenate([self.score([text], 1, 1) for text in TEXTS])

    def score(self, texts: list[str], token_budget: int, most_rows: int, more_padding: int = 0) -> NDArray[np.float32]:
        ids = self.encoder.encode(pa.array(texts, pa.string()))
        result = np.full(len(texts), np.nan, np.float32)
        for batch in plan_batches(ids, self.encoder.settings, token_budget, most_rows):
            wider = replace(batch, width=batch.width + more_padding)
            result[batch.rows] = probabilities(self.network.log_odds(*wider.padded()))
        return result


@pytest.fixture(scope="module", params=["embedded", "fitted"])
def pieces(request: pytest.FixtureRequest, fitted: Path) -> Pieces:
    return Pieces(EMBEDDED_MODEL if request.param == "embedded" else fitted / "best.onnx")


@settings(max_examples=20)
@given(
    st.lists(st.integers(0, len(TEXTS) - 1), max_size=70),
    st.integers(1, 40_000),
    st.integers(1, 300),
    st.integers(0, 64),
)
def test_over_neighbours_batches_and_padding(
    pieces: Pieces, rows: list[int], token_budget: int, most_rows: int, more_padding: int
) -> None:
    together = pieces.score([TEXTS[row] for row in rows], token_budget, most_rows, more_padding)
    assert together.tobytes() == pieces.alone[rows].tobytes()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["parquet", "csv", "jsonl"]),
    st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=90),
    st.integers(1, 3),
    st.integers(1, 100),
)
@pytest.mark.usefixtures("model")
def test_over_formats_windows_workers_order_and_duplicates(
    pieces: Pieces, kind: str, rows: list[int], workers: int, window: int
) -> None:
    source = write_table(Path(f"in.{kind}"), {"text": [TEXTS[row] for row in rows]}, row_group=window)
    options = RunOptions(source, Path("out.parquet"), force=True, workers=workers, window_rows=window)
    run(options, Scorer.open(pieces.model))
    scored = pq.read_table("out.parquet")["sentiment_probability"].to_numpy()
    assert scored.tobytes() == pieces.alone[rows].tobytes()
