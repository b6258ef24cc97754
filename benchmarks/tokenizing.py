"""Text to ids on one core, beside the Hugging Face library with the same tokenizer, and whether all ids are the same.

python -m benchmarks.tokenizing reviews.parquet --tokenizer bert-folder
"""

import argparse
import os
import statistics
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer

from benchmarks.stages import cpu_seconds
from scorer.arrow.arrays import without_nulls
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.tokens.encoder import TextEncoder, TextSettings

_ALL = TextSettings(max_length=1 << 30, keep="head", pad_id=0)


def windows_of_texts(reviews: Path) -> list[pa.StringArray]:
    """The texts as `scorer run` reads them."""
    source = open_source(LocalInput(reviews))
    return [without_nulls(source.decode(window).texts) for window in source.windows()]


def compare(tokenizer_json: str, windows: list[pa.StringArray]) -> tuple[float, float]:
    """CPU seconds of ours and of the library for all windows, which take turns; stops if an id differs."""
    encoder, library = TextEncoder(tokenizer_json, _ALL), Tokenizer.from_str(tokenizer_json)
    library.no_truncation()
    library.no_padding()
    specials = library.num_special_tokens_to_add(is_pair=False)
    our_seconds = their_seconds = 0.0
    for window in windows:
        texts = window.to_pylist()
        ids, seconds = cpu_seconds(partial(encoder.encode, window))
        our_seconds += seconds
        encodings, seconds = cpu_seconds(partial(library.encode_batch_fast, texts))
        their_seconds += seconds
        expected = [one.ids if len(one.ids) > specials else [] for one in encodings]  # a text without words has none
        for text, ours, theirs in zip(texts, np.split(ids.values, ids.offsets[1:-1]), expected, strict=True):
            if ours.tolist() != theirs:
                raise SystemExit(f"not the library's ids: {text!r}")
    return our_seconds, their_seconds


def main() -> None:
    """Print reviews per second, medians of all rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer.json to measure as well")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core for both
    named = {"embedded model": read_sealed(EMBEDDED_MODEL).tokenizer_json}
    if options.tokenizer:
        named[options.tokenizer.name] = (options.tokenizer / "tokenizer.json").read_text(encoding="utf-8")
    windows = windows_of_texts(options.reviews)
    rows = sum(map(len, windows))
    table = Table("tokenizer", "reviews/s on one core", "the library's", "ratio", title=f"{rows:,} texts, the same ids")
    for name, tokenizer_json in named.items():
        rounds = [compare(tokenizer_json, windows) for _ in range(options.rounds)]
        ours, theirs = (rows / statistics.median(times) for times in zip(*rounds, strict=True))
        table.add_row(name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
