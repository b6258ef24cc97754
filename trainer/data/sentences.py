"""Short labelled sentences that come with the trainer: what negation, contrast and irony do, said on purpose.

Whole reviews hardly teach them: a review repeats its verdict, so a network may misread every "not bad at all" and
still be right. The sentences of `sentences.csv` were written for this project, about films, products, meals and more;
their words are as frequent in good as in bad ones. The last 11,800 are short reviews that tell facts.
"""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from scorer.tokens.encoder import TextEncoder
from trainer.data.reviews import EncodedReviews

__all__ = ["SENTENCES", "all_sentences", "encode_sentences", "sentences_digest", "split_sentences"]

SENTENCES = Path(__file__).with_name("sentences.csv")


def all_sentences() -> pa.Table:
    """Columns `text` and `label`."""
    return pacsv.read_csv(SENTENCES, convert_options=pacsv.ConvertOptions(column_types={"text": pa.large_string()}))


def split_sentences(held_out: float, seed: int) -> tuple[pa.Table, pa.Table]:
    """Columns `text` and `label` in two parts that `seed` chooses: those to learn, and a share to judge by."""
    table = all_sentences()
    order = np.random.default_rng(seed).permutation(len(table))
    judged, learned = np.split(order, [round(held_out * len(order))])
    return table.take(learned), table.take(judged)


def encode_sentences(table: pa.Table, encoder: TextEncoder) -> EncodedReviews:
    """Tokenise some of the sentences; each weighs 1."""
    ids = encoder.encode(table["text"].combine_chunks())
    labels = table["label"].to_numpy().astype(np.float32)
    return EncodedReviews(ids, labels, np.ones_like(labels))


def sentences_digest() -> str:
    """Digest of the sentences that this version comes with."""
    return hashlib.sha256(SENTENCES.read_bytes()).hexdigest()
