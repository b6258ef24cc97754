"""The engine of a cluster, on a real one: several raylets of this machine. `pytest -m ray`, with the extra `ray`."""

import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scorer.system.journal import Journal
from tests.conftest import Command, Result, one_line
from tests.object_store import web_server
from tests.writing import write_table

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("model"), pytest.mark.filterwarnings("ignore")]
_STORE = 100 << 20
_NODE = {"num_cpus": 2, "object_store_memory": _STORE}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a node, of two logical CPUs each; the head's actors may go as well, but it stays."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
    cluster.add_node(**_NODE)
    yield cluster
    name = session(cluster)
    cluster.shutdown()
    assert not processes(name), "something was left running"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviews")
    words = ["good", "film", "the", "and", "a", "is", "it", "was", "this", "of"]  # that the tiny model knows
    chance = random.Random(0)
    for number in range(12):
        texts = [" ".join(chance.choices(words, k=80)) + f" {number} {row}" for row in range(6000)]
        write_table(folder / f"r{number:02d}.parquet", {"id": range(6000), "text": texts}, row_group=1500)
    return folder


@pytest.fixture
def expected(command: Command, folder: Path) -> dict[str, str]:
    assert command("scorer", "run", folder, "-o", "local/").code == 0
    return content(Path("local"))


def content(folder: Path) -> dict[str, str]:
    """A digest of each file: megabytes in a message of pytest would hide what matters."""
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


def processes(word: str) -> list[int]:
    """Ids of processes whose command line holds a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_bytes().decode(errors="replace").replace("\0", " "):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def workers(cluster: Any) -> list[int]:
    """Those of this cluster: other people may have one on this machine."""
    nodes = raylets(cluster)
    return [worker for worker in processes("ray::Worker") if parent(worker) in nodes]


def raylets(cluster: Any) -> list[int]:
    return [info.process.pid for node in cluster.list_all_nodes() for info in node.all_processes.get("raylet", [])]


def session(cluster: Any) -> str:
    """A folder that the command line of each of its processes names."""
    return str(cluster.head_node.get_session_dir_path())


def parent(process: int) -> int | None:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def begin(cluster: Any, folder: Path, *more: str, before: str = "pass") -> subprocess.Popen[str]:
    """Begin the real command; `before` is done in its process at first."""
    arguments = ["run", str(folder), "-o", "out/", "--engine", "ray", "--ray-address", cluster.address, *more]
    program = f"import sys; sys.argv = {['scorer', *arguments]!r}; from scorer.__main__ import main; {before}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ray ends the process group of a driver that was killed
    )


def end(process: subprocess.Popen[str]) -> Result:
    """How it ended; what it told of its progress, on a slow machine, is left out."""
    out, err = process.communicate(timeout=240)
    return Result(process.returncode, out, re.sub(r"(?m)^ *\d+%, .*\n", "", err))


def parts() -> int:
    return len(list(Path("out").glob("*.parquet"))) if Path("out").is_dir() else 0


def wait_for(process: subprocess.Popen[str], least: int) -> None:
    while parts() < least and process.poll() is None:
        time.sleep(0.02)


def test_the_same_bytes_as_one_machine(cluster: Any, folder: Path, expected: dict[str, str]) -> None:
    result = end(begin(cluster, folder))
    assert (result.code, result.err) == (0, "")
    assert "72,000 rows" in result.out
    assert content(Path("out")) == expected


def test_workers_and_a_node_are_killed(cluster: Any, folder: Path, expected: dict[str, str]) -> None:
    node = cluster.add_node(**_NODE)
    process = begin(cluster, folder, "--log-format", "json", before="import scorer.cli.run as run; run._LOG_EVERY = 0")
    for least in (1, 3):
        wait_for(process, least)
        os.kill(random.choice(workers(cluster)), signal.SIGKILL)
    wait_for(process, 5)
    cluster.remove_node(node, allow_graceful=False)
    result = end(process)
    assert (result.code, content(Path("out"))) == (0, expected), result.err
    assert "ray" not in result.out  # which has its own words for what happened
    _, *lines, last = map(json.loads, result.err.splitlines())
    assert (last["rows"], lines[-1]["units"], lines[-1]["failed"]) == (72_000, 12, 0)
    assert max(line["lost"] for line in lines) >= 1  # a process that had not begun a unit yet is no loss
    assert max(line["workers"] for line in lines) > 1
    assert re.search(r", \d+ of 12 outputs, \d workers?, [1-4] workers? lost, \d+% positive$", lines[-1]["message"])


def test_the_driver_is_killed(cluster: Any, folder: Path, expected: dict[str, str]) -> None:
    process = begin(cluster, folder)
    wait_for(process, 3)
    process.kill()
    process.wait()
    one = end(begin(cluster, folder, "--status"))
    one_line(one, "cannot go on where another run was interrupted: status was False", "--restart")
    result = end(begin(cluster, folder))
    assert (result.code, result.err) == (0, "")
    assert " resumed" in result.out
    assert content(Path("out")) == expected


def test_an_output_that_a_lost_worker_still_holds(cluster: Any, folder: Path, expected: dict[str, str]) -> None:
    """Its unit has another worker at once, and its process ends when it notices that its node is gone."""
    Path("out").mkdir()
    lost = Journal(Path("out/.r00.parquet.run/journal"))
    process = begin(cluster, folder)
    wait_for(process, len(expected) - 1)
    lost.close()
    result = end(process)
    assert (result.code, content(Path("out"))) == (0, expected), result.err


def test_killed_at_random_moments(
    cluster: Any, folder: Path, expected: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Runs whose workers, node and driver die until enough are dead; what is in place is whole at every moment."""
    kills, chance, killed = request.config.getoption("--cluster-kills"), random.Random(), Counter[str]()
    nodes, runs = [mortal_node(cluster)], 0
    while killed.total() < kills:
        process, moments = begin(cluster, folder), [chance.uniform(0.1, 2) for _ in range(_MOST_KILLS_OF_A_DRIVER)]
        while moments and process.poll() is None and killed.total() < kills:
            time.sleep(moments.pop())
            killed[kill_one(chance, cluster, nodes, process)] += 1
            assert content_of_parts().items() <= expected.items()
        result = end(process)
        if result.code != -signal.SIGKILL:
            assert (result.code, content(Path("out"))) == (0, expected), (result, killed)
        if content_of_parts() == expected and not noted():  # perhaps it was killed when it only had to exit
            shutil.rmtree("out")
            runs += 1
        print(f"{dict(killed)} killed, {runs} runs completed", flush=True)
    assert end(begin(cluster, folder)).code == 0
    assert content(Path("out")) == expected
    cluster.remove_node(nodes.pop(), allow_graceful=False)


def noted() -> list[Path]:
    """What a run that is not complete leaves to the next one."""
    return list(Path("out").glob(".*/*"))


_MOST_KILLS_OF_A_DRIVER = 4
"""Fewer than the deaths of workers after which an output is given up."""


def kill_one(chance: random.Random, cluster: Any, nodes: list[Any], driver: subprocess.Popen[str]) -> str:
    """Kill a worker, a node, which is replaced, or the driver; says which."""
    found = workers(cluster)
    what = chance.choices(["worker", "node", "driver"], [5 if found else 0, 2, 2])[0]
    if what == "worker":
        os.kill(chance.choice(found), signal.SIGKILL)
    elif what == "node":
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(mortal_node(cluster))
    else:
        driver.kill()
    return what


def mortal_node(cluster: Any) -> Any:
    """A small one; Ray gives it half a minute to come, which on a machine with other work is not always enough."""
    for _ in range(5):
        try:
            return cluster.add_node(num_cpus=1, object_store_memory=_STORE)
        except Exception:  # Ray raises nothing narrower
            known = raylets(cluster)
            for orphan in processes(f"raylet/raylet --raylet_socket_name={session(cluster)}"):
                if orphan not in known:
                    os.kill(orphan, signal.SIGKILL)
    raise AssertionError("no node could be started")


def test_a_poisoned_file(cluster: Any, folder: Path, expected: dict[str, str], tmp_path: Path) -> None:
    reviews = tmp_path / "reviews"
    reviews.mkdir()
    for name in ("r00.parquet", "r01.parquet"):
        (reviews / name).write_bytes((folder / name).read_bytes())
    (reviews / "bad.parquet").write_bytes((folder / "r02.parquet").read_bytes()[:-9000])
    (reviews / "line.csv").write_bytes(b"text\ngood\n\xff\n")
    result = end(begin(cluster, reviews))
    one_line(result, "2 of 4 outputs failed", "bad.parquet", "line.csv: line 3", "2 finished outputs are kept")
    there = content_of_parts()
    assert there == {name: expected[name] for name in ("r00.parquet", "r01.parquet")}


def content_of_parts() -> dict[str, str]:
    return content(Path("out")) if Path("out").is_dir() else {}


def test_a_unit_that_needs_too_much_memory_is_named(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    write_table(tmp_path / "reviews" / "huge.csv", {"text": ["good " * 20_000_000]})
    write_table(tmp_path / "reviews" / "small.csv", {"text": ["good"]})
    result = end(begin(cluster, tmp_path / "reviews", "--memory-limit", "300MB"))
    one_line(
        result, "1 of 2 outputs failed", "huge.csv: 5 workers ended over it; allow more memory with --memory-limit"
    )
    assert "small.csv" in content_of_parts()


def test_an_address_that_does_not_answer(folder: Path) -> None:
    """Nobody is there, or somebody else, as Ray's own dashboard is."""
    run = [sys.executable, "-m", "scorer", "run", folder, "-o", "out/", "--engine", "ray", "--ray-address"]
    with web_server(b"") as other:
        for address in ("127.0.0.1:9", other.url.removeprefix("http://")):
            result = subprocess.run([*run, address], capture_output=True, text=True, check=False)
            words = f"no Ray cluster answers at {address}"
            one_line(Result(result.returncode, result.stdout, result.stderr), words)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (
            "import scorer.run.fingerprint as known; known.__version__ = '9.9'",
            f"the node {platform.node()} of the cluster has sentiment-scorer 0.1.0, here 9.9; install the same",
        ),
        ("import ray; ray.__version__ = '2.9'", "cannot be used: Version mismatch: The cluster was started with: Ray:"),
        ("import platform; platform.python_version = lambda: '3.9.1'", " of the cluster has Python 3.1"),
    ],
)
def test_other_versions_are_named(cluster: Any, folder: Path, before: str, words: str) -> None:
    """The driver says that it is of another version than what the nodes have."""
    one_line(end(begin(cluster, folder, before=before)), words)
