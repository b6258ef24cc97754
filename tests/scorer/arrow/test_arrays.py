import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scorer.arrow.arrays import bools, bools_of, integers_of, numbers, strings

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
