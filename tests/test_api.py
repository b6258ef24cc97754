"""The Python API: small, lazy, and its examples true."""

import doctest
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import scorer
import scorer.scoring
from scorer import OnError, ScoreColumns, Scorer
from scorer.errors import InputError


@pytest.mark.parametrize("module", [scorer, scorer.scoring])
def test_examples_in_docstrings(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("SCORER_MODEL", raising=False)
    monkeypatch.chdir(str(tmp_path))
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_import_loads_nothing_and_offers_what_it_says() -> None:
    program = "import sys; before = set(sys.modules); import scorer; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["scorer"]
    for name in scorer.__all__:
        assert getattr(scorer, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = scorer.nothing


def test_a_list_gives_a_list_and_an_array_an_array(model: object) -> None:
    texts = ["a good film", None, "", "bad"]
    one = Scorer.open()
    probabilities = one.score(texts)
    assert [value is None for value in probabilities] == [False, True, True, False]
    array = one.score(pa.array(texts))
    assert (array.type, array.to_pylist()) == (pa.float32(), probabilities)
    sliced = one.score(pa.array(texts).slice(2))
    assert sliced.to_pylist() == probabilities[2:]
    labels = [
        "positive" if value >= one.sealed.card.threshold else "negative" for value in array.drop_null().to_pylist()
    ]
    assert one.labels(probabilities) == one.labels(array).to_pylist() == [labels[0], None, None, labels[1]]
    assert one.labels(sliced).to_pylist() == [None, labels[1]]
    assert (one.score([]), one.labels([])) == ([], [])


@pytest.mark.parametrize("kind", ["list", "tuple", "numpy", "pandas", "polars", "arrow", "chunked"])
def test_a_column_gives_its_like(model: object, kind: str) -> None:
    texts = ["a good film", None, "", "bad"]
    make = {
        "list": list,
        "tuple": tuple,
        "numpy": lambda values: np.array(values, np.object_),
        "pandas": lambda values: pd.Series(values, index=[3, 1, 2, 0], name="review"),
        "polars": lambda values: pl.Series("review", values),
        "arrow": pa.array,
        "chunked": lambda values: pa.chunked_array([values[:1], values[1:]]),
    }[kind]
    one = Scorer.open()
    expected, column = one.score(texts), make(texts)
    scored = one.score(column)
    whole = {"tuple": list, "arrow": pa.Array}.get(kind, type(column))
    assert isinstance(scored, whole)
    known = [None if value is None or value != value else value for value in list(to_list(scored))]
    assert known == expected
    labels = one.labels(scored)
    assert isinstance(labels, whole)
    assert [None if value != value else value for value in to_list(labels)] == one.labels(expected)
    if kind == "pandas":
        assert scored.index.tolist() == column.index.tolist()


def to_list(column: object) -> list:
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_frame_gives_its_like(model: object, make: Callable[[dict], Any]) -> None:
    frame = make({"id": [1, 2], "review": ["a good film", None]})
    one = Scorer.open()
    scored = one.score_frame(frame, columns=ScoreColumns("my_", status=True))
    assert type(scored) is type(frame)
    new = ["my_sentiment_probability", "my_sentiment", "my_sentiment_status"]
    assert list(getattr(scored, "column_names", scored.columns)) == ["id", "review", *new]
    assert to_list(scored["my_sentiment_probability"])[0] == one.score(["a good film"])[0]
    assert to_list(scored["my_sentiment_status"]) == ["ok", "null"]
    with pytest.raises(InputError, match="already has a column 'my_sentiment"):
        one.score_frame(scored, columns=ScoreColumns("my_"))
    with pytest.raises(InputError, match="no column 'x'"):
        one.score_frame(frame, "x")


def test_batches_are_a_stream(model: object) -> None:
    batches = pa.table({"text": ["good", "bad", "fine"]}).to_batches(max_chunksize=1)
    one = Scorer.open()
    stream = one.score_batches(iter(batches))
    assert next(stream).equals(one.score_batch(batches[0]))
    assert [batch.num_rows for batch in stream] == [1, 1]


@pytest.mark.parametrize(
    "texts", ["one text", [1, 2], ["\ud800"], pa.array([1, 2]), {"a": "b"}, np.zeros((2, 2)), pd.Series([1])]
)
def test_what_is_no_text_is_refused(model: object, texts: object) -> None:
    with pytest.raises(InputError):
        Scorer.open().score(texts)


def test_a_batch_gives_the_same_rows_with_their_sentiment(model: object) -> None:
    rows = pa.RecordBatch.from_pylist(
        [{"id": 1, "review": {"text": "a good film"}}, {"id": 2, "review": None}],
        pa.schema([("id", pa.int8()), ("review", pa.struct([("text", pa.string())]))], metadata={"kept": "yes"}),
    )
    one = Scorer.open()
    scored = one.score_batch(rows, "review.text", ScoreColumns("my_", status=True))
    assert scored.select(["id", "review"]).to_pylist() == rows.to_pylist()
    assert scored.schema.metadata == {b"kept": b"yes"}
    assert scored["my_sentiment_probability"].to_pylist() == [*one.score(["a good film"]), None]
    assert scored["my_sentiment_status"].to_pylist() == ["ok", "null"]


def test_rows_that_are_no_text_stop_or_are_marked(model: object) -> None:
    rows = pa.record_batch({"text": pa.array([b"good", b"\xff"], pa.binary())})
    one = Scorer.open()
    with pytest.raises(InputError, match="row 2 of the batch"):
        one.score_batch(rows)
    scored = one.score_batch(rows, columns=ScoreColumns(status=True), on_error=OnError.null)
    assert scored["sentiment_status"].to_pylist() == ["ok", "error"]
    with pytest.raises(InputError, match="no column 'nothing'"):
        one.score_batch(rows, "nothing")


@pytest.mark.parametrize("package", ["scorer", "trainer", "exporter"])
def test_packages_run_as_modules(package: str) -> None:
    program = [sys.executable, "-m", package, "--version"]
    result = subprocess.run(program, capture_output=True, text=True, check=True)
    assert result.stdout == f"{package} {scorer.__version__}\n"
