"""What is damaged, and what has to become of it: a correct result, or an error of one line and no output."""

import bz2
import gzip
import io
import json
import lzma
import random
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from scorer.errors import OnError, SentimentScorerError
from scorer.files.format import BadLines, CsvOptions
from scorer.model.sealed import Card, read_sealed, seal
from scorer.run.job import run
from scorer.run.options import RunOptions
from scorer.scores import ScoreColumns
from scorer.scoring import Scorer
from scorer.system.terminal import on_one_line
from tests.fuzz.mutation import mutated

TABLE = pa.table(
    {
        "n": range(60),
        "text": ["a good film", "bad, very bad", None, "", "two\nlines", "é 😀 naïve"] * 10,
        "tags": [["a", None], [], None, ["b"], ["c", "d"], []] * 10,
        "by": [{"name": "x", "age": 3}, None, {"name": None, "age": None}] * 20,
    }
)

WORDS = pa.array(["a", "b", None] * 20).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
KINDS = TABLE.append_column("when", pa.array([0, 253402300799999999, None] * 20, pa.timestamp("us")))
KINDS = KINDS.append_column("words", WORDS)
KINDS = KINDS.append_column("inside", pa.ListArray.from_arrays(range(61), WORDS))
KINDS = KINDS.append_column(
    "map", pa.array([[("k", [1.5])], [], None] * 20, pa.map_(pa.string(), pa.list_(pa.float64())))
)


class Fuzzer:
    """All kinds of cases over one tiny model and its checkpoint; the cases use `folder`, and leave it empty."""

    def __init__(self, model: Path, checkpoint: Path, folder: Path) -> None:
        self._scorer = Scorer.open(model)
        self._folder = folder
        graph = onnx.load(model)
        del graph.metadata_props[:]
        self._parts = graph.SerializeToString(), read_sealed(model)
        card = self._parts[1].card.to_json().encode()
        tokenizer = self._parts[1].tokenizer_json.encode()
        self._originals: dict[str, Sequence[bytes]] = {
            "parquet": _parquet_files(),
            "csv": _csv_files(),
            "signs": _sign_files(),
            "escaped": [b'id;text\n1;"say \\"hi\\", and \\\\"\n2;"two\nlines";3\n3;C:\\new\\;x\n' * 3],
            "unquoted": [b'1\t"Great\n2\ta\\\tb"\n3\tNA\n' * 5],
            "jsonl": _json_files(),
            "packed": _packed_files(),
            "arrow": _arrow_files(),
            "model": [model.read_bytes()],
            "graph": [self._parts[0]],
            "tokenizer": [tokenizer],
            "card": [card],
            "checkpoint": [checkpoint.read_bytes()],
        }

    def run(self, kind: str, seed: int) -> str:
        """`result`, or the line that refused; raises `AssertionError` and others where the promise is broken."""
        rng = random.Random(f"{kind} {seed}")
        content = mutated(rng.choice(self._originals[kind]), rng)
        use: Callable[[bytes], None] = getattr(self, f"_use_{kind}")
        try:
            use(content)
            return "result"
        except SentimentScorerError as error:
            assert not self._output.exists(), "an output beside an error"
            return on_one_line(str(error))
        finally:
            shutil.rmtree(self._folder)
            self._folder.mkdir()

    @property
    def _output(self) -> Path:
        return self._folder / "out.parquet"

    def _use_parquet(self, content: bytes) -> None:
        self._score(content, "in.parquet")
        before, after = map(_read, (self._folder / "in.parquet", self._output))
        assert after.select(range(before.num_columns)).equals(before), "a value has changed"

    def _use_csv(self, content: bytes) -> None:
        self._score(content, "in.csv")

    def _use_signs(self, content: bytes) -> None:
        self._score(content, "in.csv")

    def _use_escaped(self, content: bytes) -> None:
        self._score(content, "in.csv", csv=CsvOptions(";", escape="\\", bad_lines=BadLines.skip))

    def _use_unquoted(self, content: bytes) -> None:
        csv = CsvOptions(quote=None, escape="\\", header=False, null_values=("NA",))
        self._score(content, "in.tsv", csv=csv, text_column="2")

    def _use_packed(self, content: bytes) -> None:
        self._score(content, "in.csv")  # how it is packed is told by its first bytes

    def _use_arrow(self, content: bytes) -> None:
        self._score(content, "in.arrow")  # file or stream is told by the first bytes

    def _use_jsonl(self, content: bytes) -> None:
        self._score(content, "in.jsonl")

    def _score(self, content: bytes, name: str, **more: Any) -> None:
        """Score the file, and hold every score against that of its text in what was written."""
        path = self._folder / name
        path.write_bytes(content)
        columns = ScoreColumns("fuzzed_", status=True)
        options = RunOptions(path, self._output, on_error=OnError.null, columns=columns, workers=1, **more)
        summary = run(options, self._scorer)
        assert {path.name for path in self._folder.iterdir()} == {name, self._output.name}, "a file is left behind"
        after = pq.ParquetFile(self._output).read()
        assert summary.rows == after.num_rows
        is_scored = after["fuzzed_sentiment_probability"].is_valid().to_pylist()
        status = after["fuzzed_sentiment_status"].to_pylist()
        assert is_scored == [one in ("ok", "truncated") for one in status]
        assert summary.scored == sum(is_scored)

    def _use_model(self, content: bytes) -> None:
        self._score_with(content)
        assert content == self._originals["model"][0], "damage that nobody noticed"

    def _score_with(self, content: bytes) -> None:
        path = self._folder / "m.onnx"
        path.write_bytes(content)
        scores = Scorer.open(path).score_texts(pa.array(["a good film", "bad", None, "x " * 500]))
        assert len(scores.probability) == len(scores.status) == 4

    def _use_graph(self, content: bytes) -> None:
        sealed = self._parts[1]
        self._score_with(seal(content, sealed.tokenizer_json, sealed.card))

    def _use_tokenizer(self, content: bytes) -> None:
        graph, sealed = self._parts
        self._score_with(seal(graph, content.decode(errors="replace"), sealed.card))

    def _use_card(self, content: bytes) -> None:
        graph, sealed = self._parts
        self._score_with(seal(graph, sealed.tokenizer_json, Card.from_json(content.decode(errors="replace"))))

    def _use_checkpoint(self, content: bytes) -> None:
        from trainer.learning.checkpoint import load_checkpoint

        path = self._folder / "c.pth"
        path.write_bytes(content)
        checkpoint = load_checkpoint(path)
        checkpoint.build_network()
        checkpoint.build_encoder()


def _read(path: Path) -> pa.Table:
    """All rows, by row group because Arrow cannot join nested categories, and INT96 as it goes on."""
    file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
    return pa.concat_tables(groups) if groups else file.schema_arrow.empty_table()


def _parquet_files() -> list[bytes]:
    spellings = [
        {"compression": "none", "write_page_checksum": True},
        {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 20},
        {"compression": "snappy", "use_dictionary": False, "store_schema": False},
        {"compression": "gzip", "use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        {"compression": "lz4", "write_page_index": True, "data_page_size": 64},
        {"compression": "none", "use_dictionary": False},
    ]
    files = [_written(TABLE, **spelling) for spelling in spellings]
    for row_group_size in (60, 20):
        files.append(_written(KINDS, use_deprecated_int96_timestamps=True, row_group_size=row_group_size))
    return files


def _written(table: pa.Table, **spelling: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **spelling)
    return file.getvalue()


def _csv_files() -> list[bytes]:
    quoted = 'id,text\r\n1,"a ""good"" film"\r\n2,"two\nlines"\r\n3,é 😀\r\n4,\r\n'
    return [quoted.encode() * 3, b"text\n\ngood\n\nbad\n", b"n\ttext,x\n1,2\n" + b"3,bad\n" * 20]


def _sign_files() -> list[bytes]:
    """What CSV is made of, in any order: where quotes and delimiters are is told from few bytes."""
    rng, signs = random.Random(0), ['"', '""', ",", ";", "\t", "|", " ", "\n", "\r\n", "a", "text", "é", "'", "\\"]
    heads = ["", "text,id\n", '"text";"id"\n', "id\ttext\n", "sep=;\n", '"id", "text"\n', "\ufeff", "\n"]
    return [(rng.choice(heads) + "".join(rng.choices(signs, k=rng.randint(1, 25)))).encode() for _ in range(500)]


def _packed_files() -> list[bytes]:
    rows = b"id,text\n" + b"".join(b"%d,a good film %d\n" % (number, number * 7919 % 1000) for number in range(200))
    files = [gzip.compress(rows, mtime=0), bz2.compress(rows), lzma.compress(rows)]
    for codec in ("zstd", "lz4"):
        file = pa.BufferOutputStream()
        with pa.CompressedOutputStream(file, codec) as packing:
            packing.write(rows)
        files.append(file.getvalue().to_pybytes())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packing:
        packing.writestr(zipfile.ZipInfo("in.csv"), rows)
    return [*files, archive.getvalue()]


def _arrow_files() -> list[bytes]:
    files = []
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        for codec in (None, "lz4", "zstd"):
            file = io.BytesIO()
            with new(file, KINDS.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
                writer.write_table(KINDS, max_chunksize=25)
            files.append(file.getvalue())
    return files


def _json_files() -> list[bytes]:
    rows = [json.dumps(row, ensure_ascii=row["n"] % 2 == 0) for row in TABLE.slice(0, 12).to_pylist()]
    numbers = "1", "0.5", "12345678901234567890", "9007199254740993", "1e400", "NaN", "null"
    nested = [
        f'{{"text": "good", "n": {n}, "in": {{"a": [{n}, [{n}]]}}, "deep": {"[" * i + "]" * i}}}'
        for i, n in enumerate(numbers)
    ]
    halves = [r'{"text": "\ud83d"}', r'{"text": "a", "t": ["\udc00 \\ud83d"]}', '{"text": 5}', '{"text": "b"}']
    return ["\n".join(lines).encode() for lines in (rows, nested, halves)] + [
        b'{"text": "good"}\r\n\r\n{"text": null}\r\n{"other": [1, {"a": 1e5}]}\r\n'
    ]
