import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from scorer.tokens.words import WordEncoder, word_tokenizer
from tests.conftest import DATA, EVERY_CHARACTER

TOKENIZER = word_tokenizer(["the", "don't", "a", "b", "cafe", "!", "❤", "br", "'", "x9"])
ENCODER = WordEncoder(TOKENIZER.get_vocab())

# Pieces that words are made of and broken by, so that random texts meet every rule.
ASCII = (
    "a",
    "B",
    "9",
    "'",
    "''",
    " ",
    "\t",
    "\n",
    "<br />",
    "<br/>",
    "<BR>",
    "<",
    "br",
    "!",
    "\x00",
    "\x1f",
    "don't",
    "the",
)
OTHERS = ("é", "É", "’", "“", "❤", "😀", "\u3000", "\x85", "\xa0", "ﬁ", "İ", "ß", "中", "e\u0301")
PIECES = st.sampled_from(ASCII + OTHERS)
TEXTS = st.lists(st.one_of(st.text(max_size=20), st.lists(PIECES, max_size=12).map("".join)), max_size=8)


def by_library(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def by_column(encoder: WordEncoder, texts: pa.Array) -> list[list[int]]:
    ids, counts = encoder.encode(texts)
    return [row.tolist() for row in np.split(ids, np.cumsum(counts)[:-1])] if len(texts) else []


@given(TEXTS)
@example(["don't", "'a", "a'", "a''b", "a'9", "a'b'c", "x", "'", ""])
@example(["a'", "b"])
@example(["é" * 3, "", "e\u0301"])
def test_columns_give_the_librarys_ids(texts: list[str]) -> None:
    expected = by_library(TOKENIZER, texts)
    for kind in (pa.string(), pa.large_string()):
        assert by_column(ENCODER, pa.array(texts, kind)) == expected
    # A slice shares its buffers with rows that do not belong to it.
    assert by_column(ENCODER, pa.array(["a'", *texts, "b"]).slice(1, len(texts))) == expected


@given(
    st.lists(st.sampled_from([*OTHERS, "\u0315", "\u0301", "\u302e", "ﾊ", "\uff9e", "각"]), max_size=30),
    st.integers(1, 200),
)
def test_long_runs_are_cut_where_it_changes_nothing(characters: list[str], times: int) -> None:
    texts = ["".join(characters) * times, "é" * 999 + "".join(characters)]
    assert by_column(ENCODER, pa.array(texts)) == by_library(TOKENIZER, texts)


def test_every_character() -> None:
    texts = [f"Caf{one}e {one} e{one}\u0301{one}" for one in EVERY_CHARACTER]
    assert by_column(ENCODER, pa.array(texts)) == by_library(TOKENIZER, texts)


@pytest.mark.parametrize("name", ["train.csv", "test.csv", "reviews.csv", "short_sentences.csv"])
def test_the_projects_reviews(name: str) -> None:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert by_column(ENCODER, pa.array(texts)) == by_library(TOKENIZER, texts)


def test_only_its_own_tokenizer_is_taken_over() -> None:
    own = word_tokenizer(["other", "words"]).to_str()
    assert WordEncoder.for_tokenizer(json.loads(own)) is not None
    assert WordEncoder.for_tokenizer(json.loads(own.replace("NFKD", "NFKC"))) is None
    tokenizer = word_tokenizer(["other"])
    tokenizer.add_tokens(["other words"])
    assert WordEncoder.for_tokenizer(json.loads(tokenizer.to_str())) is None
