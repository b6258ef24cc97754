import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.model.batches import plan_batches
from scorer.tokens.encoder import RaggedIds, TextSettings


def ragged(lengths: list[int]) -> RaggedIds:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return RaggedIds(np.arange(1, offsets[-1] + 1, dtype=np.int32), offsets, np.zeros(len(lengths), np.bool_))


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 200), st.booleans())
def test_every_row_with_tokens_is_padded_once(lengths: list[int], budget: int, pad_to_max: bool) -> None:
    ids = ragged(lengths)
    seen = []
    for batch in plan_batches(ids, TextSettings(50, "head", 0, pad_to_max), budget, most_rows=8):
        input_ids, attention_mask = batch.padded()
        size, width = input_ids.shape
        assert size == 1 or (size * width <= budget and size <= 8)
        assert width <= 50
        assert width == 50 or not pad_to_max
        for row, tokens, mask in zip(batch.rows, input_ids, attention_mask, strict=True):
            own = ids.values[ids.offsets[row] : ids.offsets[row + 1]]
            assert tokens[: len(own)].tolist() == own.tolist()
            assert not tokens[len(own) :].any()
            assert mask.tolist() == [1] * len(own) + [0] * (width - len(own))
            seen.append(int(row))
    assert sorted(seen) == [row for row, length in enumerate(lengths) if length]
