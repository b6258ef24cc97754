"""Which reviews of one file another file holds too, and how accurate a model is without them.

python -m benchmarks.duplicates scored-test.parquet train.parquet unsupervised.parquet

Two reviews are the same if they have the same words in the same order, whatever their case, marks and tags; nearly
the same if one shares at least half of its runs of eight words with the other. Runs are compared by a sample of one in
eight (Broder 1997), so short overlaps may be missed.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

_WORD = re.compile(r"[a-z0-9]+")
_TAG = re.compile(r"<[^>]*>")
_RUN = 8  # words
_SAMPLE = 8  # one run in so many is compared
_SHARED = 0.5


def words(text: str) -> list[str]:
    """What of a text counts."""
    return _WORD.findall(_TAG.sub(" ", text.lower()))


def runs(text: str) -> set[int]:
    """A sample of hashes of the text's runs of words; short texts are one run."""
    found = words(text)
    hashes = {crc32(" ".join(found[i : i + _RUN]).encode()) for i in range(max(1, len(found) - _RUN + 1))}
    return {value for value in hashes if value % _SAMPLE == 0}


def same(texts: list[str], others: list[str]) -> NDArray[np.bool_]:
    """True where one of `others` has the same words, bool [texts]."""
    known = {" ".join(words(other)) for other in others}
    return np.array([" ".join(words(text)) in known for text in texts])


def nearly_same(texts: list[str], others: list[str]) -> NDArray[np.bool_]:
    """True where one of `others` shares most of its runs or of the text's, bool [texts]."""
    sampled = [runs(text) for text in texts]
    holders: dict[int, list[int]] = {}
    for row, values in enumerate(sampled):
        for value in values:
            holders.setdefault(value, []).append(row)
    found = np.zeros(len(texts), np.bool_)
    for other in others:
        values = runs(other)
        for row, shared in _shared(values, holders):
            found[row] |= shared >= max(2, _SHARED * min(len(values), len(sampled[row])))
    return found


def _shared(values: set[int], holders: dict[int, list[int]]) -> Iterator[tuple[int, int]]:
    """Rows that hold some of `values`, and how many."""
    rows = [row for value in values for row in holders.get(value, ())]
    return zip(*(part.tolist() for part in np.unique(np.array(rows, np.int64), return_counts=True)), strict=True)


def main() -> None:
    """Compare, and report accuracy with and without what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scored", type=Path, help="labelled reviews after `scorer run`")
    parser.add_argument("known", type=Path, nargs="+", help="reviews that the model may have learned")
    options = parser.parse_args()
    table = pq.read_table(options.scored)
    texts = table["text"].to_pylist()
    right = (table["sentiment_probability"].to_numpy() >= 0.5) == (table["label"].to_numpy() == 1)
    known = np.zeros(len(texts), np.bool_)
    for path in options.known:
        others = pq.read_table(path, columns=["text"])["text"].to_pylist()
        exact, near = same(texts, others), nearly_same(texts, others)
        known |= exact | near
        more = (near & ~exact).sum()
        print(f"{path.name}: holds {exact.sum():,} of the {len(texts):,} reviews, {more:,} more nearly so")
    print(
        f"accuracy: {right.mean():.2%} of all, {right[~known].mean():.2%} of the {(~known).sum():,} others, "
        f"{right[known].mean():.2%} of the {known.sum():,} known"
    )


if __name__ == "__main__":
    main()
