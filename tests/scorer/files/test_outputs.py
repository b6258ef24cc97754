"""The place of an output: what may be replaced there, with which rights, under which names."""

import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scorer.system import atomic
from tests.conftest import DATA, Command, one_line

pytestmark = pytest.mark.usefixtures("model")


def made_pipe() -> None:
    os.mkfifo("out.csv")


def made_socket() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("out.csv")


def made_device() -> None:
    try:
        os.mknod("out.csv", stat.S_IFCHR | 0o666, os.makedev(1, 3))  # as /dev/null
    except PermissionError:
        pytest.skip("only root makes devices")


def made_link_to_a_pipe() -> None:
    os.mkfifo(".pipe")
    Path("out.csv").symlink_to(".pipe")


@pytest.mark.parametrize("make", [made_pipe, made_socket, made_device, made_link_to_a_pipe])
def test_what_is_no_file_is_never_replaced(command: Command, fitted: Path, make) -> None:
    make()
    before, names = Path("out.csv").lstat(), sorted(Path().iterdir())
    for option in ((), ("--force",)):
        for arguments in (
            ("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", *option),
            ("trainer", "fit", "--data", DATA, "-o", "out.csv", *option),
        ):
            result = command(*arguments)
            one_line(result, "out.csv: is a device or a pipe", "never replaced")
            assert "--force" not in result.err
    one_line(command("exporter", "to-onnx", fitted / "best.pth", "-o", "out.csv"), "out.csv: is a device or a pipe")
    assert (Path("out.csv").lstat().st_ino, Path("out.csv").lstat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted(Path().iterdir()) == names


def test_folders_are_named_whatever_their_extension(command: Command) -> None:
    Path("folder").mkdir()
    one_line(command("scorer", "run", DATA / "reviews.csv", "-o", "folder"), "folder: is a folder; name a file in it")
    assert list(Path("folder").iterdir()) == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400, 0])
def test_an_output_that_is_replaced_keeps_its_rights(command: Command, mode: int) -> None:
    Path("out.csv").touch()
    Path("out.csv").chmod(mode)
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--force").code == 0
    assert stat.S_IMODE(Path("out.csv").stat().st_mode) == mode
    assert Path("out.csv").stat().st_size > 0


def test_a_sealed_model_that_is_replaced_keeps_its_rights(command: Command, fitted: Path) -> None:
    Path("own.onnx").touch(0o600)
    assert command("exporter", "to-onnx", fitted / "best.pth", "-o", "own.onnx", "--force").code == 0
    assert stat.S_IMODE(Path("own.onnx").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other groups")
def test_a_group_keeps_its_rights_and_no_other_gets_them(command: Command) -> None:
    Path("out.csv").touch()
    os.chown("out.csv", -1, 12_345)
    Path("out.csv").chmod(0o640)
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--force").code == 0
    assert (Path("out.csv").stat().st_gid, stat.S_IMODE(Path("out.csv").stat().st_mode)) == (12_345, 0o640)


def test_new_outputs_have_the_rights_of_the_umask(model: Path) -> None:
    program = [sys.executable, "-m", "scorer", "run", str(DATA / "reviews.csv"), "-o", "out.csv", "-q"]
    subprocess.run(program, check=True, umask=0o027)
    assert stat.S_IMODE(Path("out.csv").stat().st_mode) == 0o640


def test_the_umask_stays_when_several_threads_ask_for_it() -> None:
    before = os.umask(0o022)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: atomic._umask(), range(20_000))) == {0o022}
    finally:
        assert os.umask(before) == 0o022


@pytest.mark.parametrize("stem", ["x" * 246, "é" * 123, "x" * 251])
def test_names_as_long_as_the_system_allows(command: Command, fitted: Path, stem: str, tmp_path: Path) -> None:
    """255 bytes at most; what belongs to an output needs a name beside it."""
    output = tmp_path / f"{stem}.csv"
    result = command("scorer", "run", DATA / "reviews.csv", "-o", output)
    assert result.code == 0, result.err
    model = output.with_name(f"{stem[:-1]}.onnx")
    assert command("exporter", "to-onnx", fitted / "best.pth", "-o", model).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output.name, model.name])
    one_line(command("scorer", "run", DATA / "reviews.csv", "-o", f"{stem}xxxxxxxxx.csv"), "File name too long")
