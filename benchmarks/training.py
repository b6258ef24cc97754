"""How fast `trainer fit` learns, beside the tutorial's loop on the same network, words and length limit.

python -m benchmarks.training train.parquet --tokenizer bert-folder

Embedding 128, LSTM 128, 200 word pieces. `tutorial` is the loop as tutorials write it: a `datasets` split in torch
format, a `DataLoader` of 64 padded reviews a batch, Adam. The others are our recipes' own loops. All take turns, each
in a process of its own; rates are reviews per second of training alone, after a warm-up, without reading and
tokenising.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

_WARM_UP = 10  # steps
_LENGTH, _SIZE = 200, 128


def tutorial(reviews: Path, tokenizer: Path, rows: int) -> Iterator[int]:
    """Learn batch after batch; yields the reviews of each."""
    import torch
    from datasets import Dataset
    from torch.utils.data import DataLoader
    from transformers import AutoTokenizer

    from trainer.network.lstm import SentimentLSTM
    from trainer.network.settings import NetworkSettings

    encode = AutoTokenizer.from_pretrained(tokenizer)
    split = Dataset.from_parquet(str(reviews)).shuffle(seed=0).select(range(rows))
    split = split.map(
        lambda batch: encode(batch["text"], padding="max_length", truncation=True, max_length=_LENGTH), batched=True
    )
    loader = DataLoader(
        split.with_format("torch", columns=["input_ids", "attention_mask", "label"]), batch_size=64, shuffle=True
    )
    network = SentimentLSTM(NetworkSettings(len(encode), _SIZE, _SIZE, "final_step"))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    criterion = torch.nn.BCEWithLogitsLoss()
    for batch in loader:
        loss = criterion(network(batch["input_ids"], batch["attention_mask"]), batch["label"].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        yield len(batch["label"])


def recipe(name: str, reviews: Path, tokenizer: Path, rows: int) -> Iterator[int]:
    """The loop of one of our recipes, on the same network; yields the reviews of each batch."""
    import numpy as np
    import pyarrow.parquet as pq

    from scorer.tokens.encoder import TextEncoder
    from trainer.data.batches import training_batches
    from trainer.data.reviews import encode_reviews
    from trainer.data.tokenizer import load_tokenizer, pad_id_of
    from trainer.learning.learner import Learner
    from trainer.learning.page_reuse import keep_freed_memory
    from trainer.recipes import RECIPES

    keep_freed_memory()
    chosen = replace(RECIPES[name], embedding_dim=_SIZE, hidden_dim=_SIZE, max_length=_LENGTH)
    words = load_tokenizer(str(tokenizer))
    encoder = TextEncoder(words.to_str(), chosen.text_settings(pad_id_of(words)))
    split = pq.read_table(reviews, columns=["text", "label"])
    split = split.take(np.random.default_rng(0).permutation(len(split))[:rows])
    encoded = encode_reviews(split, encoder, np.ones(rows, np.float32))
    learner = Learner(chosen, chosen.network_settings(words.get_vocab_size()), encoder.unknown_id)
    for batch in training_batches(encoded, chosen, encoder.settings, seed=0):
        learner.step(batch, 0.5)[0].item()
        yield len(batch.labels)


def measure(name: str, reviews: Path, tokenizer: Path, rows: int) -> float:
    """Reviews per second of one loop over `rows` reviews."""
    batches = tutorial(reviews, tokenizer, rows) if name == "tutorial" else recipe(name[7:], reviews, tokenizer, rows)
    for _ in range(_WARM_UP):
        next(batches)
    started = time.perf_counter()
    return sum(batches) / (time.perf_counter() - started)


def main() -> None:
    """Let all loops take turns, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path, help="labelled reviews")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the BERT tokenizer")
    parser.add_argument("--rows", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", help="run one loop once, in this process")
    options = parser.parse_args()
    if options.loop:
        print(json.dumps(measure(options.loop, options.reviews, options.tokenizer, options.rows)))
        return
    rates: dict[str, list[float]] = {name: [] for name in ("tutorial", "recipe tutorial", "recipe default")}
    for _ in range(options.rounds):
        for name, found in rates.items():
            command = [sys.executable, "-m", "benchmarks.training", *sys.argv[1:], "--loop", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    show({name: sorted(found) for name, found in rates.items()})


def show(rates: dict[str, list[float]]) -> None:
    """Print the table; `rates` are those of every round, ascending."""
    base = statistics.median(rates["tutorial"])
    table = Table("loop", "reviews/s", "min–max", "times the tutorial's")
    for name, found in rates.items():
        rate = statistics.median(found)
        table.add_row(name, f"{rate:,.0f}", f"{found[0]:,.0f}–{found[-1]:,.0f}", f"{rate / base:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
