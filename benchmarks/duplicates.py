"""Which reviews of one file another file holds too, and how accurate a model is without them.

python -m benchmarks.duplicates scored-test.parquet train.parquet unsupervised.parquet

What is the same, or nearly, is said in `trainer/data/duplicates.py`.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trainer.data.duplicates import first_alike, first_same


def known_to(
    others: pa.ChunkedArray, texts: pa.ChunkedArray, first_of: Callable[[pa.ChunkedArray], NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """True where `others` hold a text, as `first_of` tells: bool [texts]."""
    first = first_of(pa.chunked_array([*others.chunks, *texts.chunks], pa.large_string()))
    known: NDArray[np.bool_] = first[len(others) :] < len(others)
    return known


def texts_of(path: Path) -> pa.ChunkedArray:
    """The column `text` of a Parquet file."""
    return pq.read_table(path, columns=["text"])["text"].cast(pa.large_string())


def main() -> None:
    """Compare, and report accuracy with and without what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scored", type=Path, help="labelled reviews after `scorer run`")
    parser.add_argument("known", type=Path, nargs="+", help="reviews that the model may have learned")
    options = parser.parse_args()
    table = pq.read_table(options.scored)
    texts = texts_of(options.scored)
    right = (table["sentiment_probability"].to_numpy() >= 0.5) == (table["label"].to_numpy() == 1)
    known = np.zeros(len(texts), np.bool_)
    for path in options.known:
        exact, near = (known_to(texts_of(path), texts, first_of) for first_of in (first_same, first_alike))
        known |= exact | near
        more = (near & ~exact).sum()
        print(f"{path.name}: holds {exact.sum():,} of the {len(texts):,} reviews, {more:,} more nearly so")
    print(
        f"accuracy: {right.mean():.2%} of all, {right[~known].mean():.2%} of the {(~known).sum():,} others, "
        f"{right[known].mean():.2%} of the {known.sum():,} known"
    )


if __name__ == "__main__":
    main()
