"""The sentences that the trainer comes with."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer
from tests.conftest import DATA
from trainer.data import sentences
from trainer.data.sentences import encode_sentences, split_sentences


def test_each_is_learned_or_held_out() -> None:
    encoder = TextEncoder(word_tokenizer(["not", "bad"]).to_str(), TextSettings(100, "tail", 0))
    learned, held_out = (encode_sentences(part, encoder) for part in split_sentences(0.1, seed=3))
    table = pacsv.read_csv(sentences.SENTENCES)
    assert len(learned) + len(held_out) == table.num_rows
    assert len(held_out) == round(0.1 * table.num_rows)
    labels = np.concatenate([learned.labels, held_out.labels])
    assert sorted(labels) == sorted(table["label"].to_pylist())
    assert 0.45 < labels.mean() < 0.55
    assert min(learned.ids.lengths) > 0


def test_none_is_among_the_texts_that_judge() -> None:
    """Compared by words alone, so that no change of commas or capitals hides a copy."""

    def words(texts: pa.ChunkedArray) -> set[str]:
        return set(pc.replace_substring_regex(pc.utf8_lower(texts), r"[^a-z0-9]+", " ").to_pylist())

    written = words(pacsv.read_csv(sentences.SENTENCES)["text"])
    for name in ("short_sentences", "test"):
        options = pacsv.ParseOptions(newlines_in_values=True)
        assert not written & words(pacsv.read_csv(DATA / f"{name}.csv", parse_options=options)["text"])
