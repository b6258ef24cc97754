from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorer.scores import Status
from scorer.scoring import Scorer

TEXTS = st.lists(
    st.one_of(st.none(), st.text(max_size=30), st.sampled_from(["a good film", "not good", "the " * 500])), max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(texts=TEXTS, data=st.data())
def test_a_score_does_not_depend_on_its_neighbours(model: Path, texts: list[str | None], data: st.DataObject) -> None:
    scorer = Scorer.open(model)
    together = scorer.score_texts(pa.array(texts, pa.string()))
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = scorer.score_texts(pa.array([texts[i] for i in order], pa.string()))
    np.testing.assert_array_equal(shuffled.probability, together.probability[order])
    for row, text in enumerate(texts):
        alone = scorer.score_texts(pa.array([text], pa.string()))
        np.testing.assert_array_equal(alone.probability, together.probability[row : row + 1])


def test_every_row_has_a_status(model: Path) -> None:
    scores = Scorer.open(model).score_texts(pa.array(["good", "word " * 500, "", " \n", None]))
    assert [Status(s).name for s in scores.status] == ["ok", "truncated", "empty", "empty", "null"]
    assert scores.unscored.tolist() == [False, False, True, True, True]
    assert np.isnan(scores.probability[2:]).all()
    assert ((scores.probability[:2] > 0) & (scores.probability[:2] < 1)).all()


def test_only_the_tail_of_a_long_review_counts(model: Path) -> None:
    tail = "and in the end it was a good film , " * 60
    one, other = (
        Scorer.open(model).score_texts(pa.array(["awful bad " * 99 + tail, "lovely " * 999 + tail])).probability
    )
    assert one == other
