"""Files that others made: another library, Polars, reads in what comes out the values that went in."""

import base64
import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import Command, one_line

pytestmark = pytest.mark.usefixtures("model")
NEW = ["sentiment_probability", "sentiment"]
TEXTS = ["a good film", "bad, é 😀", None, "", "two\nlines", "good " * 50, "a good film"]
TABLE = pa.table(
    {
        "text": TEXTS,
        "large": pa.array(TEXTS, pa.large_string()),
        "view": pa.array(TEXTS, pa.string_view()),
        "dictionary": pa.array(TEXTS).dictionary_encode(),
        "bytes": pa.array([b"\xff\x00", None, b"", b"x", b"y", b"\x80" * 99, b"\n"]),
        "integer": pa.array([2**63 - 1, -1, None, 0, 1, 2, 3], pa.int64()),
        "unsigned": pa.array([2**64 - 1, 0, None, 1, 2, 3, 4], pa.uint64()),
        "float": pa.array([0.1, -0.0, None, float("inf"), 1e-310, 3.0, 4.0]),
        "truth": [True, False, None, True, True, False, True],
        "decimal": pa.array([Decimal("1.10"), None, *map(Decimal, range(5))], pa.decimal128(30, 2)),
        "when": pa.array([datetime(2020, 1, 1, tzinfo=UTC), None] + [datetime(1969, 1, 1, tzinfo=UTC)] * 5),
        "day": [date(1, 1, 1), None, date(9999, 12, 31), *[date(2020, 2, 29)] * 4],
        "hour": [time(23, 59, 59, 999999), None, *[time(0)] * 5],
        "lasting": [timedelta(microseconds=1), None, *[timedelta(days=-1)] * 5],
        "list": [["a", None], [], None, ["b"], ["\n"], ["x"] * 9, ["y"]],
        "struct": [{"a": 1, "b": [{"c": "x"}]}, None, *[{"a": None, "b": []}] * 5],
        "nothing": pa.nulls(7),
    }
)


def scored(command: Command, input_: str, output: str, *arguments: object) -> None:
    result = command("scorer", "run", input_, "-o", output, "--force", *arguments)
    assert result.code == 0, result.err


def assert_parquet_passes_through(command: Command, path: str, *arguments: object) -> None:
    """Every value and type that Polars reads from the input, it reads from the output, in the same order."""
    scored(command, path, "out.parquet", *arguments)
    before, after = pl.read_parquet(path), pl.read_parquet("out.parquet")
    assert after.columns == [*before.columns, *NEW]
    assert_frame_equal(after.select(before.columns), before, check_exact=True)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_every_codec(command: Command, codec: str) -> None:
    pq.write_table(TABLE, "in.parquet", compression=codec)
    assert_parquet_passes_through(command, "in.parquet")


def test_every_encoding_and_page_version(command: Command) -> None:
    encodings = {
        "text": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
        "integer": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
        "float": ["PLAIN", "BYTE_STREAM_SPLIT", "PLAIN"],
        "truth": ["PLAIN", "RLE", "PLAIN"],
    }
    for number, version, page in product(range(3), ("1.0", "2.4", "2.6"), ("1.0", "2.0")):
        chosen = {name: choices[number] for name, choices in encodings.items()}
        table = TABLE.select([*encodings, "list"])
        pq.write_table(
            table, "in.parquet", use_dictionary=False, column_encoding=chosen, version=version, data_page_version=page
        )
        assert_parquet_passes_through(command, "in.parquet")


def test_files_that_polars_wrote(command: Command) -> None:
    frame = pl.DataFrame({"n": range(5000), "text": ["good film", None, "", "bad", "é"] * 1000})
    frame.write_parquet("in.parquet", row_group_size=7, statistics="full")
    assert_parquet_passes_through(command, "in.parquet")
    frame.lazy().sink_parquet("in.parquet", compression="lz4", data_page_size=100)
    assert_parquet_passes_through(command, "in.parquet")


@pytest.mark.parametrize("column", ["text", "large", "view", "dictionary", "nothing"])
def test_every_kind_of_text_scores_the_same(command: Command, column: str) -> None:
    pq.write_table(TABLE, "in.parquet")
    assert_parquet_passes_through(command, "in.parquet", "--text-column", column)
    expected = pl.Series(TEXTS) if column != "nothing" else pl.Series([None] * len(TEXTS), dtype=pl.String)
    pl.DataFrame({"text": expected}).write_parquet("plain.parquet")
    scored(command, "plain.parquet", "plain-out.parquet")
    assert_frame_equal(pl.read_parquet("out.parquet")[NEW], pl.read_parquet("plain-out.parquet")[NEW], check_exact=True)


def test_text_inside_structs(command: Command) -> None:
    inner = [{"text": text, "by": {"name": "x", "body": text}} for text in TEXTS]
    pq.write_table(pa.table({"review": [*inner, None], "text.body": [*TEXTS, None], "n": range(8)}), "in.parquet")
    for path in ("review.text", "review.by.body", "text.body"):
        assert_parquet_passes_through(command, "in.parquet", "--text-column", path)
        probability = pl.read_parquet("out.parquet")["sentiment_probability"].to_list()
        assert [value is None for value in probability] == [not text for text in [*TEXTS, None]]
        assert probability[0] == probability[6] != probability[1]
    refused = {None: ("'review'", "review.text"), "review.nope": ("review.nope",), "review.by": ("review.by.name",)}
    for path, words in refused.items():
        arguments = ["--text-column", path] if path else []
        one_line(command("scorer", "run", "in.parquet", "-o", "no.parquet", *arguments), "in.parquet", *words)


def test_shapes_of_tables(command: Command) -> None:
    pq.write_table(TABLE.slice(0, 0), "in.parquet")
    assert_parquet_passes_through(command, "in.parquet")
    pq.write_table(pa.table({"text": TEXTS * 100}), "in.parquet", row_group_size=1)
    assert_parquet_passes_through(command, "in.parquet")
    wide = pa.table({f"column {i}": [i] for i in range(5000)} | {"text": ["good"]})
    pq.write_table(wide, "in.parquet")
    assert_parquet_passes_through(command, "in.parquet")
    result = command("scorer", "run", "in.parquet", "-o", "no.parquet", "--text-column", "nope")
    one_line(result, "'nope'", "column 19 and 4,981 more")
    pq.write_table(pa.table({}), "none.parquet")
    one_line(command("scorer", "run", "none.parquet", "-o", "no.parquet"), "none.parquet", "no columns")


def test_columns_of_one_name(command: Command) -> None:
    arrays = [pa.array([1, 2]), pa.array(["x", "y"]), pa.array(["good", "bad"])]
    pq.write_table(pa.Table.from_arrays(arrays, names=["a", "a", "text"]), "in.parquet")
    scored(command, "in.parquet", "out.parquet")
    after = pq.ParquetFile("out.parquet").read()
    assert after.column_names == ["a", "a", "text", *NEW]
    assert [column.combine_chunks() for column in after.columns[:3]] == arrays
    result = command("scorer", "run", "in.parquet", "-o", "no.parquet", "--text-column", "a")
    one_line(result, "more than one column 'a'")


class _Kms(pe.KmsClient):
    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_encrypted_files_are_refused(command: Command, plaintext_footer: bool) -> None:
    keys = pe.EncryptionConfiguration(footer_key="a", column_keys={"b": ["text"]}, plaintext_footer=plaintext_footer)
    factory = pe.CryptoFactory(lambda _: _Kms())
    secret = factory.file_encryption_properties(pe.KmsConnectionConfig(), keys)
    table = TABLE.select(["text"])
    with pq.ParquetWriter("in.parquet", table.schema, encryption_properties=secret) as writer:
        writer.write_table(table)
    one_line(command("scorer", "run", "in.parquet", "-o", "out.parquet"), "in.parquet", "is encrypted")


def test_checksums_are_verified(command: Command, tmp_path: Path) -> None:
    table = TABLE.select(["text", "integer"])
    pq.write_table(table, "in.parquet", compression="none", use_dictionary=False, write_page_checksum=True)
    assert_parquet_passes_through(command, "in.parquet")
    content = bytearray(Path("in.parquet").read_bytes())
    content[content.find(b"good film")] ^= 1
    Path("flipped.parquet").write_bytes(content)
    one_line(command("scorer", "run", "flipped.parquet", "-o", "no.parquet"), "flipped.parquet", "CRC")
    Path("magic.parquet").write_bytes(bytes(content).replace(b"PAR1", b"PAR2"))
    one_line(command("scorer", "run", "magic.parquet", "-o", "no.parquet"), "magic.parquet", "not a Parquet file")
    assert not list(tmp_path.glob("*no.parquet*"))


def written(rows: list[list[str]], **options: object) -> str:
    file = io.StringIO()
    csv.writer(file, **options).writerows(rows)
    return file.getvalue()


ROWS = [
    ["id", "text", "last"],
    ["1", 'a "good" film', ""],
    ["007", "two\nlines", "1e400"],
    ["", "", "NULL"],
    ["NaN", "comma, semicolon; tab\t.", " spaced "],
    ["-1", "é 😀", "true"],
    ['"', "nul \0 byte", "\\N"],
]
SPELLINGS = {
    "plain": (written(ROWS, lineterminator="\n").encode(), []),
    "windows": (written(ROWS).encode(), []),
    "macintosh": (written(ROWS, lineterminator="\r", quoting=csv.QUOTE_ALL).encode(), []),
    "all quoted": (written(ROWS, quoting=csv.QUOTE_ALL).encode(), []),
    "no last newline": (written(ROWS).rstrip("\r\n").encode(), []),
    "byte order mark": (written(ROWS, quoting=csv.QUOTE_ALL).encode("utf-8-sig"), []),
    "utf-16": (written(ROWS).encode("utf-16"), ["--encoding", "utf-16"]),
    "utf-16 with a mark too many": (("\ufeff" + written(ROWS)).encode("utf-16-le"), ["--encoding", "utf-16-le"]),
    "latin-1": (written(ROWS).replace(" 😀", "").encode("latin-1"), ["--encoding", "latin-1"]),
    "empty lines": (("\n\n" + written(ROWS, lineterminator="\n\n").replace("two\n\n", "two\n")).encode(), []),
    "tabs": (written(ROWS, delimiter="\t").encode(), ["--delimiter", "\t"]),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_csv(command: Command, spelling: str) -> None:
    content, arguments = SPELLINGS[spelling]
    Path("in.csv").write_bytes(content)
    scored(command, "in.csv", "out.parquet", *arguments)
    after = pl.read_parquet("out.parquet")
    expected = [[value.replace(" 😀", "") if spelling == "latin-1" else value for value in row] for row in ROWS]
    assert after.columns == [*expected[0], *NEW]
    assert [list(row[:3]) for row in after.rows()] == expected[1:]


def test_polars_reads_the_same_from_both_csv_files(command: Command) -> None:
    Path("in.csv").write_text(written(ROWS + ROWS[1:] * 500), encoding="utf-8")
    scored(command, "in.csv", "out.csv")
    before, after = (
        pl.read_csv(name, infer_schema=False, empty_string_is_null=False) for name in ("in.csv", "out.csv")
    )
    assert after.columns == [*before.columns, *NEW]
    assert_frame_equal(after.select(before.columns), before)


def test_types_never_change_however_late(command: Command) -> None:
    lines = ["n,text", *["1,good"] * 1_000_000, "x,bad", "", "2.5,"]
    Path("in.csv").write_text("\n".join(lines))
    scored(command, "in.csv", "out.parquet")
    numbers = pl.read_parquet("out.parquet")["n"]
    assert (len(numbers), numbers[0], numbers[-2:].to_list()) == (1_000_002, "1", ["x", "2.5"])


def test_lines_of_csv_that_are_wrong_are_named(command: Command, tmp_path: Path) -> None:
    cases = {
        "wide": ('id,text\n1,"two\nlines"\n\n2,b,c\n', ["line 5", "Expected 2", "got 3"]),
        "narrow": ("\nid,text\n1,a\n2\n", ["line 4", "got 1"]),
        "open": ('id,text\n1,5" pipe 6"\n2,"swallowed\n3,c\n4,d\n', ["line 3", "never closed"]),
        "open at the end": ('id,text\n1,a\n2,"cut he', ["line 3", "never closed"]),
        "blank": ("\n\n\n", ["no header"]),
        "unlucky header": ("\xffid,text\n1,a\n", ["header", "--encoding"]),
    }
    for name, (content, words) in cases.items():
        Path("in.csv").write_bytes(content.encode("latin-1"))
        one_line(command("scorer", "run", "in.csv", "-o", "out.csv"), "in.csv", *words), name
    Path("in.csv").write_text('id,text\n1,a 5" pipe\n2,"closed"\n')  # an odd quote that opens nothing
    scored(command, "in.csv", "out.csv")
    assert pl.read_csv("out.csv", quote_char='"')["text"].to_list() == ['a 5" pipe', "closed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_header_only(command: Command) -> None:
    for content in ("text", "id,text", "id,text\r\n", "\ufeffid,text"):
        Path("in.csv").write_text(content, encoding="utf-8")
        scored(command, "in.csv", "out.csv")
        assert pl.read_csv("out.csv").columns == [*content.strip("\ufeff\r\n").split(","), *NEW]


def test_formulas_are_escaped_on_request(command: Command) -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "fine = good", None, ""]
    pq.write_table(pa.table({"text": texts, "=n": range(-5, 5), "list": [["=1"]] * 10}), "in.parquet")
    scored(command, "in.parquet", "out.csv", "--escape-formulas")
    after = pl.read_csv("out.csv")
    escaped = [text and (f"'{text}" if text[0] in "=+-@\t\r\n" else text) for text in texts]
    assert after["text"].to_list() == [*escaped[:-2], None, ""]
    assert after["'=n"].to_list() == list(range(-5, 5))
    assert after["list"].to_list() == ['["=1"]'] * 10
    scored(command, "in.parquet", "out.csv")
    assert pl.read_csv("out.csv")["text"].to_list() == texts


def test_bytes_that_csv_cannot_hold_are_refused(command: Command) -> None:
    values = {
        "bytes": pa.array([b"\xff"]),
        "fixed": pa.array([b"\xff"], pa.binary(1)),
        "string": pa.array([b"\xff"]).view(pa.string()),
        "nested": pa.array([[b"\xff"]]).cast(pa.list_(pa.binary())).view(pa.list_(pa.string())),
    }
    for name, column in values.items():
        pq.write_table(pa.table({"text": ["good"], name: column}), "in.parquet")
        scored(command, "in.parquet", "out.parquet")
        one_line(command("scorer", "run", "in.parquet", "-o", "out.csv"), "row 1", repr(name), ".parquet output")


def test_fields_of_twenty_megabytes(command: Command) -> None:
    long = "good film, " * (20_000_000 // 11)
    Path("in.csv").write_text(written([["id", "text"], ["1", "short"], ["2", long], ["3", "last"]]))
    scored(command, "in.csv", "out.parquet")
    after = pl.read_parquet("out.parquet")
    assert after["text"].to_list() == ["short", long, "last"]
    assert after["sentiment_probability"].null_count() == 0


def test_rows_that_are_missing_are_noticed(command: Command) -> None:
    """Arrow ends with the first column that ends, without a word."""
    pq.write_table(pa.table({"text": ["good"] * 100}), "in.parquet")
    content = Path("in.parquet").read_bytes()
    hundred, more = b"\x16\xc8\x01", b"\x16\xca\x01"  # 100 and 101 as Thrift writes them
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    Path("in.parquet").write_bytes(content[:footer] + content[footer:].replace(hundred, more, 1))
    assert pq.ParquetFile("in.parquet").metadata.num_rows == 101
    one_line(command("scorer", "run", "in.parquet", "-o", "out.parquet"), "in.parquet", "100 rows of 101")
