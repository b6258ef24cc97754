"""Transformers as teachers: any sequence classifier or encoder of the Hugging Face hub, or of a folder.

A classifier judges as it is. An encoder has no head for labels; `finetuning` gives it one. Either reads a text in
pieces of so many tokens, and what it says of a text is the mean of the logits of its pieces.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from trainer.errors import TrainerError
from trainer.network.bfloat16 import native_bfloat16
from trainer.stages import StageProgress
from trainer.teachers.transformer_labels import LabelSides, label_sides

__all__ = ["Classifier", "Encoder", "Pieces", "Transformer", "load_transformer", "read_texts", "read_words"]

_BATCH_ROWS, _BATCH_TOKENS = 64, 8192  # a batch stays within some hundred MB of activations on a CPU
_CUDA_TIMES = 16  # as much at once on a GPU, which is idle with less
_AT_ONCE = 10_000  # texts: what the tokenizers library says of each takes far more memory than its ids
_NO_LIMIT = 1 << 20  # tokenizers without a limit name a larger number
_HEAD_DEVIATION = 0.02  # of the first weights, as BERT's own
_LARGEST_LOGIT = 5.0  # of a word alone
_WORD_DEVIATION = 0.5  # of a word vector's numbers, but for the first
_TINY = 1e-6


class Encoder(nn.Module):
    """An encoder, the mean of its last states over the tokens, and a linear head: one logit a text."""

    def __init__(self, model: nn.Module, width: int) -> None:
        super().__init__()
        self.model, self.head = model, nn.Linear(width, 1)

    def begin_anew(self) -> None:
        """Give the head fresh weights, from torch's seed."""
        nn.init.normal_(self.head.weight, std=_HEAD_DEVIATION)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [batch] and mean states, float32 [batch, width], of ids and mask, both int64 [batch, time]."""
        mean = _mean_state(self.model(input_ids=input_ids, attention_mask=mask).last_hidden_state, mask)
        with torch.autocast(mean.device.type, enabled=False):  # a logit of eight bits would be a coarse label
            return self.head(mean).squeeze(1), mean


class Classifier(nn.Module):
    """A sequence classifier as it is, whose labels are put on two sides."""

    def __init__(self, model: Any, sides: LabelSides) -> None:
        super().__init__()
        self.model, self._sides = model, sides

    def forward(self, input_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds [batch] of the positive labels against the negative ones, and mean states, as `Encoder` has them."""
        said = self.model(input_ids=input_ids, attention_mask=mask, output_hidden_states=True)
        logits = said.logits.float()  # [batch, labels]
        positive, negative = (logits[:, list(side)] for side in (self._sides.positive, self._sides.negative))
        return positive.logsumexp(1) - negative.logsumexp(1), _mean_state(said.hidden_states[-1], mask)


@dataclass(frozen=True)
class Transformer:
    """A pretrained network, how it takes texts, and where it runs."""

    network: Encoder | Classifier
    tokenizer: Tokenizer
    before: list[int]
    """Ids that stand before every piece."""
    behind: list[int]
    room: int
    """Tokens of a text in one piece."""
    pad_id: int
    device: str
    digest: str
    """Of the weights as they were loaded."""
    about: str
    """One line for people."""

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, without special ones."""
        parts = (list(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE))
        found = (self.tokenizer.encode_batch_fast(part, add_special_tokens=False) for part in parts)
        return [encoding.ids for encodings in found for encoding in encodings]

    def batch(self, pieces: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Ids and mask, int64 [batch, time], of pieces of at most `room` tokens each."""
        rows = [[*self.before, *piece, *self.behind] for piece in pieces]
        width = max(1, *map(len, rows))
        input_ids = torch.tensor([row + [self.pad_id] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return input_ids.to(self.device), mask.to(self.device)

    def autocast(self) -> torch.autocast:
        """bfloat16 where the device has it."""
        return torch.autocast(self.device, torch.bfloat16, enabled=native_bfloat16(self.device))


@dataclass(frozen=True)
class Pieces:
    """Pieces of texts: `tokens` of each, and the number of pieces of each text, int64 [texts]."""

    tokens: list[list[int]]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[list[int]], room: int, most: int) -> "Pieces":
        """At most `most` pieces of `room` tokens of each text; of two one is its beginning and one its end."""
        cut = [[text[start : start + room] for start in _starts(len(text), room, most)] for text in texts]
        return cls([piece for pieces in cut for piece in pieces], np.array([len(pieces) for pieces in cut], np.int64))


def load_transformer(name: str, length: int) -> Transformer:
    """The classifier or encoder of a hub id or folder, to read `length` tokens at once or what it can.

    Raises `TrainerError` in one line where there is none, or its labels have no meaning for reviews.
    """
    config, tokenizer, model = _from_pretrained(name)
    classifier = any(one.endswith("ForSequenceClassification") for one in config.architectures or ())
    network = (
        Classifier(model, label_sides(config.id2label, name)) if classifier else Encoder(model, config.hidden_size)
    )
    # Kin of RoBERTa count positions from 2.
    limits = length, getattr(config, "max_position_embeddings", _NO_LIMIT) - 2, tokenizer.model_max_length
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    before, behind = _around(backend)
    room = min(limits) - len(before) - len(behind)
    if room < 1:
        raise TrainerError(f"--teacher-length {length}: leaves {name} no room for a word; give it more")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.enable_cudnn_sdp(False)  # it makes a plan for each shape, and batches have hundreds of them
    millions = sum(weights.numel() for weights in model.parameters()) / 1e6
    kind = str(label_sides(config.id2label, name)) if classifier else "an encoder, to be fine-tuned on the labels"
    about = f"teacher: {millions:.1f} million weights on {device}, {room} tokens at once; {kind}"
    pad_id = tokenizer.pad_token_id or 0
    digest = _digest(model)
    return Transformer(network.to(device), backend, before, behind, room, pad_id, device, digest, about)


@torch.inference_mode()
def read_texts(teacher: Transformer, texts: Sequence[str], most_pieces: int, progress: StageProgress) -> Tensor:
    """The teacher's logit of each text, float32 [texts]: the mean over its pieces. Resumable."""
    pieces = Pieces.of(teacher.tokens(texts), teacher.room, most_pieces)
    logits, first = torch.zeros(len(pieces.tokens)), 0
    if kept := progress.load():
        logits, first = kept["logits"], kept["batches"]
    teacher.network.eval()
    batches = list(_batches(pieces.tokens, teacher.device))
    lengths = np.array([len(piece) + 1 for piece in pieces.tokens])
    work = np.cumsum([lengths[rows].sum() for rows in batches])  # the longest come first: a batch is no unit of time
    for number, rows in enumerate(batches[first:], first + 1):
        with teacher.autocast():
            said, _ = teacher.network(*teacher.batch([pieces.tokens[row] for row in rows]))
        logits[torch.from_numpy(rows)] = said.float().cpu()
        _tell(progress, work[number - 1] / work[-1], number, logits)
    owner = torch.from_numpy(np.repeat(np.arange(len(texts)), pieces.counts))
    total = torch.zeros(len(texts)).index_add(0, owner, logits)
    return total / torch.from_numpy(pieces.counts)


@torch.inference_mode()
def read_words(teacher: Transformer, words: Sequence[str], size: int) -> Tensor:
    """A vector for each word that is read alone, float32 [words, size], zeros for an empty one.

    First the teacher's logit, then the word's mean state along the widest directions of all; every word's as long as
    any other's. Raises `TrainerError` for more numbers than there are directions.
    """
    logits, states = _read_pieces(teacher, [tokens[: teacher.room] for tokens in teacher.tokens(words)])
    if size - 1 > min(states.shape):
        raise TrainerError(f"--embedding-dim {size}: the teacher's states have {min(states.shape)} numbers; take fewer")
    centred = states - states.mean(0)
    _, directions = torch.linalg.eigh(centred.T.double() @ centred.double())  # ascending
    others = centred @ directions.flip(1)[:, : size - 1].float()
    others *= _WORD_DEVIATION / others.pow(2).mean(1, keepdim=True).sqrt().clamp_min(_TINY)
    first = logits.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT) / logits.pow(2).mean().sqrt().clamp_min(_TINY)
    vectors = torch.cat([first.unsqueeze(1), others], 1)
    return vectors * torch.tensor([float(bool(word)) for word in words]).unsqueeze(1)


def _read_pieces(teacher: Transformer, pieces: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Logits [pieces] and mean states [pieces, width] of pieces that are few or short enough to keep."""
    teacher.network.eval()
    found: list[tuple[Tensor, Tensor]] = []
    batches = list(_batches(pieces, teacher.device))
    for rows in batches:
        with teacher.autocast():
            logits, states = teacher.network(*teacher.batch([pieces[row] for row in rows]))
        found.append((logits.float().cpu(), states.float().cpu()))
    order = torch.from_numpy(np.argsort(np.concatenate(batches)))
    joined = [torch.cat(list(parts))[order] for parts in zip(*found, strict=True)]
    return joined[0], joined[1]


def _tell(progress: StageProgress, share: float, batches: int, logits: Tensor) -> None:
    progress.at(float(share), lambda: f"{batches:,} batches", lambda: {"logits": logits, "batches": batches})


def _from_pretrained(name: str) -> tuple[Any, Any, Any]:
    """Config, tokenizer and network; nothing that a hub sends is run as code."""
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, logging

    if not Path(name).exists() and (name.count("/") > 1 or name.startswith((".", "/"))):
        raise TrainerError(f"--teacher {name}: no such folder")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(name)
        classifier = any(one.endswith("ForSequenceClassification") for one in config.architectures or ())
        kind = AutoModelForSequenceClassification if classifier else AutoModel
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = kind.from_pretrained(name, dtype=torch.float32)
    except Exception as error:  # hub, network and parser errors share no base
        cause = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise TrainerError(
            f"cannot load teacher {name!r}: {cause}; without network name a local folder with its config.json, "
            "model.safetensors and tokenizer.json: --teacher FOLDER"
        ) from error
    if not tokenizer.is_fast:
        raise TrainerError(f"teacher {name!r} has no fast tokenizer (tokenizer.json); choose one that has")
    return config, tokenizer, model


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special ids before and behind a text."""
    bare, dressed = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    start = next((i for i in range(len(dressed)) if dressed[i : i + len(bare)] == bare), 0)
    return dressed[:start], dressed[start + len(bare) :]


def _digest(model: nn.Module) -> str:
    """Of all weights that are used: a pooler may be fresh and random."""
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        if "pooler." not in name or hasattr(model, "classifier"):
            digest.update(name.encode() + weights.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _mean_state(states: Tensor, mask: Tensor) -> Tensor:
    """Of `states` [batch, time, width] over the tokens: float32 [batch, width]."""
    shares = mask.unsqueeze(2).float()
    return (states.float() * shares).sum(1) / shares.sum(1).clamp_min(1.0)


def _starts(tokens: int, room: int, most: int) -> list[int]:
    """Where pieces begin: spread from the beginning to the end, which alone stays if there may be only one."""
    pieces = min(most, -(-tokens // room))
    if pieces <= 1:
        return [max(0, tokens - room)]
    return [round(i * (tokens - room) / (pieces - 1)) for i in range(pieces)]


def _batches(pieces: Sequence[list[int]], device: str) -> Iterator[NDArray[np.int64]]:
    """Numbers of pieces of similar lengths, the longest first, so that what does not fit shows at once."""
    times = _CUDA_TIMES if device == "cuda" else 1
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        rows = min(_BATCH_ROWS * times, max(1, _BATCH_TOKENS * times // max(1, int(lengths[order[0]]))))
        yield order[:rows]
        order = order[rows:]
