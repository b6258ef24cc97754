"""A missing extra's advice, by the files that pip, pipx 1.17 and uv 0.11 leave where they install a tool."""

import json
import sys
from pathlib import Path

import pytest

from scorer.system.installation import command_to_add

FOLDER = {"url": "file:///home/me/my%20tools", "dir_info": {}}
EDITABLE = {"url": "file:///src/scorer", "dir_info": {"editable": True}}
GIT = {"url": "https://host/scorer.git", "vcs_info": {"vcs": "git", "commit_id": "1f2e"}}
WHEEL = {"url": "https://host/sentiment_scorer-0.1.0-py3-none-any.whl", "archive_info": {}}
OF_UV = '[tool]\nrequirements = [{{ name = "sentiment-scorer"{0} }}, {{ name = "polars" }}]\n'


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of its own, whose pip is the one that a shell finds."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").touch(0o755)
    come_from(tmp_path, {})
    return tmp_path


def come_from(environment: Path, origin: dict[str, object]) -> None:
    folder = environment / "sentiment_scorer-0.1.0.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text("Name: sentiment-scorer\nVersion: 0.1.0\n", encoding="utf-8")
    (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({}, "pip install 'sentiment-scorer[ray]'"),
        (FOLDER, "pip install '/home/me/my tools[ray]'"),
        (EDITABLE, "pip install -e '/src/scorer[ray]'"),
        (GIT, "pip install 'sentiment-scorer[ray] @ git+https://host/scorer.git@1f2e'"),
        (WHEEL, f"pip install 'sentiment-scorer[ray] @ {WHEEL['url']}'"),
    ],
)
def test_pip_takes_it_from_where_the_package_came(environment: Path, origin: dict[str, object], command: str) -> None:
    come_from(environment, origin)
    assert command_to_add("ray") == command


def test_an_environment_that_is_not_activated_is_named(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / "bin" / "pip").unlink()
    assert command_to_add("ray") == f"{environment}/bin/python -m pip install 'sentiment-scorer[ray]'"
    monkeypatch.setattr(sys, "path", [str(environment)])  # where there is no pip
    monkeypatch.delitem(sys.modules, "pip", raising=False)
    assert command_to_add("ray") == f"uv pip install --python {environment}/bin/python 'sentiment-scorer[ray]'"


@pytest.mark.parametrize(
    ("extras", "origin", "command"),
    [
        ("", {}, "uv tool install --force --with polars 'sentiment-scorer[ray]'"),
        (', extras = ["train"]', {}, "uv tool install --force --with polars 'sentiment-scorer[ray,train]'"),
        ("", FOLDER, "uv tool install --force --with polars '/home/me/my tools[ray]'"),
        ("", EDITABLE, "uv tool install --force --with polars -e '/src/scorer[ray]'"),
    ],
)
def test_a_tool_of_uv(environment: Path, extras: str, origin: dict[str, object], command: str) -> None:
    come_from(environment, origin)
    (environment / "uv-receipt.toml").write_text(OF_UV.format(extras), encoding="utf-8")
    assert command_to_add("ray") == command


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        ("sentiment-scorer", "pipx install --force 'sentiment-scorer[ray]'"),
        ("sentiment-scorer[train,ray]", "pipx install --force 'sentiment-scorer[ray,train]'"),
    ],
)
def test_a_tool_of_pipx(environment: Path, asked: str, command: str) -> None:
    metadata = {"main_package": {"package": "sentiment-scorer", "package_or_url": asked}}
    (environment / "pipx_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    assert command_to_add("ray") == command
