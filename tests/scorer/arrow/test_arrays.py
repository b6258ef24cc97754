import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scorer.arrow.arrays import bools, bools_of, integers_of, numbers, slices_of, strings

BOOLS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40)


@given(BOOLS)
def test_bools_are_those_of_arrow(rows: list[tuple[bool, bool]]) -> None:
    values, null = (np.array([row[i] for row in rows], np.bool_) for i in (0, 1))
    array = bools(values, null)
    array.validate(full=True)
    assert array.to_pylist() == pa.array(values, mask=null).to_pylist()
    np.testing.assert_array_equal(bools_of(bools(values)[len(rows) // 2 :]), values[len(rows) // 2 :])


@given(BOOLS)
def test_numbers_are_those_of_arrow(rows: list[tuple[bool, bool]]) -> None:
    null = np.array([row[0] for row in rows], np.bool_)
    values = np.arange(len(rows), dtype=np.int32)
    numbers(values, null).validate(full=True)
    assert numbers(values, null).equals(pa.array(values, mask=null))
    np.testing.assert_array_equal(integers_of(numbers(values)[1:]), values[1:])


@given(st.lists(st.text()))
def test_strings_are_those_of_arrow(texts: list[str]) -> None:
    for kind in (pa.string(), pa.large_string()):
        strings(texts, kind).validate(full=True)
        assert strings(texts, kind).equals(pa.array(texts, kind))


@given(st.lists(st.text(max_size=9)), st.integers(0, 20), st.integers(0, 3))
def test_slices_hold_all_texts_and_no_more_bytes_than_they_may(texts: list[str], most_bytes: int, skipped: int) -> None:
    array = pa.array(texts, pa.string())[skipped:]
    slices = [one.to_pylist() for one in slices_of(array, most_bytes)]
    assert [text for one in slices for text in one] == texts[skipped:]
    sizes = [sum(len(text.encode()) for text in one) for one in slices]
    assert all(size <= most_bytes or len(one) == 1 for one, size in zip(slices, sizes, strict=True))
    firsts = [len(one[0].encode()) for one in slices[1:]]  # which had no room in the slice before
    assert all(size + first > most_bytes for size, first in zip(sizes, firsts, strict=False))
