"""Running a model: a sealed file becomes a function from padded ids to logits."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scorer.errors import ModelError
from scorer.model.fold import fold_tables
from scorer.model.runtime import onnxruntime as ort
from scorer.model.sealed import SealedModel, find_model, read_sealed

__all__ = ["Network", "open_model", "probabilities"]


def open_model(name: Path | str | None = None) -> tuple[SealedModel, Future["Network"]]:
    """Find and verify a sealed model, and begin to load its network.

    Loading does not hold the interpreter lock: what the caller imports and reads meanwhile costs no time. Raises
    `ModelError` if the file cannot be trusted; the future raises it if onnxruntime cannot load it.
    """
    sealed = read_sealed(find_model(name))
    pool = ThreadPoolExecutor(1)
    network = pool.submit(Network, sealed.content, sealed.path)
    pool.shutdown(wait=False)
    return sealed, network


class Network:
    """An ONNX graph with the inputs and the output of a sealed model, ready to run from any thread.

    Raises `ModelError`, naming `path`, when onnxruntime cannot load it.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        options = ort.SessionOptions()
        # Runs go side by side, one thread each: more work per second than one run on all threads.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised as well; a command says them in one line
        graph, self._tables = fold_tables(content)
        try:
            self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise ModelError(f"{path}: onnxruntime cannot load it: {error}") from error
        self._path = path

    def logits(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (negative, positive), float32 [batch, 2], of ids and mask, both int64 [batch, time]."""
        inputs: dict[str, NDArray[Any]] = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self._tables:
            self._tables.prepare(input_ids)
            inputs |= self._tables.inputs
        try:
            (result,) = self._session.run(["logits"], inputs)
        except Exception as error:
            raise ModelError(f"{self._path}: onnxruntime cannot run it: {error}") from error
        if result.shape != (len(input_ids), 2) or result.dtype != np.float32:
            raise ModelError(f"{self._path}: its logits are {result.dtype} {result.shape}; export the checkpoint again")
        if not np.isfinite(result).all():
            raise ModelError(f"{self._path}: a logit is not a number; export the checkpoint again")
        return cast(NDArray[np.float32], result)

    def log_odds(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-odds of positive in nats, float64 [batch]: how far the second logit is above the first."""
        logits = self.logits(input_ids, attention_mask).astype(np.float64)
        return logits[:, 1] - logits[:, 0]

    @property
    def words_per_step(self) -> int:
        """How many words the network reads at a time, as far as its graph tells."""
        return len(self._tables.inputs) if self._tables else 1


def probabilities(log_odds: NDArray[np.float64]) -> NDArray[np.float32]:
    """P(positive), float32 [rows], of log-odds in nats [rows]: the softmax of the two logits."""
    with np.errstate(over="ignore"):  # beyond the largest number the probability is 0
        return (1 / (1 + np.exp(-log_odds))).astype(np.float32)
