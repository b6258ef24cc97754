"""docs/CLUSTER.md: the walk from one machine to a cluster, by Ray's own commands. `pytest -m ray`, with moto's server.

Ray's processes know their own folder; those that name it are ended, and no others: `ray stop` would end everybody's.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import scorer
from tests.conftest import Result, one_line
from tests.object_store import KEYS, Store, object_store
from tests.scorer.run.test_ray import processes
from tests.test_docs import ROOT
from tests.writing import write_table

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@dataclass
class Walk:
    """Where the page was walked, and what it said."""

    folder: Path
    address: str
    environment: dict[str, str]
    store: Store
    said: str = ""

    def run(self, *command: str, **more: str) -> Result:
        """A command in the folder."""
        environment = self.environment | more
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:  # pipes would stay open with Ray
            done = subprocess.run(command, cwd=self.folder, env=environment, stdout=out, stderr=err, check=False)
            out.seek(0)
            err.seek(0)
            return Result(done.returncode, out.read(), err.read())


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """All blocks of the page, run as they stand but for the address; their cluster stays until the end."""
    with tempfile.TemporaryDirectory() as short, object_store() as store:  # a path of pytest's is too long for sockets
        folder = Path(short, "work")
        store.client.create_bucket(Bucket="lake")
        (folder / "reviews").mkdir(parents=True)
        for number in range(4):
            write_table(folder / "reviews" / f"r{number}.parquet", {"text": ["a good film", "dull", None] * 50})
            store.client.upload_file(str(folder / f"reviews/r{number}.parquet"), "lake", f"reviews/r{number}.parquet")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = KEYS | {"AWS_ENDPOINT_URL": store.url, "RAY_TMPDIR": short, "HOME": short, "PATH": path}
        one = Walk(
            folder,
            f"127.0.0.1:{port}",
            os.environ | own | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"},
            store,
        )
        page = (ROOT / "docs" / "CLUSTER.md").read_text(encoding="utf-8")
        script = "".join(re.findall(r"<!-- tested -->\n```console\n(.*?)```", page, re.DOTALL))
        assert "ray start --head" in script
        try:
            done = one.run(
                "bash", "-euo", "pipefail", "-c", script.replace("HOST", "127.0.0.1").replace("6379", str(port))
            )
            assert done.code == 0, done.err
            one.said = done.out + done.err
            one.environment["RAY_AUTH_MODE"] = "token"  # as the page says
            yield one
        finally:
            stop(f"{short}/ray")


def stop(folder: str) -> None:
    """End the processes whose command line names a folder: of all of Ray, or of the node whose Python lies there."""
    for _ in range(100):
        found = processes(folder)
        for process in found:
            os.kill(process, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.1)
    raise AssertionError("Ray was left running")


def test_from_one_machine_to_a_cluster(walk: Walk) -> None:
    local = {path.name: path.read_bytes() for path in (walk.folder / "scored").iterdir()}
    assert sorted(local) == [f"r{number}.parquet" for number in range(4)]
    remote = {key: walk.store.client.get_object(Bucket="lake", Key=f"scored/{key}")["Body"].read() for key in local}
    assert remote == local
    assert walk.said.count("600 rows, 50.0% positive") == 3
    assert "nothing was written" in walk.said


OTHERS = {
    "version": (
        "__init__.py",
        '\n__version__ = "0.0.9"\n',
        r"the node \S+ of the cluster has sentiment-scorer 0\.0\.9, here ",
    ),
    "broken": (
        "model/network.py",
        "\nraise RuntimeError('no such instruction')\n",
        "RuntimeError: no such instruction",
    ),
}


@pytest.fixture(scope="module")
def _busy(walk: Walk) -> None:
    """All CPUs of the page's nodes are taken: what comes next goes to others."""
    take = f"""
import ray
ray.init({walk.address!r}, log_to_driver=False)
guest = ray.remote(num_cpus=1)(type("Guest", (), {{"here": lambda self: None}}))
cpus = int(ray.cluster_resources()["CPU"])
ray.get([guest.options(lifetime="detached", name=str(one)).remote().here.remote() for one in range(cpus)], timeout=60)
"""
    done = walk.run(sys.executable, "-c", take)
    assert done.code == 0, done.err


@pytest.mark.usefixtures("_busy")
@pytest.mark.parametrize("other", OTHERS)
def test_a_node_with_another_environment(walk: Walk, other: str) -> None:
    """A real one: an environment of its own, which shares all but the tool with this one."""
    name, added, words = OTHERS[other]
    home = walk.folder.parent / other
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    (here,) = {path for path in map(Path, sys.path) if (path / "ray").is_dir()}
    (site / "shared.pth").write_text(f"import site; site.addsitedir({str(here)!r})\n")
    shutil.copytree(Path(scorer.__file__).parent, site / "scorer", ignore=shutil.ignore_patterns("__pycache__"))
    with (site / "scorer" / name).open("a") as file:
        file.write(added)
    join = ["-m", "ray.scripts.scripts", "start", "--address", walk.address, "--num-cpus", "8"]
    run = ["scorer", "run", "reviews/", "-o", f"{other}/", "--engine", "ray", "--ray-address", walk.address]
    try:
        joined = walk.run(str(home / "bin" / "python"), *join, PYTHONPATH="", RAY_TMPDIR=str(walk.folder.parent))
        assert joined.code == 0, joined
        result = walk.run(*run)
    finally:
        stop(str(home))
    one_line(result)
    assert re.search(words, result.err), result.err
