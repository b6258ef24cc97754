"""How this program was installed, and the command that adds an extra to it.

pipx and uv leave a file in the environment that they make for a tool, pip leaves one beside the package that says
where it came from (PEP 610).
"""

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["command_to_add"]

_NAME = "sentiment-scorer"


def command_to_add(extra: str) -> str:
    """The shell command that installs `extra` as well, in the way in which this program was installed."""
    prefix, origin = Path(sys.prefix), _origin()
    if (receipt := prefix / "uv-receipt.toml").is_file():
        extras, more = _asked_of_uv(receipt)
        return f"uv tool install --force {more}{_asked_for([extra, *extras], origin)}"
    if (metadata := prefix / "pipx_metadata.json").is_file():
        return f"pipx install --force {_asked_for([extra, *_extras_of_pipx(metadata)], origin)}"
    return f"{_pip_install()} {_asked_for([extra], origin)}"


def _origin() -> Mapping[str, Any]:
    """What PEP 610 says of where the package came from; empty if from an index."""
    from importlib.metadata import PackageNotFoundError, distribution  # for an error only: it takes milliseconds

    try:
        return dict(json.loads(distribution(_NAME).read_text("direct_url.json") or "{}"))
    except (PackageNotFoundError, ValueError):
        return {}


def _asked_for(extras: Iterable[str], origin: Mapping[str, Any]) -> str:
    """The package with its extras as an argument, from where it came before."""
    named = f"[{','.join(sorted(set(extras)))}]"
    url = str(origin.get("url", ""))
    if "dir_info" in origin:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return editable + shlex.quote(unquote(urlsplit(url).path) + named)
    if vcs := origin.get("vcs_info"):
        return shlex.quote(f"{_NAME}{named} @ {vcs['vcs']}+{url}@{vcs['commit_id']}")
    return shlex.quote(f"{_NAME}{named} @ {url}" if url else f"{_NAME}{named}")


def _asked_of_uv(receipt: Path) -> tuple[list[str], str]:
    """The extras that are there, and options for other packages beside ours, which uv would remove."""
    import tomllib

    asked = tomllib.loads(receipt.read_text(encoding="utf-8"))["tool"]["requirements"]
    extras = [extra for one in asked if one["name"] == _NAME for extra in one.get("extras", ())]
    return extras, "".join(f"--with {shlex.quote(one['name'])} " for one in asked if one["name"] != _NAME)


def _extras_of_pipx(metadata: Path) -> list[str]:
    asked = json.loads(metadata.read_text(encoding="utf-8"))["main_package"]["package_or_url"]
    _, bracket, rest = asked.partition("[")
    return rest.partition("]")[0].split(",") if bracket else []


def _pip_install() -> str:
    """By the pip of this very environment, which need not be the one that a shell finds."""
    python = shlex.quote(sys.executable)
    if find_spec("pip") is None:  # uv makes such environments
        return f"uv pip install --python {python}"
    found = shutil.which("pip")
    is_ours = found and Path(found).parent == Path(sys.executable).parent
    return "pip install" if is_ours else f"{python} -m pip install"
