"""What SECURITY.md promises: nothing is run, opened, sent or shown that a file of strangers asks for."""

import ast
import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from scorer.errors import ModelError
from scorer.model.sealed import Card, read_sealed, seal
from scorer.run.job import run
from scorer.run.options import RunOptions
from scorer.scoring import Scorer
from tests.conftest import DATA, TINY, Command, one_line
from tests.kernel import KILLED, without_network

pytestmark = pytest.mark.usefixtures("model")
ROOT = Path(__file__).parents[2]


def resealed(model: Path, graph: onnx.ModelProto) -> bytes:
    """A sealed model with another graph, as anyone can make one: the digest is no signature."""
    sealed = read_sealed(model)
    del graph.metadata_props[:]
    return seal(graph.SerializeToString(), sealed.tokenizer_json, sealed.card)


def outside_weights(graph: onnx.ModelProto) -> None:
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def inner_outside_weights(graph: onnx.ModelProto) -> None:
    """The same, hidden in a constant inside the body of the Scan."""
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    scan = next(node for node in graph.graph.node if node.op_type == "Scan")
    body = next(attribute.g for attribute in scan.attribute if attribute.name == "body")
    body.node.append(helper.make_node("Constant", [], ["secret"], value=tensor))


def other_domain(graph: onnx.ModelProto) -> None:
    graph.opset_import.append(helper.make_opsetid("com.example", 1))


def other_operator(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].domain = "com.microsoft"


def own_function(graph: onnx.ModelProto) -> None:
    graph.functions.append(helper.make_function("", "f", ["x"], ["x"], [], [helper.make_opsetid("", 18)]))


def training_info(graph: onnx.ModelProto) -> None:
    graph.training_info.add().initialization.name = "x"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (outside_weights, "weights in another file"),
        (inner_outside_weights, "weights in another file"),
        (other_domain, "operators that are not standard"),
        (other_operator, "operators that are not standard"),
        (own_function, "functions of its own"),
        (training_info, "instructions for training"),
    ],
)
def test_models_that_lead_outside_are_refused(model: Path, tmp_path: Path, spoil, words: str) -> None:
    graph = onnx.load(model)
    (tmp_path / "fine.onnx").write_bytes(resealed(model, graph))
    read_sealed(tmp_path / "fine.onnx")
    spoil(graph)
    (tmp_path / "bad.onnx").write_bytes(resealed(model, graph))
    with pytest.raises(ModelError, match=f"bad.onnx: has {words}"):
        read_sealed(tmp_path / "bad.onnx")


def test_cards_that_no_checkpoint_has_are_refused(model: Path, tmp_path: Path) -> None:
    sealed = read_sealed(model)
    graph = onnx.load(model)
    del graph.metadata_props[:]
    wrong = [{"max_length": 2**40}, {"max_length": "9"}, {"max_length": 0}, {"keep": "middle"}, {"pad_id": -1}]
    cards = [replace(sealed.card, text=replace(sealed.card.text, **fields)) for fields in wrong]
    cards += [replace(sealed.card, labels=("a",)), replace(sealed.card, threshold=float("nan"))]
    for card in cards:
        (tmp_path / "bad.onnx").write_bytes(seal(graph.SerializeToString(), sealed.tokenizer_json, card))
        with pytest.raises(ModelError, match="card cannot be read"):
            read_sealed(tmp_path / "bad.onnx")


def test_a_graph_that_is_no_scorer_is_one_line(command: Command, model: Path) -> None:
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in ("input_ids", "attention_mask")]
    shapes = {"scalar": "ReduceSum", "same": "Identity"}
    for operator in shapes.values():
        nodes = [
            helper.make_node(operator, ["input_ids"], ["sum"]),
            helper.make_node("Cast", ["sum"], ["logits"], to=1),
        ]
        graph = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), ir_version=10)
        graph.opset_import[0].version = 18
        Path("bad.onnx").write_bytes(resealed(model, graph))
        one_line(command("scorer", "text", "a good film", "--model", "bad.onnx"), "bad.onnx", "its logits are")
    graph.graph.input[0].name = "other"
    Path("bad.onnx").write_bytes(resealed(model, graph))
    one_line(command("scorer", "text", "good film", "--model", "bad.onnx"), "bad.onnx", "onnxruntime cannot")


def test_nothing_in_the_tree_unpickles_or_evaluates() -> None:
    """`torch.load` always with `weights_only=True`; no pickle, eval, exec or shell in what the commands run."""
    loads = 0
    for path in [path for package in ("scorer", "trainer", "exporter") for path in (ROOT / package).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "socket"}, path
            if not isinstance(node, ast.Call):
                continue
            called, keywords = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert called not in ("eval", "exec", "os.system", "__import__"), path
            assert "shell" not in keywords, path
            assert keywords.get("allow_pickle") in (None, "False"), path
            assert keywords.get("trust_remote_code") in (None, "False"), path
            if called == "torch.load":
                loads += 1
                assert keywords["weights_only"] == "True", path
    assert loads == 2


NAP = 15
"""Seconds. Untold, onnxruntime asks for its vendor's host nine seconds after its import."""
COMMAND = (
    "import sys, time; sys.argv = sys.argv[1:]\ntry: import {0}.__main__ as it; it.main()\nfinally: time.sleep({1})"
)
LIBRARY = "import time; from scorer import Scorer; Scorer.open().score(['good']); time.sleep({1})"


def asleep_at_the_end(home: Path, name: str, *arguments: object) -> subprocess.Popen[str]:
    """A process without network that goes on for a while when a command, or a call of the library, is done."""
    program = (LIBRARY if name == "library" else COMMAND).format(name, NAP)
    return subprocess.Popen(
        [sys.executable, "-c", program, name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"} | {"HOME": str(home)},
        preexec_fn=without_network(),
    )


def test_nothing_uses_the_network(fitted: Path, tmp_path: Path) -> None:
    """Sockets are refused by the kernel, so native code is seen too, over more than the seconds that it waits."""
    home, homeless = tmp_path / "home", Path(os.devnull)
    home.mkdir()
    of_trainer = tmp_path / "home of the trainer"  # where its libraries keep what they have loaded and drawn
    started = [
        asleep_at_the_end(home, "scorer", "run", DATA / "reviews.csv", "-o", "out.parquet", "--quiet"),
        asleep_at_the_end(homeless, "scorer", "run", DATA / "reviews.csv", "-o", "homeless.parquet", "--quiet"),
        asleep_at_the_end(home, "scorer", "text", "good"),
        asleep_at_the_end(home, "scorer", "inspect", fitted / "best.onnx"),
        asleep_at_the_end(home, "exporter", "to-onnx", fitted / "best.pth", "-o", tmp_path / "again.onnx"),
        asleep_at_the_end(home, "library"),
        asleep_at_the_end(of_trainer, "trainer", "fit", "--data", DATA, *TINY, "-o", tmp_path / "best.pth"),
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert all(code == 0 for _, code in ended), ended
    assert [error for error, _ in ended[:-1]] == [""] * (len(ended) - 1)
    assert list(home.rglob("*")) == []
    assert pq.read_table("out.parquet").num_rows == pq.read_table("homeless.parquet").num_rows == 60


def test_the_kernel_sees_a_socket(tmp_path: Path) -> None:
    """The test above can fail: what opens one is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import socket; socket.socket()"], preexec_fn=without_network())
    assert process.wait() == KILLED


ESCAPE = "\x1b]0;owned\x07\x1b[2J"


def test_nothing_that_users_wrote_moves_the_cursor(command: Command, model: Path) -> None:
    """File names, columns, texts and models may hold terminal commands and rich's markup: they come out spelled."""
    name = f"[bold]in{ESCAPE}.parquet"
    pq.write_table(pa.table({f"[red]{ESCAPE}\nname": ["x"], "text": [f"good {ESCAPE} [link=file:///x]film"]}), name)
    output = f"{ESCAPE}[i]out.csv"
    model_name = f"{ESCAPE}.onnx"
    shutil.copy(model, model_name)
    results = [
        command("scorer", "run", name, "-o", output, "--model", model_name),
        command("scorer", "run", name, "-o", output),
        command("scorer", "run", name, "-o", "x.csv", "--text-column", f"no{ESCAPE}"),
        command("scorer", "run", f"{ESCAPE}.parquet", "-o", "x.csv"),
        command("scorer", "run", name, "-o", f"{ESCAPE}/x.csv"),
        command("scorer", "run", name, "-o", "x.csv", f"--{ESCAPE}"),
        command("scorer", "text", f"good {ESCAPE} \u202egniht [red]film"),
        command("scorer", "inspect", model_name),
        command("scorer", f"{ESCAPE}"),
    ]
    for result in results:
        assert not {"\x1b", "\x07", "\u202e"} & set(result.out + result.err), result
        warned = "of the words are unknown" in result.err
        assert len(result.err.splitlines()) == (result.code != 0 or warned)
    assert "\\x1b]0;owned\\x07" in results[0].out
    assert "[red]film" in results[6].out


def test_names_and_texts_that_no_terminal_can_spell(command: Command) -> None:
    name = os.fsdecode(b"\xff\xfe.csv")
    shutil.copy(DATA / "reviews.csv", name)
    result = command("scorer", "run", name, "-o", os.fsdecode(b"\xfd.csv"))
    assert result.code == 0, result.err
    assert "\\udcfd.csv" in result.out
    one_line(command("scorer", "run", name, "-o", os.fsdecode(b"\xfd.csv")), "exists already")
    one_line(command("scorer", "text", os.fsdecode(b"\xff")), "not text")
    result = subprocess.run(
        [sys.executable, "-m", "scorer", "text"], input=b"good\n\xff\n", capture_output=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert b"not text in this terminal's encoding" in result.stderr


def test_temporary_files_are_private(model: Path, tmp_path: Path) -> None:
    """Until the output is complete nobody else can read it, whatever the umask allows."""
    seen: list[int] = []

    def look(_: object) -> None:
        folder = tmp_path / ".out.parquet.run"
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in (folder,))
        assert not (tmp_path / "out.parquet").exists()

    old = os.umask(0)
    try:
        run(RunOptions(DATA / "reviews.parquet", tmp_path / "out.parquet"), Scorer.open(model), look)
    finally:
        os.umask(old)
    assert seen
    assert set(seen) == {0o700}


def test_links_are_neither_followed_nor_replaced(command: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "folder").mkdir()
    for target in ("precious", "nowhere"):
        Path("out.csv").symlink_to(target)
        for option in ((), ("--force",)):
            one_line(command("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", *option), f"is a link to {target}")
        assert Path("out.csv").is_symlink()
        Path("out.csv").unlink()
    assert (tmp_path / "precious").read_text() == "mine"
    assert not Path("nowhere").exists()
    Path(".other.csv.run").symlink_to("folder")
    one_line(command("scorer", "run", DATA / "reviews.csv", "-o", "other.csv"), "link")
    assert list((tmp_path / "folder").iterdir()) == []


def test_only_files_are_read(command: Command, model: Path) -> None:
    one_line(command("scorer", "run", "/dev/zero", "-o", "out.csv", "--format", "csv"), "/dev/zero", "not a file")
    os.mkfifo("pipe.csv")
    one_line(command("scorer", "evaluate", "pipe.csv"), "pipe.csv", "not a file")
    one_line(command("scorer", "inspect", "/dev/zero"), "/dev/zero", "file")


def test_the_card_prints_as_json(model: Path, tmp_path: Path, command: Command) -> None:
    sealed = read_sealed(model)
    card = Card(**{**asdict(sealed.card), "text": sealed.card.text, "training": {"note": f"[red]{ESCAPE}"}})
    graph = onnx.load(model)
    del graph.metadata_props[:]
    (tmp_path / "odd.onnx").write_bytes(seal(graph.SerializeToString(), sealed.tokenizer_json, card))
    shown = command("scorer", "inspect", "odd.onnx").out
    assert "\x1b" not in shown
    assert "[red]" in shown
    assert json.loads(command("scorer", "inspect", "odd.onnx", "--json").out)["training"]["note"] == f"[red]{ESCAPE}"
