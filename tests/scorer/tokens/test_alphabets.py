import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, decoders, models

from scorer.model.languages import languages_told, vocabulary_scripts
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.tokens.alphabets import script_shares, scripts_told


@pytest.mark.parametrize(
    ("word", "script"),
    [
        *(("film", "Latin"), ("ölwärme", "Latin"), ("фильм", "Cyrillic"), ("καλό", "Greek"), ("भोजन", "Devanagari")),
        *(
            ("很", "Han"),
            ("きれい", "Hiragana"),
            ("ホテル", "Katakana"),
            ("좋다", "Hangul"),
            ("ดี", "Thai"),
            ("טוב", "Hebrew"),
        ),
        *(("جيد", "Arabic"), ("நல்ல", "Tamil"), ("10th", "Latin"), ("'tis", "Latin")),
    ],
)
def test_a_word_is_of_the_script_of_its_first_letter(word: str, script: str) -> None:
    assert script_shares(pa.array([word, "12", "!"])) == {script: 1.0}


def test_words_count_as_often_as_they_stand_there() -> None:
    words = pa.array(["good", "...", "плохо", "kötü"])
    assert script_shares(words, np.array([2, 90, 1, 1])) == {"Latin": 0.75, "Cyrillic": 0.25}
    assert scripts_told({"Latin": 0.75, "Cyrillic": 0.246, "Han": 0.004}) == "Latin 75%, Cyrillic 25%"
    assert script_shares(pa.array(["1", "!"])) == {}
    assert scripts_told({}) == "none"


def test_a_vocabulary_tells_its_scripts() -> None:
    told = languages_told(read_sealed(EMBEDDED_MODEL))
    assert told.startswith("language: ")  # what its card states, which those of before do not
    assert told.endswith("; words that it knows: Latin 100%")


def test_pieces_in_bytes_tell_their_scripts() -> None:
    tokenizer = Tokenizer(models.BPE({"Ġgood": 0, "Ð¿Ð»": 1, "Ð": 2, "!": 3, "[UNK]": 4, "<s>": 5}, []))
    tokenizer.decoder = decoders.ByteLevel()
    assert vocabulary_scripts(tokenizer.to_str()) == {"Latin": 0.5, "Cyrillic": 0.5}
