"""Stages: the long steps before the epochs, each kept on disk, so that an interrupted fit goes on where it was.

A stage is known by the digest of all that it depends on: its settings, the data, the seed, and the stages before
it. `NAME.pt` holds what a finished stage made, `NAME.part` the last state of one that was interrupted; both are
read by `torch.load(weights_only=True)`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.saving import save

__all__ = ["Made", "Output", "StageProgress", "Stages"]

_FORMAT_VERSION = 1
_FIRST_WORD = 10.0  # seconds at most until a stage says how long it will take

Made = tuple[dict[str, Tensor], dict[str, Any]]
"""What a stage makes: tensors by name, and a summary for people."""


@dataclass(frozen=True)
class Output:
    """A finished stage."""

    digest: str
    tensors: dict[str, Tensor]
    summary: dict[str, Any]


class StageProgress:
    """What a running stage says, and where it keeps its state."""

    def __init__(
        self,
        name: str,
        path: Path,
        digest: str,
        said: Callable[[str], None],
        save_every: float,
        speak_every: float,
    ) -> None:
        self._name, self._path, self._digest, self.said = name, path, digest, said
        self._save_every, self._speak_every = save_every, speak_every
        self._started = self._saved = time.monotonic()
        self._next_word = self._started + min(_FIRST_WORD, speak_every)
        self._first = 0.0

    def load(self) -> dict[str, Any] | None:
        """The state that the same stage kept before it was interrupted."""
        kept = _load(self._path, self._digest)
        if kept is None:
            return None
        self._first = kept["share"]
        self.said(f"{self._name}: resumed at {kept['share']:.0%}")
        state: dict[str, Any] = kept["state"]
        return state

    def at(self, share: float, reached: Callable[[], str], state: Callable[[], dict[str, Any]]) -> None:
        """A `share` of the stage is done: now and then, say what it `reached` and keep its `state`."""
        now = time.monotonic()
        if now >= self._next_word:
            self._next_word = now + self._speak_every
            left = (now - self._started) / max(share - self._first, 1e-9) * (1 - share)
            self.said(f"{self._name}: {share:.0%}, {reached()}, {left / 60:.0f} min left")
        if now - self._saved >= self._save_every:
            self._saved = now
            save({"digest": self._digest, "share": share, "state": state()}, self._path)


class Stages:
    """Runs stages, or takes what an earlier run of them left in `folder`."""

    def __init__(
        self,
        folder: Path,
        root: Mapping[str, Any],
        said: Callable[[str], None],
        save_every: float,
        speak_every: float,
        *,
        resume: bool = False,
    ) -> None:
        self._folder, self._root, self.said, self._resume = folder, root, said, resume
        self._paces = save_every, speak_every
        self.summaries: dict[str, dict[str, Any]] = {}
        """What each stage so far reached."""
        folder.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        name: str,
        plan: str,
        settings: Mapping[str, Any],
        upstream: Sequence[Output],
        work: Callable[[StageProgress], Made],
    ) -> Output:
        """What `work` makes, unless a run to resume has made it already; `plan` says what it will do and how long."""
        digest = self.digest(name, settings, upstream)
        path, part = self._folder / f"{name}.pt", self._folder / f"{name}.part"
        kept = _load(path, digest) if self._resume else None
        if kept is None:
            if not self._resume:
                part.unlink(missing_ok=True)
            kept = {
                "digest": digest,
                **self._make(name, plan, StageProgress(name, part, digest, self.said, *self._paces), work),
            }
            save(kept, path)
            part.unlink(missing_ok=True)
        self.summaries[name] = kept["summary"]
        self.said(f"{name}: {_in_words(kept['summary'])}")
        return Output(digest, kept["tensors"], kept["summary"])

    def digest(self, name: str, settings: Mapping[str, Any], upstream: Sequence[Output]) -> str:
        """What a stage is known by: equal digest, equal tensors."""
        known = [_FORMAT_VERSION, name, self._root, settings, [output.digest for output in upstream]]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def _make(
        self, name: str, plan: str, progress: StageProgress, work: Callable[[StageProgress], Made]
    ) -> dict[str, Any]:
        self.said(f"{name}: {plan}")
        started = time.monotonic()
        tensors, summary = work(progress)
        return {"tensors": tensors, "summary": {**summary, "seconds": round(time.monotonic() - started, 1)}}


def _load(path: Path, digest: str) -> dict[str, Any] | None:
    """The content of a stage's file if it belongs to `digest`; another fit's, or a damaged one, counts as none."""
    if not path.is_file():
        return None
    try:
        kept: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception:  # torch.load has no common base for damaged and foreign files
        return None
    return kept if kept.get("digest") == digest else None


def _in_words(summary: Mapping[str, Any]) -> str:
    """A summary on one line: `137 crops, held-out accuracy 91.20%, 12 s`."""
    return ", ".join(_figure(key.replace("_", " "), value) for key, value in summary.items())


def _figure(name: str, value: Any) -> str:
    if name == "seconds":
        return f"{value:,.0f} s"
    if isinstance(value, int):
        return f"{value:,} {name}"
    if isinstance(value, float):
        return f"{name} {value:.2%}" if "accuracy" in name else f"{name} {value:.4g}"
    return f"{name} {value}"
