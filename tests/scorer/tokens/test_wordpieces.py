import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from scorer.tokens.wordpieces import WordPieceEncoder
from tests.conftest import DATA, EVERY_CHARACTER

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "b",
    "good",
    "##a",
    "##b",
    "##ly",
    "!",
    "'",
    "<",
    ">",
    "/",
    "[",
    "]",
    "cls",
]


def bert() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return tokenizer


TOKENIZER = bert()
WITH_ADDED_WORD = bert()
WITH_ADDED_WORD.add_tokens(["Goodly"])
PIECES = st.one_of(
    st.sampled_from(
        ("a", "B", "ab", "goodly", "GOOD", "x", "'", " ", "\t", "\x0b", "\x00", "\x7f", "!", "[CLS]", "[cls]")
    ),
    st.sampled_from(
        ("é", "À", "e\u0301", "\u0301", "…", "’", "£", "ж", "中", "각", "İ", "\u212a", "\u200b", "\u2003", "\x96")
    ),
)
TEXTS = st.lists(st.one_of(st.text(max_size=20), st.lists(PIECES, max_size=12).map("".join)), max_size=8)


def check(texts: list[str], tokenizer: Tokenizer = TOKENIZER) -> None:
    encoder = WordPieceEncoder.for_tokenizer(json.loads(tokenizer.to_str()), tokenizer)
    assert encoder is not None
    ids, counts = encoder.encode(pa.array(texts, pa.string()))
    rows = [row.tolist() for row in np.split(ids, np.cumsum(counts)[:-1])] if texts else []
    assert rows == [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


@given(TEXTS)
def test_columns_give_the_librarys_ids(texts: list[str]) -> None:
    check(texts)


@given(TEXTS)
def test_added_words_are_found_in_normalized_text(texts: list[str]) -> None:
    check([*texts, "goodly", "GOODLY", "góodly", "a good\u200bly b"], WITH_ADDED_WORD)


def test_every_character() -> None:
    check([f"Good{one}ly {one} a{one}\u0301{one}" for one in EVERY_CHARACTER])


@pytest.mark.parametrize("name", ["train.csv", "reviews.csv"])
def test_the_projects_reviews(name: str) -> None:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        check([row["text"] for row in csv.DictReader(file)])


def test_the_files_that_bert_comes_with_are_taken_over() -> None:
    parts = json.loads(TOKENIZER.to_str())
    del parts["model"]["type"]  # files older than the member are still the ones that are downloaded
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    assert isinstance(WordPieceEncoder.for_tokenizer(parts, tokenizer), WordPieceEncoder)


def test_other_tokenizers_are_left_to_the_library() -> None:
    cased = bert()
    cased.normalizer = normalizers.BertNormalizer(lowercase=False)
    assert WordPieceEncoder.for_tokenizer(json.loads(cased.to_str()), cased) is None
    accented = bert()
    accented.add_tokens(["é"])
    assert WordPieceEncoder.for_tokenizer(json.loads(accented.to_str()), accented) is None
