"""Fits that are killed, and full disks: the last good checkpoint stays, and `--resume` ends as if nothing had been."""

import multiprocessing
import random
import resource
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from tests.conftest import DATA, TINY, call
from trainer.learning.checkpoint import load_checkpoint
from trainer.saving import write_tensors

FIT = ("trainer", "fit", "--data", DATA, *TINY, "--epochs", 12, "--language", "en")
FORK = multiprocessing.get_context("forkserver")  # processes that need not import torch again
FORK.set_forkserver_preload(["trainer.fitting", "trainer.cli"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def started(*arguments: object, most_bytes: int = resource.RLIM_INFINITY) -> BaseProcess:
    process = FORK.Process(target=run_command, args=(Path.cwd(), most_bytes, *map(str, arguments)))
    process.start()
    return process


def run_command(folder: Path, most_bytes: int, *arguments: str) -> None:
    """In the new process: one command, whose files may grow to `most_bytes`, as on a disk with so much room."""
    import os
    import sys

    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    with Path("out.txt").open("w") as sys.stdout, Path("err.txt").open("w") as sys.stderr:
        code = call(*arguments)
    os._exit(code)


def weights(path: str) -> dict[str, torch.Tensor]:
    return load_checkpoint(Path(path)).model_state_dict


def test_killed_at_random_moments(kills: int) -> None:
    whole = started(*FIT, "-o", "whole.pth")
    whole.join()
    assert whole.exitcode == 0, Path("err.txt").read_text()

    killed, moments = 0, random.Random(0)
    while True:
        resume = ["--resume"] if Path("parts.run/stages").is_dir() else []
        process = started(*FIT, "-o", "parts.pth", *resume)
        process.join(moments.uniform(0.2, 1.5) if killed < kills / 5 else None)
        if process.exitcode is not None:
            break
        process.kill()
        process.join()
        killed += 1
        if Path("parts.pth").exists():
            assert load_checkpoint(Path("parts.pth")).build_network() is not None
    assert process.exitcode == 0, Path("err.txt").read_text()
    assert killed >= kills / 5
    for name in ("parts.pth", "parts.run/last.pth"):
        expected = weights(name.replace("parts", "whole"))
        assert all(torch.equal(values, expected[key]) for key, values in weights(name).items())
    assert sorted(path.name for path in Path().iterdir() if "parts" in path.name) == ["parts.pth", "parts.run"]


def test_a_full_disk_leaves_the_last_good_checkpoint() -> None:
    first = started(*FIT, "--epochs", 1)
    first.join()
    assert first.exitcode == 0
    before = Path("best.pth").read_bytes()
    second = started(*FIT, "--force", "--seed", 1, most_bytes=len(before) // 2)
    second.join()
    assert second.exitcode == 1
    told = Path("err.txt").read_text()
    assert len(told.splitlines()) == 1, told
    assert "best." in told  # the checkpoint, or a file of its run folder
    assert Path("best.pth").read_bytes() == before


@pytest.mark.parametrize("numbers", [10, 1_000_000])
def test_a_device_without_room_is_the_systems_own_error(numbers: int) -> None:
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb") as full:
        write_tensors({"weights": torch.zeros(numbers)}, full)
