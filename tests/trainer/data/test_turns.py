import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.ragged import ragged
from trainer.data.reviews import EncodedReviews
from trainer.data.turns import Turns


def numbered(rows: int) -> EncodedReviews:
    """Reviews of one word each, their own number, which is label, weight and truth as well."""
    numbers = np.arange(rows)
    values = numbers.astype(np.float32)
    return EncodedReviews(ragged(numbers.astype(np.int32), np.ones(rows, np.int64)), values, values, values)


@given(st.integers(0, 9), st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_all_wait_until_their_turn_and_none_comes_twice_before_all_came_once(
    always: int, waiting: int, at_once: int, seed: int
) -> None:
    turns = Turns(numbered(always + waiting), np.arange(always, always + waiting), at_once)
    came = np.zeros(waiting, np.int64)
    for epoch in range(1, 12):
        learned = turns.of(epoch, seed)
        assert (learned.ids.values == learned.labels).all()
        assert (learned.labels == learned.weights).all()
        assert (learned.labels == learned.true_labels).all()
        numbers = learned.ids.values.tolist()
        assert numbers[:always] == list(range(always))
        assert len(numbers) == always + min(at_once, waiting)
        came += np.bincount(np.array(numbers[always:]) - always, minlength=waiting)
        assert came.max() - came.min() <= 1
        again = turns.of(epoch, seed).ids.values.tolist()
        assert again == numbers


def test_without_turns_every_epoch_learns_all() -> None:
    reviews = numbered(4)
    assert Turns(reviews).of(3, 0) is reviews
