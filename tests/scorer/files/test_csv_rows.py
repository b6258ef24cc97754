"""How CSV is read: by one thread, cut into whole rows wherever its chunks end."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import InputError
from scorer.files.csv_rows import RowBlock, row_blocks
from scorer.files.format import Dialect
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source

pytestmark = pytest.mark.usefixtures("model")


class WatchedInput(LocalInput):
    """A file that notes which threads read it."""

    threads: ClassVar[set[int]] = set()

    def open_random(self) -> pa.PythonFile:
        """The file, through Python."""

        class Watched(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                WatchedInput.threads.add(threading.get_ident())
                return super().read(size)

        return pa.PythonFile(Watched(self.path))


def test_no_thread_of_arrow_reads_ahead() -> None:
    """One that was inside Python when the process ended aborted it: 6 of 80 runs that were refused for their names."""
    Path("in.csv").write_text("id,text\n" + "1,good\n" * 500_000)
    assert sum(window.num_rows for window in open_source(WatchedInput(Path("in.csv"))).windows()) == 500_000
    assert WatchedInput.threads == {threading.get_ident()}


def test_csv_both_ways_does_not_wait_for_pandas() -> None:
    """A third of a second, for which Arrow asks when it is given Python values."""
    Path("in.csv").write_text('id,text,empty\n1,"good, film",\n2,bad,\n')
    program = (
        "import sys\n"
        "sys.argv = ['scorer', 'run', 'in.csv', '-o', 'out.csv', '-q']\n"
        "from scorer.cli.app import main\n"
        "try:\n    main()\nfinally:\n    print('pandas' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_refusals_end_in_order() -> None:
    Path("in.csv").write_text("id,text,sentiment\n" + "1,good,x\n" * 200_000)
    command = [sys.executable, "-m", "scorer", "run", "in.csv", "-o", "out.csv", "-q"]
    for _ in range(5):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr


def cut(content: str, chunks: list[str]) -> list[RowBlock]:
    dialect = Dialect(",", '"', None, "utf-8", True)
    blocks = list(row_blocks("it", lambda: [chunk.encode() for chunk in chunks if chunk], dialect))
    assert b"".join(block.data for block in blocks).decode() == content
    return blocks


def expected_rows(content: str) -> list[tuple[int, str, int]] | None:
    """Line, characters and number of values of every row, by a machine of one character at a time."""
    found, start, line, state, columns = [], 0, 1, "begin", 1
    row_line = 1
    for place, sign in enumerate(content):
        after = content[place + 1 : place + 2]
        ends_line = sign == "\n" or (sign == "\r" and after != "\n")
        line += ends_line
        if state == "inside":
            state = "closed" if sign == '"' else state
        elif state == "closed" and sign == '"':
            state = "inside"
        elif state == "closed" and sign not in ",\r\n":
            return None
        elif sign == '"' and state == "begin":
            state = "inside"
        else:
            columns += sign == ","
            state = "begin" if sign in ",\r\n" else "value"
            if ends_line:
                found.append((row_line, content[start : place + 1], columns))
                start, row_line, columns = place + 1, line, 1
    return None if state == "inside" else found


@given(st.lists(st.text(',"\r\nab', max_size=12), max_size=6))
def test_rows_are_cut_wherever_chunks_end(chunks: list[str]) -> None:
    chunks = [*chunks, "\n"]
    content = "".join(chunks)
    expected = expected_rows(content)
    if expected is None:
        with pytest.raises(InputError):
            cut(content, chunks)
        return
    found = [
        (block.line_of(row), block.data[block.starts[row] : block.ends[row]].decode(), int(block.columns[row]))
        for block in cut(content, chunks)
        for row in range(len(block.ends))
    ]
    assert found == expected
