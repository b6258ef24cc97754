"""Short labelled sentences that come with the trainer: what negation, contrast and irony do, said on purpose.

Whole reviews hardly teach them: a review repeats its verdict, so a network may misread every "not bad at all" and
still be right. The sentences of `sentences.csv` were written for this project, about films, products, meals and more;
their words are as frequent in good as in bad ones.
"""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from scorer.tokens.encoder import TextEncoder
from trainer.data.ragged import rows_of
from trainer.data.reviews import EncodedReviews

__all__ = ["encode_sentences", "sentences_fingerprint"]

_SENTENCES = Path(__file__).with_name("sentences.csv")


def encode_sentences(encoder: TextEncoder, held_out: float, seed: int) -> tuple[EncodedReviews, EncodedReviews]:
    """All sentences in two parts that `seed` chooses: those to learn, and a share of `held_out` to judge by."""
    table = pacsv.read_csv(_SENTENCES, convert_options=pacsv.ConvertOptions(column_types={"text": pa.large_string()}))
    ids = encoder.encode(table["text"].combine_chunks())
    labels = table["label"].to_numpy().astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(labels))
    judged, learned = np.split(order, [round(held_out * len(order))])
    return EncodedReviews(rows_of(ids, learned), labels[learned]), EncodedReviews(rows_of(ids, judged), labels[judged])


def sentences_fingerprint() -> str:
    """Digest of the sentences that this version comes with."""
    return hashlib.sha256(_SENTENCES.read_bytes()).hexdigest()
