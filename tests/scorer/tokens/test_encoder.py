from dataclasses import astuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from scorer.errors import ModelError
from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer

WORDS = [f"w{i}" for i in range(8)]


def with_special_tokens() -> Tokenizer:
    ids = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def rows(encoder: TextEncoder, texts: list[str | None]) -> list[list[int]]:
    ids = encoder.encode(pa.array(texts, pa.string()))
    return [row.tolist() for row in np.split(ids.values, ids.offsets[1:-1])]


@pytest.mark.parametrize(("keep", "side"), [("head", "right"), ("tail", "left")])
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join), min_size=1, max_size=6))
def test_truncates_as_the_library_does(keep: str, side: str, texts: list[str]) -> None:
    tokenizer = with_special_tokens()
    encoder = TextEncoder(tokenizer.to_str(), TextSettings(5, keep, 0))
    full = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    tokenizer.enable_truncation(5, direction=side)
    assert rows(encoder, texts) == [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    assert encoder.encode(pa.array(texts)).truncated.tolist() == [length > 5 for length in full]


@given(st.lists(st.lists(st.sampled_from([*WORDS, "é", "\n"]), max_size=9).map(" ".join), max_size=9))
def test_blocks_of_texts_change_no_id(texts: list[str]) -> None:
    for tokenizer in (with_special_tokens(), word_tokenizer(WORDS)):
        encoder = TextEncoder(tokenizer.to_str(), TextSettings(5, "tail", 0))
        together = encoder.encode(pa.array(texts, pa.string()))
        in_blocks = encoder.encode(pa.array(texts, pa.string()), block_bytes=5)
        for one, other in zip(astuple(together), astuple(in_blocks), strict=True):
            assert (one.dtype, one.tolist()) == (other.dtype, other.tolist())


def test_a_text_without_words_has_no_ids() -> None:
    for tokenizer in (with_special_tokens(), word_tokenizer(WORDS)):
        encoder = TextEncoder(tokenizer.to_str(), TextSettings(5, "head", 0))
        assert [len(row) for row in rows(encoder, [None, "", "  \n", "w1"])][:3] == [0, 0, 0]
        assert len(encoder.encode(pa.array([], pa.string()))) == 0


def test_the_files_own_truncation_and_padding_do_not_count() -> None:
    tokenizer = with_special_tokens()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=20)
    encoder = TextEncoder(tokenizer.to_str(), TextSettings(9, "head", 0))
    assert rows(encoder, ["w0 w1 w2 w3"]) == [[2, 4, 5, 6, 7, 3]]


def test_a_broken_tokenizer_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        TextEncoder("{}", TextSettings(5, "head", 0))
