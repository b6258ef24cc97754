"""Why a text has its score: the effect of each word, in the text, on the terminal, in a column."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorer import Scorer
from scorer.explaining import pieces_of
from scorer.run.job import run
from scorer.run.options import RunOptions
from scorer.scores import ScoreColumns
from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer
from tests.conftest import DATA, Command
from tests.exporter.models import sealed_model
from tests.scorer.tokens.test_encoder import WORDS, with_special_tokens

TOKENIZERS = [with_special_tokens().to_str(), word_tokenizer(WORDS).to_str()]
HARD = "I don’t like\tit<br />at all; ½ ﬃx cafe\u0301 日本!"


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.open("default")


def log_odds(scorer: Scorer, texts: list[str]) -> np.ndarray:
    p = np.array(scorer.score(texts), np.float64)
    return np.log(p / (1 - p))


@pytest.mark.parametrize("pairings", [1, 2])
def test_an_effect_is_the_fall_with_an_unknown_word_in_its_place(pairings: int, tmp_path: Path) -> None:
    scorer = Scorer.open(sealed_model(tmp_path / "best.onnx", words_per_step=pairings))
    text = "Not good at all, the film was bad"
    (words,) = scorer.explain([text])
    assert [word.text for word in words] == ["Not", "good", "at", "all", ",", "the", "film", "was", "bad"]
    for word in words:
        without = f"{text[: word.start]} \u25a1 {text[word.end :]}"
        falls = [np.diff(log_odds(scorer, [before + without, before + text])) for before in ("", "\u25a1 ")[:pairings]]
        assert word.effect == pytest.approx(np.mean(falls), abs=1e-4)
    assert any(abs(word.effect) > 1e-3 for word in words)


def test_neighbours_change_no_effect(scorer: Scorer) -> None:
    texts = [HARD, "good", "A very long text. " * 90, None, "", HARD]
    assert [scorer.explain([text])[0] for text in texts] == scorer.explain(texts)


def test_words_are_as_they_were_written(scorer: Scorer) -> None:
    (words,) = scorer.explain([HARD])
    found = ["I", "don’t", "like", "it", "at", "all", ";", "½", "ﬃx", "cafe\u0301", "日", "本", "!"]
    assert [word.text for word in words] == found
    assert all(HARD[word.start : word.end] == word.text for word in words)


def test_what_is_not_read_has_no_effect(scorer: Scorer) -> None:
    (words,) = scorer.explain(["awful " + "good " * 500])
    assert len(words) == 400
    assert {word.text for word in words} == {"good"}


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), max_size=5), st.sampled_from(["head", "tail"]))
@example([":\u0300", "!\u0300\u0300?", "a:\u0300b"], "head")  # an accent of no letter is a word of its own
def test_every_word_has_its_place_in_text_and_row(texts: list[str], keep: str) -> None:
    for tokenizer_json in TOKENIZERS:
        encoder = TextEncoder(tokenizer_json, TextSettings(12, keep, 0))
        array = pa.array(texts, pa.string())
        for text, length, places in zip(texts, encoder.encode(array).lengths, encoder.places(array), strict=True):
            for ends in (places.characters, places.tokens):
                assert (ends[:, 0] < ends[:, 1]).all()
                assert (ends[1:, 0] >= ends[:-1, 1]).all()
            assert not len(places.tokens) or 0 <= places.tokens.min() < places.tokens.max() <= length
            assert all(text[a:b] == text[a:b].strip() for a, b in places.characters)


@settings(max_examples=20)
@given(st.text(max_size=60))
def test_pieces_are_the_text(scorer: Scorer, text: str) -> None:
    pieces = list(pieces_of(text, scorer.explain([text])[0]))
    assert "".join(piece for piece, _ in pieces) == text
    assert all(-1 <= effect <= 1 for _, effect in pieces)


def test_json_holds_every_word(command: Command, tmp_path: Path) -> None:
    result = command("scorer", "text", "--explain", "--json", "--model", "default", HARD, "")
    first, empty = map(json.loads, result.out.splitlines())
    assert [HARD[word["start"] : word["end"]] for word in first["words"]] == [word["word"] for word in first["words"]]
    assert (first["text"], empty["sentiment"], empty["words"]) == (HARD, None, [])


def test_a_terminal_shows_it_in_colour_on_any_width(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    same = ("scorer", "text", "--explain", "--model", "default", "Fantastic, but the ending is dull \x1b[31m")
    plain = command(*same).out
    assert "+ positive  " in plain
    assert "Fantastic " in plain
    assert re.search(r"- negative  .*\bdull \d", plain)
    assert "\x1b" not in plain  # neither ours nor the text's
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    coloured = command(*same).out
    assert "\x1b[1;4;30;" in coloured  # the strongest word against
    assert "\x1b[31m" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    without = command(*same).out
    assert "\x1b[1;4mdull" in without
    assert all(
        len(line.replace("\x1b[1;4m", "").replace("\x1b[0m", "").rstrip()) <= 45 for line in without.splitlines()
    )


def test_a_column_of_words_is_the_same_in_every_format_and_attempt(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, columns = Scorer.open(), ScoreColumns(explain=True, status=True)
    reviews = DATA / "reviews.parquet"
    for name in ("out.parquet", "out.csv", "out.jsonl"):
        run(RunOptions(reviews, Path(name), columns=columns, keep_every=0), scorer)
    rows = pq.read_table("out.parquet").to_pylist()
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    for row, line in zip(rows, lines, strict=True):
        words = row["sentiment_words"]
        assert (words is None) == (row["sentiment"] is None)
        assert (words and [word["word"] for word in words]) == (
            line["sentiment_words"] and [w["word"] for w in line["sentiment_words"]]
        )
        strengths = [abs(word["effect"]) for word in words or []]
        assert strengths == sorted(strengths, reverse=True)
        assert len(strengths) <= 5
        assert all(word["word"] in row["text"] for word in words or [])
    assert scorer.score_frame(pq.read_table(reviews), columns=columns)["sentiment_words"].to_pylist() == [
        row["sentiment_words"] for row in rows
    ]


def test_an_interrupted_run_keeps_its_words(model: Path) -> None:
    scorer, columns = Scorer.open(), ScoreColumns(explain=True)
    options = RunOptions(DATA / "reviews.parquet", Path("out.parquet"), columns=columns, keep_every=0, window_rows=20)
    run(options, scorer)
    whole = Path("out.parquet").read_bytes()
    Path("out.parquet").unlink()

    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(options, scorer, stop)
    assert run(options, scorer).resumed == 20
    assert Path("out.parquet").read_bytes() == whole


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
def test_words_are_verified(command: Command, model: Path, name: str) -> None:
    result = command("scorer", "run", DATA / "reviews.parquet", "-o", name, "--explain", "--verify", "20")
    assert "20 rows scored again, one by one: no difference" in result.out
