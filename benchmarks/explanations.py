"""Which words a score rests on: ways to say it, held against what happens when those words go.

python -m benchmarks.explanations test.parquet --reviews 50

The deletion curve (Samek et al. 2017): words are taken out of a review in the order in which a way ranks them, those
that speak most for the verdict first, and the probability of that verdict falls; a faithful way makes it fall fast. The
figure is the mean fall over the first 1, 2, 4, 8, 16 and 32 words. `random` is the floor.
"""

import argparse
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from scorer import Scorer
from scorer.arrow.arrays import strings
from scorer.explaining import CANDIDATES, Explainer, Word
from scorer.model.network import Network
from scorer.tokens.encoder import TextEncoder

TAKEN = (1, 2, 4, 8, 16, 32)
UNKNOWN = " \u25a1 "
Effects = NDArray[np.floating]
Way = Callable[[str, Sequence[Word]], Effects]


def put_for(text: str, words: Sequence[Word], mark: str = " ") -> str:
    """The text with `mark` in place of each of the words."""
    for word in sorted(words, key=lambda one: -one.start):
        text = f"{text[: word.start]}{mark}{text[word.end :]}"
    return text


class Ways:
    """Each way takes a text and its words, and gives their effects: [words]."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._encoder = TextEncoder(scorer.sealed.tokenizer_json, scorer.sealed.card.text)
        self._explainer = Explainer(self._encoder, Network(scorer.sealed.content, scorer.sealed.path))
        graph = onnx.load_from_string(scorer.sealed.content).graph
        self._constants = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}
        self._step = int(self._constants["words_per_step"])

    def verdicts(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds of positive, 0 where nothing is left: [texts]."""
        prepared = self._scorer.prepare(strings(texts))
        said = np.zeros(int(prepared.places.max()) + 1)
        for batch in prepared.batches:
            said[batch.rows] = self._scorer.log_odds(batch)
        return np.asarray(said[prepared.places])

    def at_random(self, text: str, words: Sequence[Word]) -> Effects:
        """The floor."""
        return np.random.default_rng(len(text)).normal(size=len(words))

    def running(self, text: str, words: Sequence[Word]) -> Effects:
        """What each word adds to the verdict on all words up to it."""
        return np.diff(self.verdicts([text[: words[0].start], *(text[: word.end] for word in words)]))

    def left_out(self, text: str, words: Sequence[Word], mark: str = " ") -> Effects:
        """The verdict without the word."""
        whole = self.verdicts([text])
        return whole - self.verdicts([put_for(text, [word], mark) for word in words])

    def unknown(self, text: str, words: Sequence[Word]) -> Effects:
        """The verdict with an unknown word in its place, in the text's own pairing."""
        return self.left_out(text, words, UNKNOWN)

    def explained(self, text: str, words: Sequence[Word]) -> Effects:
        """What `scorer text --explain` says."""
        return np.array([word.effect for word in words])

    def candidates(self, text: str, words: Sequence[Word]) -> Effects:
        """What `scorer run --explain` looks at: the words that say most alone."""
        array = strings([text])
        question = self._explainer.question(array, self._encoder.encode(array), CANDIDATES)
        (found,) = question.words(map(self._scorer.log_odds, question.batches))
        effects = {word.start: word.effect for word in found}
        return np.array([effects.get(word.start, 0.0) for word in words])

    def gradient(self, text: str, words: Sequence[Word]) -> Effects:
        """Gradient × input (Shrikumar et al. 2016): the graph's constants in torch, each word by its vector.

        What pairs of words say has no gradient by a vector: each of the two has half of it.
        """
        ids = self._encoder.encode(strings([text])).values.astype(np.int64)
        vectors = (self._constants["embedding"].float() * self._constants["embedding_steps"])[ids].requires_grad_()
        logit = self._logit(vectors) + self._of_pairs(ids).sum()
        assert abs(logit.item() - self.verdicts([text])[0]) < 1e-2, "not the sealed network"
        (gradient,) = torch.autograd.grad(logit, vectors)
        by_token = np.append((gradient * vectors).sum(1).detach().numpy(), 0)
        pairs = self._of_pairs(ids)
        by_token[1 : len(ids)] += pairs / 2
        by_token[: len(ids) - 1] += pairs / 2
        (places,) = self._encoder.places(strings([text]))
        return np.array([by_token[start:end].sum() for start, end in places.tokens])

    def _logit(self, vectors: torch.Tensor) -> torch.Tensor:
        """Of one text, from its word vectors: [words, size]."""
        c, n = self._constants, self._step
        rows = [vectors @ c[f"input_weights_{k}"] for k in range(n)]
        rows[0] = rows[0] + c["bias"]
        state = cell = torch.zeros(1, c["recurrent_weights"].shape[0])
        states = []
        for start in range(0, len(vectors), n):
            gates = state @ c["recurrent_weights"]
            for k in range(min(n, len(vectors) - start)):
                gates = gates + rows[k][start + k]
            inner, shown, kept = gates[:, : 3 * state.shape[1]].sigmoid().chunk(3, 1)
            cell = inner * gates[:, 3 * state.shape[1] :].tanh() + kept * cell
            state = shown * cell.tanh()
            states.append(state)
        every = torch.stack(states)
        parts = [state, every.amax(0).clamp(min=0), every.mean(0)]
        before_head = c.get("between_weights", c["head_weights"])
        seen = torch.cat(parts if before_head.shape[0] == 3 * state.shape[1] else parts[1:], 1)
        if "between_bias" in c:
            seen = torch.relu(seen @ c["between_weights"] + c["between_bias"])
        logits = seen @ c["head_weights"] + c["head_bias"]
        return logits[0, 1] - logits[0, 0]

    def _of_pairs(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each word but the first adds with the one before it: [words - 1]."""
        c = self._constants
        if "phrases" not in c:
            return np.zeros(len(ids) - 1)
        places = (ids[:-1] * int(c["pair_multiplier"]) + ids[1:]) % int(c["pair_places"])
        codes = np.asarray(c["phrases"].numpy(), np.float64)[places]
        return np.asarray(codes * float(c["phrase_step"][0, 1]) / len(ids) ** 0.5)

    def falls(self, text: str, words: Sequence[Word], effects: Effects) -> NDArray[np.float64]:
        """How far the verdict's probability falls without the first 1, 2, 4, … words: [len(TAKEN)]."""
        whole = self.verdicts([text])[0]
        order = np.argsort(-np.sign(whole) * effects, kind="stable")
        left = self.verdicts([put_for(text, [words[place] for place in order[:n]]) for n in TAKEN])
        sure = 1 / (1 + np.exp(-np.sign(whole) * np.array([whole, *left])))
        return np.asarray(sure[0] - sure[1:])


def chosen_reviews(scorer: Scorer, texts: Sequence[str], count: int) -> list[tuple[str, list[Word]]]:
    """The parts that the model reads of random reviews that are long enough, with their explained words."""
    rng = np.random.default_rng(0)
    plain = [re.sub("<br ?/?>", " ", texts[i]) for i in rng.choice(len(texts), count, replace=False)]
    read = [text[words[0].start :] for text, words in zip(plain, scorer.explain(plain), strict=True) if words]
    return [pair for pair in zip(read, scorer.explain(read), strict=True) if len(pair[1]) > max(TAKEN)]


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews_file", type=Path)
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--reviews", type=int, default=50)
    arguments = parser.parse_args()
    scorer = Scorer.open("default")
    texts = pq.read_table(arguments.reviews_file, columns=[arguments.text_column])[0].to_pylist()
    prepared = chosen_reviews(scorer, texts, arguments.reviews)
    ways = Ways(scorer)
    named: dict[str, Way] = {
        "random": ways.at_random,
        "running verdict": ways.running,
        "gradient × input": ways.gradient,
        "left out": ways.left_out,
        "made unknown": ways.unknown,
        "--explain, text": ways.explained,
        "--explain, run": ways.candidates,
    }
    print(f"{len(prepared)} reviews; fall of the verdict's probability without the first words")
    print(f"{'':20}" + "".join(f"{n:>8}" for n in TAKEN) + f"{'mean':>8}{'ms':>9}")
    for name, way in named.items():
        started = time.perf_counter()
        effects = [way(text, words) for text, words in prepared]
        each = (time.perf_counter() - started) / len(prepared)
        mean = np.mean([ways.falls(*one, found) for one, found in zip(prepared, effects, strict=True)], axis=0)
        print(f"{name:20}" + "".join(f"{value:8.3f}" for value in mean) + f"{mean.mean():8.3f}{1000 * each:9.1f}")


if __name__ == "__main__":
    main()
