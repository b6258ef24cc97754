import csv
import json
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from scorer.tokens.shapes import A_TO_Z, EVERY_SCRIPT, SHAPES, Shape
from scorer.tokens.words import WordEncoder, word_tokenizer
from tests.conftest import DATA, EVERY_CHARACTER

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
SCRIPTS = ("ж", "ё", "и\u0301", "ก", "กี", "ी", "क", "か", "゙", "ー", "가", "ᄀ", "ᅡ", "ά", "ς", "אָ", "أ", "ّ", "०", "๑")
SCRIPTS += ("\u200d", "\ufe0f", "\u20e3", "\u0301", "i\u0307", "𠀁", "𝒜", "𑀓", "´", "ʼ", "\U000e0101", "ẞ", "\u1680")
PIECES = st.sampled_from(ASCII + OTHERS + SCRIPTS)
TEXTS = st.lists(st.one_of(st.text(max_size=20), st.lists(PIECES, max_size=12).map("".join)), max_size=8)

shapes = pytest.mark.parametrize("shape", SHAPES, ids=["every script", "a to z"])


@cache
def both(shape: Shape) -> tuple[Tokenizer, WordEncoder]:
    tokenizer = word_tokenizer(["the", "don't", "a", "b", "cafe", "café", "!", "❤", "br", "'", "x9", "中", "가"], shape)
    return tokenizer, WordEncoder(tokenizer.get_vocab(), shape)


def by_library(shape: Shape, text: str) -> list[str]:
    tokenizer = both(shape)[0]
    normalized = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]


def by_column(shape: Shape, texts: pa.Array) -> list[list[str]]:
    words, counts = both(shape)[1].split(texts)
    every, ends = words.to_pylist(), np.cumsum(counts)
    return [every[end - count : end] for end, count in zip(ends, counts, strict=True)] if len(texts) else []


@shapes
@given(TEXTS)
@example(["don't", "'a", "a'", "a''b", "a'9", "a'b'c", "x", "'", ""])
@example(["a'", "b"])
@example(["é" * 3, "", "e\u0301"])
@example(["l'a", "l'ab", "l'abc", "l'ab9", "l'é", "l'aé", "l'ж", "ж'жж", "กี'a", "a'ก", "a'aก", "กีa", "!\u0301a"])
@example(["ก", "ี", "\u0301a", "a", "\u0301"])
def test_columns_give_the_librarys_words(shape: Shape, texts: list[str]) -> None:
    expected = [by_library(shape, text) for text in texts]
    for kind in (pa.string(), pa.large_string()):
        # A slice shares its buffers with rows that do not belong to it.
        assert by_column(shape, pa.array(["a'", *texts, "b"], kind).slice(1, len(texts))) == expected


@shapes
@given(
    st.lists(st.sampled_from([*OTHERS, *SCRIPTS, "\u0315", "\u0301", "\u302e", "ﾊ", "\uff9e", "각"]), max_size=30),
    st.integers(1, 200),
)
def test_long_runs_are_cut_where_it_changes_nothing(shape: Shape, characters: list[str], times: int) -> None:
    texts = ["".join(characters) * times, "é" * 999 + "".join(characters)]
    assert by_column(shape, pa.array(texts)) == [by_library(shape, text) for text in texts]


@shapes
def test_every_character(shape: Shape) -> None:
    form = "a'{0}{0} {0}\u0301a{0}'a" if shape is EVERY_SCRIPT else "a{0}a {0} e{0}\u0301{0}"
    texts = [form.format(one) for one in EVERY_CHARACTER]
    assert by_column(shape, pa.array(texts)) == [by_library(shape, text) for text in texts]


@shapes
def test_the_projects_reviews(shape: Shape) -> None:
    tokenizer, encoder = both(shape)
    for name in ("train.csv", "test.csv", "reviews.csv", "short_sentences.csv"):
        with (DATA / name).open(newline="", encoding="utf-8") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        for some in (texts, texts[:5]):  # many words are found by other means than few
            ids, counts = encoder.encode(pa.array(some))
            expected = [encoding.ids for encoding in tokenizer.encode_batch(some)]
            assert [row.tolist() for row in np.split(ids, np.cumsum(counts)[:-1])] == expected


def test_english_gives_the_words_that_it_gave() -> None:
    with (DATA / "train.csv").open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["text"].isascii()]
    assert by_column(EVERY_SCRIPT, pa.array(texts)) == by_column(A_TO_Z, pa.array(texts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t, it's", "don't , it's"),
        ("L'HÔTEL, d’achat, aujourd'hui", "l ' hôtel , d ' achat , aujourd ' hui"),
        ("Schön, schon: GROẞE Straße", "schön , schon : grosse strasse"),
        ("İyi ılık", "iyi ılık"),
        ("Отличный ФИЛЬМ, всё сім'я", "отличный фильм , все сім'я"),
        ("Καλός ΚΑΛΟΣ", "καλοσ καλοσ"),
        ("बहुत अच्छी फ़िल्म", "बहुत अच्छी फ़िल्म"),
        ("فِيلْمٌ رائِـعٌ أحمد", "فيلم رائع احمد"),
        ("שָׁלוֹם", "שלום"),
        ("می\u200cخواهم", "میخواهم"),
        ("很好！ＯＫ", "很 好 ! ok"),
        ("カﾞおー", "ガ お ー"),
        ("ดีมาก ๑๒", "ดี ม า ก ๑ ๒"),
        ("재미있는 영화", "재미있는 영화"),
        ("❤️👍🏽5️⃣", "❤ 👍 🏽 5"),
    ],
)
def test_words_of_every_script(text: str, words: str) -> None:
    assert by_column(EVERY_SCRIPT, pa.array([text])) == [by_library(EVERY_SCRIPT, text)] == [words.split()]


@shapes
def test_only_its_own_tokenizer_is_taken_over(shape: Shape) -> None:
    own = word_tokenizer(["other", "words"], shape).to_str()
    assert WordEncoder.for_tokenizer(json.loads(own)) is not None
    assert WordEncoder.for_tokenizer(json.loads(own.replace("NFKD", "NFKC"))) is None
    tokenizer = word_tokenizer(["other"], shape)
    tokenizer.add_tokens(["other words"])
    assert WordEncoder.for_tokenizer(json.loads(tokenizer.to_str())) is None
