"""`exporter push`, against a local stand-in for the hub's protocol (tests/hub_server.py)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scorer.system.installation import command_to_add
from tests.conftest import DATA, Command, one_line
from tests.hub_server import TOKEN, Hub, hub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # in huggingface_hub's own upload
REPOSITORY = "acme/reviews"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that knows the token, an empty cache, and an empty working folder."""
    monkeypatch.chdir(tmp_path)
    with hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


def test_what_is_pushed_scores_as_the_file_does(command: Command, server: Hub, fitted: Path) -> None:
    model = fitted / "best.onnx"
    pushed = command("exporter", "push", model, REPOSITORY, "--private", "--json")
    assert pushed.code == 0, pushed.err
    commit, files = server.files(REPOSITORY)
    assert json.loads(pushed.out)["commit"] == commit
    assert sorted(files) == sorted(json.loads(pushed.out)["files"])
    assert files["best.onnx"] == model.read_bytes()
    assert {"model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json", "README.md"} < set(files)
    assert server.private == {REPOSITORY}
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "a.csv", "--model", f"hf://{REPOSITORY}").code == 0
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "b.csv", "--model", model).code == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_the_card_says_how_good_it_is_and_how_to_use_it(command: Command, server: Hub, fitted: Path) -> None:
    assert command("exporter", "push", fitted / "best.onnx", REPOSITORY).code == 0
    text = server.files(REPOSITORY)[1]["README.md"].decode()
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head)["pipeline_tag"] == "text-classification"
    sealed = json.loads(command("scorer", "inspect", fitted / "best.onnx", "--json").out)
    figures = sealed["metrics"]["verdict"]["figures"]["this model"]
    assert f"| {figures['rows']:,} | {figures['accuracy']['value']:.1%} (" in body
    for words in ("144 to train", f"--model hf://{REPOSITORY}", "last 400 tokens", "Recipe `default`"):
        assert words in body


def test_a_card_that_somebody_wrote_stays(command: Command, server: Hub, fitted: Path) -> None:
    first = server.commit(REPOSITORY, {"README.md": b"by hand"})
    told = command("exporter", "push", fitted / "best.onnx", REPOSITORY)
    assert "README.md is there already" in told.out, told.err
    commit, files = server.files(REPOSITORY)
    assert (commit != first, files["README.md"]) == (True, b"by hand")
    assert f"hf://{REPOSITORY}" in told.out
    assert command("exporter", "push", fitted / "best.onnx", REPOSITORY, "--force").code == 0
    assert files["README.md"] != server.files(REPOSITORY)[1]["README.md"]


def test_what_cannot_be_pushed_is_one_line(
    command: Command, server: Hub, fitted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = fitted / "best.onnx"
    for name in ("reviews", "acme/films/reviews", "a b/c"):
        refused = command("exporter", "push", model, name)
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert "name it as OWNER/NAME" in refused.err
    one_line(command("exporter", "push", fitted / "best.pth", REPOSITORY), "best.pth", "not a sealed model")
    server.read_only = True
    one_line(command("exporter", "push", model, REPOSITORY), REPOSITORY, "access is refused", "HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    one_line(command("exporter", "push", model, REPOSITORY), REPOSITORY, "access is refused")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    one_line(command("exporter", "push", model, REPOSITORY), REPOSITORY, "no token", "hf auth login")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    one_line(command("exporter", "push", model, REPOSITORY), REPOSITORY, "cannot be reached")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", None)
    one_line(command("exporter", "push", model, REPOSITORY), f"install it with: {command_to_add('remote')}")
    assert not server.commits
