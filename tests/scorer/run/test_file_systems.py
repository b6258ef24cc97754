"""File systems that lack system calls, as those of networks and object stores do: the kernel refuses the calls here."""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import DATA
from tests.kernel import failing

pytestmark = pytest.mark.usefixtures("model")
CHMOD = dict.fromkeys(("chmod", "fchmod", "fchmodat"), errno.EPERM)
LACKING = {
    "Lustre": ({"flock": errno.ENOSYS}, ["has no locks"]),
    "NFS without its daemon": ({"flock": errno.ENOLCK}, ["has no locks"]),
    "CIFS": ({"fsync": errno.EINVAL, **CHMOD}, ["does not put data on disk", "keeps no permissions"]),
    "a bucket": (
        {"flock": errno.EOPNOTSUPP, "fsync": errno.ENOSYS, **CHMOD},
        ["has no locks", "does not put data on disk", "keeps no permissions"],
    ),
}


def run(calls: dict[str, int], *arguments: object) -> subprocess.Popen[str]:
    """`scorer run` on such a file system."""
    return subprocess.Popen(
        [sys.executable, "-m", "scorer", "run", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=failing(calls),
    )


@pytest.mark.parametrize("name", LACKING)
def test_a_run_goes_on_and_says_what_is_lost(name: str) -> None:
    calls, words = LACKING[name]
    for number, option in enumerate(([], ["--json"], ["--quiet"])):
        output = Path(f"{number}.parquet")
        process = run(calls, DATA / "reviews.parquet", "-o", output, "--keep-every", 0, *option)
        _, err = process.communicate()
        assert (process.returncode, output.exists()) == (0, True), err
        lines = err.splitlines()
        assert len(lines) == (0 if option == ["--quiet"] else len(words)), err
        for line, word in zip(lines, words, strict=False):
            said = json.loads(line)["warning"] if "--json" in option else line.removeprefix("scorer: ")
            assert said.startswith("this file system")
            assert word in said
    assert sorted(path.name for path in Path().iterdir()) == ["0.parquet", "1.parquet", "2.parquet"]


def test_killed_there_the_same_command_goes_on(tmp_path: Path) -> None:
    """Also where the system shows its files as another user's."""
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "".join(f"{number} good film\n" for number in range(60_000)))
    calls = LACKING["a bucket"][0] | {"geteuid": 1}
    arguments = (source, "-o", "out.csv", "--keep-every", 0, "--json")
    process = run(calls, *arguments)
    journal = tmp_path / ".out.csv.run" / "journal"
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 3 * 4096 * 5):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert journal.exists()
    again = run(calls, *arguments)
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert json.loads(out)["resumed"] >= 3 * 4096
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_errors_that_are_none_of_these_still_stop(tmp_path: Path) -> None:
    for call in ("flock", "fsync"):
        process = run({call: errno.EIO}, DATA / "reviews.parquet", "-o", "out.parquet", "--keep-every", 0)
        _, err = process.communicate()
        assert process.returncode == 1
        assert err.count("\n") == 1
        assert "out.parquet" in err
        assert "Input/output error" in err
        assert not Path("out.parquet").exists()


def test_the_library_warns(tmp_path: Path) -> None:
    program = (
        "import warnings; warnings.simplefilter('error'); from pathlib import Path\n"
        "from scorer.errors import FileSystemWarning; from scorer.system.atomic import commit_file\n"
        "Path('a').touch()\n"
        "try: commit_file(Path('a'), Path('b'))\n"
        "except FileSystemWarning as warning: print(warning)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=failing(CHMOD), check=True
    )
    assert "keeps no permissions" in shown.stdout
