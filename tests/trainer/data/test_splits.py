"""Reviews in the layouts that people have: which split a file is, what its labels mean, what never mixes."""

import gzip
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import SentimentScorerError
from scorer.evaluation.labels import parse_reading
from tests.writing import write_table
from trainer.data.duplicates import first_alike, first_same
from trainer.data.parting import choose_rows
from trainer.data.reviews import DataOptions
from trainer.data.splits import Splits, choose_splits
from trainer.errors import TrainerError
from trainer.recipes import RECIPES

GOOD = [f"a fine film, number {n}" for n in range(30)]
BAD = [f"a dull film, number {n}" for n in range(30)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(
    path: str, good: object = 1, bad: object = 0, rows: int = 30, text: str = "text", label: str = "label"
) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return write_table(Path(path), {text: GOOD[:rows] + BAD[:rows], label: [good] * rows + [bad] * rows})


def splits(*names: str, recipe: str = "default", **options: object) -> Splits:
    return choose_splits(DataOptions(names, **options), RECIPES[recipe], seed=0)


def told(found: Splits) -> str:
    return "\n".join(found.told)


def is_read_rightly(found: Splits) -> bool:
    parts = [part for part in (found.train, found.validation, found.test) if part is not None]
    rows = [row for part in parts for row in part.to_pylist()]
    return bool(rows) and all(("fine" in row["text"]) == (row["label"] == 1) for row in rows)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        *[(1, 0), (True, False), ("positive", "negative"), ("Pos", "NEG"), ("good", "bad"), ("yes", "no")],
        *[(5, 1), ("4 stars", "2 stars"), (1, -1), (2, 1), ("TRUE", "FALSE"), ("5.0 out of 5 stars", "1/5")],
    ],
)
def test_labels_as_people_write_them(good: object, bad: object) -> None:
    write("reviews.csv", good, bad)
    found = splits("reviews.csv")
    assert is_read_rightly(found)
    assert "(30)" in told(found)


def test_mixed_kinds_stars_between_and_labels_that_are_missing() -> None:
    labels = ["1", "positive", "0", "negative", "neutral", "", "N/A", "1"]
    texts = ["a good one", "a nice one", "a bad one", "an ugly one", "so so", "unknown", "not said", ""]
    write_table(Path("reviews.csv"), {"review": texts * 3, "sentiment": labels * 3})
    found = splits("reviews.csv", labels=parse_reading("1=1,positive=1,0=0,negative=0"))
    assert "text is 'review', label 'sentiment': positive: 1 (6), positive (3)" in told(found)
    assert "left out: n/a (3), neutral (3)" in told(found)
    assert "skipped: 3 without text, 3 without a label" in told(found)
    write_table(Path("mixed.csv"), {"text": GOOD + BAD, "label": ["1", "positive"] * 15 + ["0", "negative"] * 15})
    assert is_read_rightly(splits("mixed.csv"))
    labels = [1, "positive", True, 5.0] * 8, [0, "negative", False, None] * 8
    others = ["x", 1, [2], None] * 15
    write_table(Path("mixed.jsonl"), {"text": GOOD + BAD, "label": [*labels[0][:30], *labels[1][:30]], "other": others})
    reading = parse_reading("1=1,positive=1,true=1,5=1,0=0,negative=0,false=0")
    found = splits("mixed.jsonl", labels=reading)
    assert "positive: 1 (8), 5 (7), positive (8), true (7)" in told(found)


def test_classes_go_by_their_names() -> None:
    """As `datasets` writes them to Parquet; numbers alone would be read the wrong way round."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["positive", "negative"])}
    )
    made = datasets.Dataset.from_dict({"text": GOOD + BAD, "label": [0] * 30 + [1] * 30}, features=features)
    made.to_parquet("train.parquet")
    assert is_read_rightly(splits("train.parquet"))
    datasets.DatasetDict({"train": made, "dev": made.select([0, 59])}).save_to_disk("saved")
    found = splits("saved")
    assert is_read_rightly(found)
    assert len(found.validation) == 2


def test_texts_that_look_like_nothing_are_texts() -> None:
    write_table(Path("reviews.csv"), {"text": ["N/A", "None", "null", "  "] * 20, "label": ["1", "0"] * 40})
    found = splits("reviews.csv", recipe="tutorial")
    assert {"N/A", "None", "null"} == {
        row for part in (found.train, found.validation) for row in part["text"].to_pylist()
    }


@pytest.mark.parametrize("name", ["reviews.tsv", "reviews.jsonl", "reviews.csv.gz", "reviews.txt"])
def test_whatever_scorer_reads(name: str) -> None:
    write("plain.csv")
    rows = Path("plain.csv").read_text()
    if name.endswith(".gz"):
        Path(name).write_bytes(gzip.compress(rows.encode()))
    elif name.endswith(".jsonl"):
        write(name)
    else:
        table = {"text": GOOD + BAD, "label": [1] * 30 + [0] * 30}
        Path(name).write_text(
            "".join("\t".join(map(str, row)) + "\n" for row in [list(table), *zip(*table.values(), strict=True)])
        )
    assert is_read_rightly(splits(name))


def test_nested_columns_and_bytes() -> None:
    reviews = pa.array(
        [{"text": text.encode(), "stars": 5} for text in GOOD] + [{"text": t.encode(), "stars": 1} for t in BAD]
    )
    pq.write_table(pa.table({"review": reviews}), "nested.parquet")
    assert is_read_rightly(splits("nested.parquet", text_column="review.text", label_column="review.stars"))


@pytest.mark.parametrize("name", ["validation.csv", "val.jsonl", "Valid.csv", "dev.parquet", "dev/part-0.csv"])
def test_a_validation_split_is_used(name: str) -> None:
    write("set/Train.csv")
    write(f"set/{name}", rows=3)
    found = splits("set")
    assert len(found.validation) == 6
    assert is_read_rightly(found)


def test_one_file_is_parted_and_told() -> None:
    write("reviews.csv")
    found = splits("reviews.csv")
    assert [len(part) for part in (found.test, found.validation, found.train)] == [12, 5, 43]
    assert "no split 'test': 12 training reviews are kept for it" in told(found)
    assert sorted(found.test["label"].to_pylist()) == [0] * 6 + [1] * 6
    assert splits("reviews.csv").test.equals(choose_splits(DataOptions(("reviews.csv",)), RECIPES["default"], 7).test)
    whole = choose_splits(DataOptions(("reviews.csv",)), replace(RECIPES["default"], test_share=None), 0)
    assert whole.test is None
    assert len(whole.train) + len(whole.validation) == 60


@pytest.mark.parametrize("label", [None, -1, ""])
def test_a_test_split_without_labels_stops_nothing(label: object) -> None:
    write("set/train.csv")
    rows = {"text": GOOD[:5]} if label is None else {"text": GOOD[:5], "label": [label] * 5}
    write_table(Path("set/test.csv"), rows)
    found = splits("set")
    assert "split 'test' has no labelled reviews and is not used" in told(found)
    assert len(found.test) == 12
    assert is_read_rightly(found)


def test_folders_of_texts() -> None:
    for name, texts in {"pos": GOOD, "neg": BAD, "unsup": ["a film"]}.items():
        for part in ("train", "test") if name != "unsup" else ("train",):
            Path(f"imdb/{part}/{name}").mkdir(parents=True)
            for n, text in enumerate(texts[:20] if part == "train" else texts[20:]):
                Path(f"imdb/{part}/{name}/{n}_7.txt").write_text(text)
    Path("imdb/train/urls_pos.txt").write_text("http://")
    found = splits("imdb")
    assert is_read_rightly(found)
    assert [len(part) for part in (found.train, found.validation, found.test, found.unlabelled)] == [36, 4, 20, 1]
    shutil.move("imdb/train/pos", "imdb/train/happy")
    shutil.move("imdb/train/neg", "imdb/train/sad")
    assert len(splits("imdb/train", labels=parse_reading("happy=1,sad=0")).train) == 36


@pytest.mark.parametrize(
    "other",
    [".ipynb_checkpoints/train-checkpoint.csv", "train-old.csv", "old/train.csv", "train (1).csv", "testimonials.csv"],
)
def test_look_alikes_are_not_merged(other: str) -> None:
    write("set/train.csv")
    write(f"set/{other}", good=0, bad=1)
    found = splits("set")
    assert is_read_rightly(found)
    assert other.startswith(".") or f"not read: {other.split('/')[0]}" in told(found)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["en/train.csv", "de/train.csv"], "de, en"),
        (["train.csv", "train.jsonl"], "each could be"),
        (["train.csv", "train-1.csv"], "each could be"),
        (["train.csv", "Train.csv"], "each could be"),
        (["one.csv", "two.csv"], "one.csv, two.csv"),
        (["train-00000-of-00002.csv"], "of 2 files, and 1"),
        (["notes.md"], "found no reviews"),
        (["test.csv"], "no split 'train'"),
    ],
)
def test_what_could_mean_two_things_is_refused(files: list[str], words: str) -> None:
    for name in files:
        write(f"set/{name}")
    with pytest.raises(TrainerError, match=words):
        splits("set")


@pytest.mark.parametrize(
    "files", [["train/part-0.csv", "train/part-1.csv"], ["a/b/train.csv"], ["part-0.csv", "part-1.csv"]]
)
def test_parts_and_folders(files: list[str]) -> None:
    for number, name in enumerate(files):
        write_table(
            write(f"set/{name}"),
            {"text": (GOOD + BAD)[number :: len(files)], "label": ([1] * 30 + [0] * 30)[number :: len(files)]},
        )
    found = splits("set")
    assert is_read_rightly(found)
    assert len(found.train) + len(found.validation) + len(found.test) == 60


def test_what_was_changed_is_read_anew() -> None:
    """Same path, size and time, other labels."""
    path = write("reviews.csv")
    before = path.stat()
    assert is_read_rightly(splits("reviews.csv"))
    write("reviews.csv", good=0, bad=1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    changed = splits("reviews.csv").train
    assert {text.split()[1] for text, label, _ in zip(*changed.to_pydict().values(), strict=True) if label} == {"dull"}


def test_nothing_is_left_behind() -> None:
    """Neither in caches of libraries nor among temporary files; a process of its own reads anew where they are."""
    write("reviews.csv")
    places = {name: Path(name).resolve() for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "TMPDIR")}
    for place in places.values():
        place.mkdir()
    options = "DataOptions(('reviews.csv',)), RECIPES['default'], seed=0"
    imports = "from trainer.data.splits import choose_splits; from trainer.data.reviews import DataOptions"
    program = f"{imports}; from trainer.recipes import RECIPES; print(len(choose_splits({options}).train))"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | places, capture_output=True, text=True, check=True
    )
    assert int(ended.stdout) > 0
    assert [path for place in places.values() for path in place.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "name", ["./reviws", "data/reviws.csv", "reviws.parquet", "a/b/c", "/no/where", "my reviews", "~/reviews"]
)
def test_a_missing_path_is_not_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    with pytest.raises(TrainerError, match="no such folder or file"):
        splits(name)


def test_copies_never_judge_what_learned_from_them() -> None:
    long = "the delivery took three weeks and nobody in the shop could say why it was late"
    texts = [*GOOD, *BAD, "Fine!", "fine", long, f"{long} again", "so so", "so so"]
    Path("set").mkdir()
    write_table(Path("set/train.csv"), {"text": texts, "label": [1] * 30 + [0] * 30 + [1, 1, 0, 0, 1, 0]})
    write_table(Path("set/test.csv"), {"text": [GOOD[0].upper(), BAD[0], "another"], "label": [1, 0, 0]})
    found = splits("set")
    assert "2 reviews to learn from, which test has too, are left out" in told(found)
    assert (
        "6 training reviews have the text of another, or nearly; 2 of them have both labels and judge nothing"
        in told(found)
    )
    assert len(found.test) == 3
    assert not set(found.train["text"].to_pylist()) & {GOOD[0], BAD[0]}
    held = set(found.validation["text"].to_pylist())
    assert not held & set(found.train["text"].to_pylist())
    assert "so so" not in held
    kept = choose_splits(DataOptions(("set",)), replace(RECIPES["default"], duplicates="keep"), 0)
    assert len(kept.train) + len(kept.validation) == len(texts)


def test_alike_and_the_same() -> None:
    long = "a story of two brothers who meet again after many years and do not know each other"
    texts = [
        "Good, isn't it?",
        "good<br />isn't it",
        "👍",
        "👎",
        long,
        f"{long} at all",
        long[:30],
        "很好看",
        "很好看!",
        "很难看",
    ]
    same, alike = (
        find(pa.chunked_array([pa.array(texts, pa.large_string())])).tolist() for find in (first_same, first_alike)
    )
    assert same == [0, 0, 2, 3, 4, 5, 6, 7, 7, 9]
    assert alike == [0, 0, 2, 3, 4, 4, 6, 7, 7, 9]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2), st.floats(0.1, 0.9))
def test_each_cell_is_held_out_by_its_share(rows: list[tuple[int, bool]], share: float) -> None:
    cells, eligible = (np.array(column) for column in zip(*rows, strict=True))
    everyone = choose_rows(cells, share, 0, np.ones(len(rows), np.int64), np.ones(len(rows), np.bool_))
    for cell in set(cells.tolist()):
        assert abs((cells[everyone] == cell).sum() - (cells == cell).sum() * share) < 1 + 1e-9
    chosen = choose_rows(cells, share, 0, np.ones(len(rows), np.int64), eligible)
    assert eligible[chosen].all()
    assert len(chosen) <= len(everyone)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"text": ["a", "b"], "label": [1, 7]}, "'label': labels are neither"),
        ({"text": ["a", "b"], "label": [1, 1]}, "every training label is positive"),
        ({"text": ["a", "b"]}, "--label-column"),
        ({"text": ["", " "], "label": [1, 0]}, "no training review"),
    ],
)
def test_labels_that_cannot_be_are_named(columns: dict[str, list[object]], words: str) -> None:
    write_table(Path("reviews.csv"), columns)
    with pytest.raises(SentimentScorerError, match=words):
        splits("reviews.csv")
