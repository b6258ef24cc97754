"""The peers, as their users run them: read a Parquet file of reviews, score every text, write a Parquet file.

python -m benchmarks.peers fasttext reviews.parquet scored.parquet --models models --tokenizer bert-folder

Prints one JSON object: rows, and seconds from opening the input to the finished file, without imports and without
loading or fitting the model. `python -m benchmarks.peers fit train.parquet models` fits the peers that learn.
"""

import argparse
import json
import pickle
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Score = Callable[[list[str]], np.ndarray]
"""Texts to P(positive), float [rows]."""

FASTTEXT_RATES, FASTTEXT_SEEDS = (0.1, 0.3, 0.5), (0, 1, 2)

_BREAK, _PUNCTUATION = re.compile("<br ?/?>"), re.compile(r"([^\w\s'])")


def tutorial(options: argparse.Namespace) -> Score:
    """The tutorial's loop: word pieces padded to 200, an LSTM of 128, batches of 64, torch on all cores."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    judge = tutorial_network(len(tokenizer))

    def score(texts: list[str]) -> np.ndarray:
        fixed = {"padding": "max_length", "truncation": True, "max_length": 200, "return_tensors": "np"}
        batches = (tokenizer(texts[start : start + 64], **fixed) for start in range(0, len(texts), 64))
        return np.concatenate([judge(batch["input_ids"], batch["attention_mask"]) for batch in batches])

    return score


def lean_tutorial(options: argparse.Namespace) -> Score:
    """The same without transformers: the `tokenizers` library alone makes the word pieces."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    tokenizer.enable_truncation(200)
    tokenizer.enable_padding(length=200)
    judge = tutorial_network(tokenizer.get_vocab_size())

    def score(texts: list[str]) -> np.ndarray:
        batches = (tokenizer.encode_batch(texts[start : start + 64]) for start in range(0, len(texts), 64))
        pieces = ([[getattr(one, part) for one in batch] for part in ("ids", "attention_mask")] for batch in batches)
        return np.concatenate([judge(np.array(ids), np.array(mask)) for ids, mask in pieces])

    return score


def tutorial_network(words: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """From ids and mask [batch, 200] to P(positive) [batch]; random weights, which take as long."""
    import torch

    from trainer.network.lstm import SentimentLSTM
    from trainer.network.settings import NetworkSettings

    network = SentimentLSTM(NetworkSettings(words, 128, 128, "final_step")).eval()

    def judge(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return torch.sigmoid(network(torch.from_numpy(ids), torch.from_numpy(mask))).numpy()

    return judge


def tfidf(options: argparse.Namespace) -> Score:
    """scikit-learn: TF-IDF of words and bigrams, logistic regression."""
    with (options.models / "tfidf.pkl").open("rb") as file:  # written by `fit` below, never by anyone else
        pipeline = pickle.load(file)
    return lambda texts: pipeline.predict_proba(texts)[:, 1]


def fasttext(options: argparse.Namespace) -> Score:
    """FastText with bigrams, text cleaned as its own examples do."""
    import fasttext as library

    model = library.load_model(str(options.models / "fasttext.bin"))

    def score(texts: list[str]) -> np.ndarray:
        found = (model.f.predict(clean(text) + "\n", 1, 0.0, "strict")[0] for text in texts)
        return np.array([p if label == "__label__1" else 1 - p for p, label in found])

    return score


def distilbert(options: argparse.Namespace) -> Score:
    """A transformers pipeline with a network of DistilBERT's size and random weights."""
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification, pipeline

    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer, model_max_length=512)
    network = DistilBertForSequenceClassification(DistilBertConfig(vocab_size=len(tokenizer)))
    classify = pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")
    return lambda texts: np.array([r["score"] for r in classify(texts, truncation=True, batch_size=8)])


def tokenizer_only(options: argparse.Namespace) -> Score:
    """The Hugging Face fast tokenizer alone, on all cores: no network at all."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    return lambda texts: np.array([len(e.ids) for e in tokenizer.encode_batch_fast(texts)])


PEERS = {peer.__name__: peer for peer in (tutorial, lean_tutorial, tfidf, fasttext, distilbert, tokenizer_only)}


def clean(text: str) -> str:
    """Lower case, line breaks and punctuation apart, one line: what fastText's examples feed it."""
    return " ".join(_PUNCTUATION.sub(r" \1 ", _BREAK.sub(" ", text.lower())).split())


def fit(train: Path, models: Path) -> None:
    """Fit and save the peers that learn: scikit-learn's and fastText's, on `train`'s columns text and label."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    models.mkdir(parents=True, exist_ok=True)
    rows = pq.read_table(train)
    texts, labels = rows["text"].to_pylist(), rows["label"].to_pylist()
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), LogisticRegression(C=30))
    with (models / "tfidf.pkl").open("wb") as file:
        pickle.dump(pipeline.fit(texts, labels), file)
    fit_fasttext([f"__label__{y} {clean(x)}\n" for x, y in zip(texts, labels, strict=True)], models)


def fit_fasttext(lines: list[str], models: Path) -> None:
    """Fit fastText with several seeds and step sizes, and save the choice that judges a tenth of the lines best."""
    import fasttext as library

    lines = random.Random(0).sample(lines, len(lines))  # it learns line by line: sorted by label it learns the last one
    learned, judged = models / "fasttext.txt", models / "fasttext-held-out.txt"
    judged.write_text("".join(lines[::10]))

    def fitted(part: list[str], rate: float, seed: int) -> Any:
        learned.write_text("".join(part))
        # One thread: several overwrite each other's updates, and the accuracy varies by points.
        choice = {"wordNgrams": 2, "epoch": 10, "dim": 50, "lr": rate, "seed": seed, "thread": 1, "verbose": 0}
        return library.train_supervised(str(learned), **choice)

    rest = [line for number, line in enumerate(lines) if number % 10]
    accuracies = {
        (rate, seed): fitted(rest, rate, seed).test(str(judged))[1]
        for rate in FASTTEXT_RATES
        for seed in FASTTEXT_SEEDS
    }
    best = max(accuracies, key=lambda choice: accuracies[choice])
    print(f"fastText, held-out accuracy by step size and seed: {accuracies}; taken: {best}")
    fitted(lines, *best).save_model(str(models / "fasttext.bin"))


def main() -> None:
    """Run one peer once, or fit those that learn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=[*PEERS, "fit"])
    parser.add_argument("reviews", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--rows", type=int, help="score only the first rows")
    options = parser.parse_args()
    if options.peer == "fit":
        fit(options.reviews, options.output)
    else:
        run(options)


def run(options: argparse.Namespace) -> None:
    """Score the file once and print how long it took."""
    score = PEERS[options.peer](options)
    started = time.perf_counter()
    table = pq.read_table(options.reviews).slice(0, options.rows)
    scored = table.append_column("score", pa.array(score(table["text"].to_pylist()).astype(np.float32)))
    pq.write_table(scored, options.output)
    print(json.dumps({"rows": table.num_rows, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
