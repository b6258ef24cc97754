"""What every test may use: the commands as users call them, and one tiny network fitted by them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest

from tests.browser import Chromium, chromium

# A slow machine is no bug.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

DATA = Path(__file__).parents[1] / "data"
EVERY_CHARACTER = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]
"""Of Unicode's basic plane."""
SMALL = ("--embedding-dim", "8", "--hidden-dim", "8", "--vocab-size", "500", "--epochs", "2")
TINY = (*SMALL, "--sentence-copies", "0", "--least-steps", "0", "--phrases", "97", "--head-dim", "4")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=30, help="How often runs of `scorer run` are killed.")
    parser.addoption("--cluster-kills", type=int, default=5, help="How many of a cluster's processes and nodes are.")
    parser.addoption("--fuzz-cases", type=int, default=2400, help="How many damaged files the program is given.")
    parser.addoption("--pictures", type=Path, help="Keep the pictures of pages in this folder, to be looked at.")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often runs are to be killed."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Headless Chromium, for tests with the marker `browser`."""
    with chromium(request.config.getoption("--pictures") or tmp_path_factory.mktemp("pictures")) as opened:
        yield opened


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


def call(name: str, *arguments: object) -> int:
    """Run a console command's entry point in this process; returns the exit code."""
    old, sys.argv = sys.argv, [name, *map(str, arguments)]
    try:
        import_module(f"{name}.__main__").main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = old
    return 0


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `command("scorer", "run", …)`; a traceback fails the test by itself."""

    def run(name: str, *arguments: object) -> Result:
        capfd.readouterr()
        code = call(name, *arguments)
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def one_thread() -> None:
    """Tiny networks are fastest on one thread, and parallel tests do not spin for each other's cores.

    Only torch is told so: what scores has as many threads in tests as it has with users.
    """
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def fitted(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with best.pth, best.run and best.onnx, made by the commands from the project's own reviews."""
    folder = tmp_path_factory.mktemp("fitted")
    assert call("trainer", "fit", "--data", DATA, "-o", folder / "best.pth", *TINY) == 0
    assert call("exporter", "to-onnx", folder / "best.pth") == 0
    return folder


@pytest.fixture
def model(fitted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The tiny sealed model, named by $SCORER_MODEL, and an empty working folder."""
    monkeypatch.setenv("SCORER_MODEL", str(fitted / "best.onnx"))
    monkeypatch.chdir(tmp_path)
    return fitted / "best.onnx"


def one_line(result: Result, *words: str) -> None:
    """The command refused with exit code 1 and one line on stderr that holds all `words`."""
    assert result.code == 1, result
    assert len(result.err.splitlines()) == 1, result.err
    for word in words:
        assert word in result.err
