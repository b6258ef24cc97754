import numpy as np
import pyarrow as pa
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.teachers.crossfit import ALL, Folds

FOLDS = st.lists(st.sampled_from([ALL, 0, 1, 2]), max_size=20)


@given(FOLDS, FOLDS)
def test_each_text_is_judged_by_the_teacher_of_its_fold_or_by_all(train: list[int], held_out: list[int]) -> None:
    folds = Folds(3, {"train": np.array(train, np.int64), "held_out": np.array(held_out, np.int64)})
    texts = {name: pa.array(map(str, range(len(part))), pa.large_string()) for name, part in folds.parts.items()}
    reads = []
    for fold in range(3):
        judged = folds.to_judge(texts, fold)
        reads.append(
            {name: torch.tensor([100.0 * fold + int(text) for text in judged[name].to_pylist()]) for name in texts}
        )
    joined = folds.joined(reads)
    for name, part in folds.parts.items():
        told = [row + 100.0 * (1 if fold == ALL else fold) for row, fold in enumerate(part)]
        assert joined[name].tolist() == told  # all three said 0, 100 and 200 more than the row, 100 on average
