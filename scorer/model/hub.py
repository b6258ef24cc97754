"""Sealed models of the Hugging Face hub: `hf://OWNER/NAME`, or `hf://OWNER/NAME@REVISION`.

They come through huggingface_hub, which keeps them in its cache: a model that is there already is used without network.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL
from pathlib import Path

from scorer.errors import ModelError, SentimentScorerError
from scorer.system.installation import command_to_add

__all__ = ["SCHEME", "SEALED_FILE", "endpoint", "fetch_model", "hub_errors", "hub_name"]

SCHEME = "hf://"
SEALED_FILE = "best.onnx"
"""What a sealed model is called in its repository."""

_PATIENCE = 10.0
"""Seconds for the hub's first answer; the library would try again for half a minute."""
_MODEL = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@(.+))?")
_SNAPSHOT = re.compile(r"models--([^/]+)--([^/]+)/snapshots/([0-9a-f]{40})/")


def fetch_model(uri: str) -> Path:
    """The file, in the library's cache, of the sealed model at `uri`; raises `ModelError`."""
    found = _MODEL.fullmatch(uri)
    if not found:
        raise ModelError(f"{uri}: a model of the hub is hf://OWNER/NAME, or hf://OWNER/NAME@REVISION")
    repository, revision = found.groups()
    with hub_errors(uri):
        from huggingface_hub import hf_hub_download

        there = _answers(repository, revision)
        path = hf_hub_download(
            repository, SEALED_FILE, revision=revision, local_files_only=not there, endpoint=endpoint()
        )
    return Path(path)


def hub_name(path: Path) -> str | None:
    """What a path in the library's cache stands for, such as `hf://owner/name@0123456789ab`; None for other paths."""
    found = _SNAPSHOT.search(path.as_posix())
    return f"{SCHEME}{found[1]}/{found[2]}@{found[3][:12]}" if found else None


def endpoint() -> str | None:
    """Another hub than the public one, if $HF_ENDPOINT names it."""
    return os.environ.get("HF_ENDPOINT") or None


def _answers(repository: str, revision: str | None) -> bool:
    """Whether the hub says that the model is there; False where it cannot be reached: a copy here will do then."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(repository, SEALED_FILE, revision=revision, endpoint=endpoint())
        get_hf_file_metadata(url, timeout=_PATIENCE, endpoint=endpoint())
    except Exception as error:  # of whichever library asks
        if 0 < _status(error) < 500 or isinstance(error, ValueError):
            raise
        return False
    return True


def _status(error: Exception) -> int:
    """What the hub has answered; 0 if nothing."""
    return int(getattr(getattr(error, "response", None), "status_code", 0))


@contextmanager
def hub_errors(name: str) -> Iterator[None]:
    """Whatever goes wrong with the hub in the block as one `ModelError` on `name`; the library itself is silent."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    try:
        with _silence():
            yield
    except SentimentScorerError:
        raise
    except ImportError as error:
        raise ModelError(f"{name}: needs {error.name}; install it with: {command_to_add('remote')}") from error
    except Exception as error:  # the errors of the library share no base
        cause = error.__cause__ if isinstance(error, RuntimeError) else None  # of one of its threads
        raise ModelError(f"{name}: {_reason(cause if isinstance(cause, Exception) else error)}") from error


@contextmanager
def _silence() -> Iterator[None]:
    """Neither log lines nor progress bars of the library in the block."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity, silent = logging.get_verbosity(), are_progress_bars_disabled()
    logging.set_verbosity(CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if not silent:
            enable_progress_bars()


def _reason(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "has to be asked for on its page of the hub"
    if isinstance(error, errors.RevisionNotFoundError):
        return "there is no such revision"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"holds no {SEALED_FILE}; `exporter push` puts one there"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such model, or it is private; log in with `hf auth login`, or set HF_TOKEN"
    if _status(error) in (401, 403):
        return "access is refused; log in with `hf auth login`, or look at the rights of the token in HF_TOKEN"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            f"the hub cannot be reached, and no copy is here; fetch {SEALED_FILE} elsewhere and name it: --model FILE"
        )
    words = " ".join(str(error).split()) or type(error).__name__
    if not _status(error) and not isinstance(error, ValueError):
        return f"the hub cannot be reached: {words}"
    return f"the hub does not answer as it should: {words}"
