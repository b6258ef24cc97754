"""`--model hf://OWNER/NAME`, against a local stand-in for the hub's protocol (tests/hub_server.py)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer import Scorer
from scorer.errors import ModelError
from scorer.system.installation import command_to_add
from tests.conftest import DATA, Command, one_line
from tests.hub_server import TOKEN, Hub, hub


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Iterator[Hub]:
    """A hub that holds the tiny model, an empty cache, and an empty working folder."""
    monkeypatch.delenv("SCORER_MODEL")
    with hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        server.commit("acme/reviews", {"best.onnx": model.read_bytes()})
        yield server


def test_a_model_of_the_hub_scores_in_every_command(
    command: Command, server: Hub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "hf://acme/reviews"
    ran = command("scorer", "run", DATA / "reviews.csv", "-o", "theirs.csv", "--model", uri)
    (commit, _) = server.files("acme/reviews")
    assert ran.out.startswith(f"model: hf://acme/reviews@{commit[:12]} ("), ran.err
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "ours.csv", "--model", model).code == 0
    assert Path("theirs.csv").read_bytes() == Path("ours.csv").read_bytes()
    text = json.loads(command("scorer", "text", "A fine film.", "--model", uri, "--json").out)
    assert text["sentiment_probability"] == pytest.approx(Scorer.open(uri).score(["A fine film."])[0], abs=1e-6)
    assert command("scorer", "inspect", uri).out.startswith(f"hf://acme/reviews@{commit[:12]}: sealed and unaltered")
    judged = json.loads(command("scorer", "evaluate", DATA / "test.csv", "-m", uri, "--against", uri, "--json").out)
    assert judged["accuracy"] == judged["against"]["accuracy"]
    fetched = [one for one in server.requests if one.startswith("GET") and "/resolve/" in one]
    assert fetched == ["GET /acme/reviews/resolve/main/best.onnx"]  # once: the rest came from the cache
    monkeypatch.setenv("SCORER_MODEL", uri)
    assert command("scorer", "text", "A fine film.").code == 0


def test_a_revision_stays_what_it_was(command: Command, server: Hub, model: Path) -> None:
    (first, _) = server.files("acme/reviews")
    server.commit("acme/reviews", {"best.onnx": b"no model at all"})
    assert command("scorer", "text", "Fine.", "--model", f"hf://acme/reviews@{first[:7]}").code == 0
    one_line(command("scorer", "text", "Fine.", "--model", "hf://acme/reviews"), "not a sealed model")
    one_line(command("scorer", "text", "Fine.", "--model", "hf://acme/reviews@v9"), "@v9: there is no such revision")


def test_without_network_the_cache_answers(command: Command, server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with_network = command("scorer", "text", "Fine.", "--model", "hf://acme/reviews")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    assert command("scorer", "text", "Fine.", "--model", "hf://acme/reviews") == with_network
    refused = command("scorer", "text", "Fine.", "--model", "hf://acme/others")
    one_line(refused, "hf://acme/others: the hub cannot be reached", "--model FILE")


def test_what_cannot_be_fetched_is_one_line(command: Command, server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.commit("acme/notes", {"README.md": b"none here"})
    server.commit("acme/secret", {"best.onnx": b"private"})
    server.private.add("acme/secret")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    for uri, words in {
        "hf://acme/none": "there is no such model, or it is private",
        "hf://acme/secret": "there is no such model, or it is private",
        "hf://acme/notes": "holds no best.onnx",
        "hf://acme": "is hf://OWNER/NAME",
        "hf://datasets/acme/reviews": "is hf://OWNER/NAME",
        "hf://acme/a--b..c": "Cannot have -- or ..",
    }.items():
        one_line(command("scorer", "text", "Fine.", "--model", uri), uri, words)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", None)
    one_line(
        command("scorer", "text", "Fine.", "-m", "hf://acme/reviews"), f"install it with: {command_to_add('remote')}"
    )
    with pytest.raises(ModelError, match="needs huggingface_hub"):
        Scorer.open("hf://acme/reviews")
