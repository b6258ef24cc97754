"""The journal on its own: whatever is damaged, what stands before is read, and what is appended follows it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.system.journal import Journal

RECORDS = st.lists(st.binary(max_size=40), max_size=6)


def contents(journal: Journal) -> list[bytes]:
    return [content for _, content in journal.records()]


@settings(max_examples=60)
@given(RECORDS, st.data())
def test_any_damage_leaves_what_stands_before_it(records: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "journal"
        journal = Journal(path)
        ends = [0]
        for record in records:
            journal.append([record])
            ends.append(path.stat().st_size)
        journal.close()

        whole = path.read_bytes()
        damage = data.draw(st.integers(0, len(whole)))
        tail = data.draw(st.one_of(st.binary(max_size=50), st.just(bytes(50)), st.just(whole)))
        path.write_bytes(whole[:damage] + tail)
        journal = Journal(path)
        kept = contents(journal)
        before = sum(end <= damage for end in ends[1:])
        assert kept[:before] == records[:before]
        journal.append([b"more"])
        assert contents(journal) == [*kept, b"more"]
        journal.remove()
        assert list(Path(folder).iterdir()) == []


@settings(max_examples=60)
@given(RECORDS.filter(bool), st.data())
def test_a_flipped_bit_is_noticed(records: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "journal"
        journal = Journal(path)
        journal.append(records)
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        kept = contents(journal)
        journal.close()
        assert kept == records[: len(kept)]
        assert len(kept) < len(records)


def test_only_one_holds_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "journal")
    with pytest.raises(BlockingIOError):
        Journal(tmp_path / "run" / "journal")
    journal.close()
    Journal(tmp_path / "run" / "journal").remove()
    assert list(tmp_path.iterdir()) == []
