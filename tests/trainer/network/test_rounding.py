import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.network.rounding import round_vectors, row_steps

ROWS = st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=1, max_size=5)


@given(ROWS)
def test_eight_bits_are_exact_once_rounded(rows: list[list[float]]) -> None:
    vectors = torch.tensor(rows)
    rounded = round_vectors(vectors, 8)
    steps = row_steps(rounded)
    codes = rounded / steps
    assert torch.equal(codes, codes.round())
    assert codes.abs().max() <= 127
    assert torch.equal(round_vectors(rounded, 8), rounded)
    assert ((rounded - vectors).abs() <= row_steps(vectors) / 2).all()


def test_other_widths() -> None:
    vectors = torch.randn(10, 4)
    assert torch.equal(round_vectors(vectors, 32), vectors)
    assert torch.equal(round_vectors(vectors, 16), vectors.half().float())
