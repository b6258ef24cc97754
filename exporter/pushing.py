"""A sealed model to the Hugging Face hub: itself, the layout that other libraries open, and a model card."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exporter.errors import ExportError
from exporter.huggingface import huggingface_files
from exporter.model_card import model_card
from scorer.errors import UsageError
from scorer.model.hub import SEALED_FILE, endpoint, hub_errors
from scorer.model.sealed import SealedModel, read_sealed

__all__ = ["PushOptions", "PushResult", "push"]

_CARD_FILE = "README.md"


@dataclass(frozen=True)
class PushOptions:
    """What `exporter push` is asked to do."""

    model: Path
    repository: str
    """OWNER/NAME."""
    private: bool = False
    """Let nobody else see a repository that is made by this."""
    force: bool = False
    """Replace a model card that is there."""


@dataclass(frozen=True)
class PushResult:
    """What was uploaded, and where it is."""

    repository: str
    commit: str
    url: str
    files: tuple[str, ...]
    kept_card: bool
    """The repository had a README.md, which stays."""

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def push(options: PushOptions) -> PushResult:
    """Upload a sealed model in one commit, and make the repository if there is none.

    Raises `UsageError` for a name that no repository can have, `ModelError` for what is no sealed model or when the hub
    refuses, and `ExportError` without a token. Nothing is changed then.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.repository):
        raise UsageError(f"{options.repository!r} is no repository of the hub; name it as OWNER/NAME")
    files = _files(options.repository, read_sealed(options.model))
    with hub_errors(options.repository):
        from huggingface_hub import HfApi, get_token

        if get_token() is None:
            raise ExportError(
                f"{options.repository}: no token of the hub is found; log in with `hf auth login`, or set HF_TOKEN"
            )
        return _upload(HfApi(endpoint=endpoint()), files, options)


def _files(repository: str, sealed: SealedModel) -> Mapping[str, bytes]:
    return {
        SEALED_FILE: sealed.content,
        **huggingface_files(sealed),
        _CARD_FILE: model_card(repository, sealed).encode(),
    }


def _upload(hub: Any, files: Mapping[str, bytes], options: PushOptions) -> PushResult:
    from huggingface_hub import CommitOperationAdd

    name = options.repository
    hub.create_repo(name, private=options.private or None, exist_ok=True)
    kept_card = not options.force and hub.file_exists(name, _CARD_FILE)
    chosen = {path: content for path, content in files.items() if not (kept_card and path == _CARD_FILE)}
    additions = [CommitOperationAdd(path, content) for path, content in chosen.items()]
    commit = hub.create_commit(name, additions, commit_message=f"{options.model.name}, by sentiment-scorer")
    return PushResult(name, commit.oid, commit.commit_url, tuple(chosen), kept_card)
