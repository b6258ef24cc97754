"""Compressed files, in and out: the same rows as of the plain file, and what is damaged is named."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.conftest import DATA, Command, one_line

pytestmark = pytest.mark.usefixtures("model")
LINES = [f'{number},"{"good" if number % 3 else "bad"} film, {number * 7919 % 1000}"' for number in range(3000)]
CSV = "\n".join(["id,text", *LINES, ""]).encode()


def by_arrow(codec: str) -> Callable[[bytes], bytes]:
    def compress(content: bytes) -> bytes:
        file = pa.BufferOutputStream()
        with pa.CompressedOutputStream(file, codec) as packing:
            packing.write(content)
        return file.getvalue().to_pybytes()

    return compress


def zipped(content: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("inside.csv",):
            archive.writestr(name, content)
    return file.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": by_arrow("zstd"),
    "bz2": bz2.compress,
    "lz4": by_arrow("lz4"),
    "xz": lzma.compress,
    "zip": zipped,
}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.decompress,
    "zst": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "zstd").read(),
    "bz2": bz2.decompress,
    "lz4": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "lz4").read(),
    "xz": lzma.decompress,
    "zip": lambda content: zipfile.ZipFile(io.BytesIO(content)).read("out.csv"),
}


@pytest.fixture
def plain(command: Command) -> bytes:
    """What the plain file becomes."""
    Path("plain.csv").write_bytes(CSV)
    assert command("scorer", "run", "plain.csv", "-o", "plain-out.csv").code == 0
    return Path("plain-out.csv").read_bytes()


@pytest.mark.parametrize("ending", PACK)
def test_compressed_files_in_and_out(command: Command, plain: bytes, ending: str) -> None:
    name, out = f"in.csv.{ending}", f"out.csv.{ending}"
    Path(name).write_bytes(PACK[ending](CSV))
    result = command("scorer", "run", name, "-o", out, "--verify", 20)
    assert (result.code, "20 rows scored again" in result.out) == (0, True), result.err
    assert UNPACK[ending](Path(out).read_bytes()) == plain
    first = Path(out).read_bytes()
    assert command("scorer", "run", name, "-o", out, "--force").code == 0
    assert Path(out).read_bytes() == first  # no time of writing in it
    assert command("scorer", "run", out, "-o", "again.csv", "--prefix", "x_").code == 0
    if ending != "zip":  # several pieces in one file, as `cat` and parallel tools make them
        head, tail = CSV[:5000], CSV[5000:]
        Path(name).write_bytes(PACK[ending](head) + PACK[ending](tail))
        assert command("scorer", "run", name, "-o", "pieces.csv").code == 0
        assert Path("pieces.csv").read_bytes() == plain


def test_json_lines_too(command: Command) -> None:
    rows = [{"n": n, "text": f"film {n}"} for n in range(50)]
    Path("in.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    result = command("scorer", "run", "in.jsonl.gz", "-o", "out.jsonl.zst", "--verify", 50)
    assert (result.code, "50 rows scored again" in result.out) == (0, True), result.err
    lines = UNPACK["zst"](Path("out.jsonl.zst").read_bytes()).splitlines()
    assert [{"n": row["n"], "text": row["text"]} for row in map(json.loads, lines)] == rows


def test_names_inside_and_outside(command: Command, plain: bytes) -> None:
    """The format is told by what is left of the name, or by that of the file inside; the first bytes say the rest."""
    tabs = CSV.replace(b",", b"\t", 1)
    for name, content in {
        "reviews.zip": zipped(CSV),
        "mac.zip": zipped(CSV, "inside.csv", "__MACOSX/._inside.csv"),
        "tabs.TSV.GZ": gzip.compress(tabs.replace(b',"', b'\t"')),
        "not-said.csv": lzma.compress(CSV),
    }.items():
        Path(name).write_bytes(content)
        result = command("scorer", "run", name, "-o", "out.csv", "--force", "--output-delimiter", ",")
        assert result.code == 0, result.err
        assert Path("out.csv").read_bytes() == plain


@pytest.mark.parametrize("ending", PACK)
def test_a_file_that_is_cut_short_is_named(command: Command, ending: str) -> None:
    whole = PACK[ending](CSV)
    for length in (len(whole) // 2, len(whole) - 1):
        Path(f"in.csv.{ending}").write_bytes(whole[:length])
        result = command("scorer", "run", f"in.csv.{ending}", "-o", "out.csv")
        one_line(result, f"in.csv.{ending}: ", "damaged zip data" if ending == "zip" else "is cut short")
        assert not Path("out.csv").exists()


def test_rows_before_the_cut_are_kept(command: Command) -> None:
    rng = random.Random(3)
    words = ["a", "good", "bad", "film", "plot"]
    rows = (f"{n},{' '.join(rng.choices(words, k=20))} {n}\n" for n in range(20_000))
    whole = ("id,text\n" + "".join(rows)).encode()
    packed = gzip.compress(whole, 1)
    run = ("scorer", "run", "in.csv.gz", "-o", "out.csv", "--keep-every", 0)
    Path("in.csv.gz").write_bytes(packed[:-2000])
    one_line(command(*run), "in.csv.gz: is cut short", "finished rows are kept", "the same command goes on")
    Path("in.csv.gz").write_bytes(packed)
    result = command(*run, "--json")
    assert (result.code, json.loads(result.out)["resumed"] >= 7680) == (0, True), result.err
    Path("in.csv").write_bytes(whole)
    assert command("scorer", "run", "in.csv", "-o", "plain.csv").code == 0
    assert Path("out.csv").read_bytes() == Path("plain.csv").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("two.zip", zipped(CSV, "a.csv", "b.csv"), "is an archive of 2 files (a.csv, b.csv), not of one"),
        ("none.zip", zipped(b"", "folder/"), "is an archive of no file"),
        ("in.csv.gz", CSV, "is not compressed by gzip, as its name says"),
        ("in.csv.zst", gzip.compress(CSV, mtime=0), "is not compressed by zstd, as its name says"),
        ("in.parquet.gz", gzip.compress((DATA / "reviews.parquet").read_bytes()), "unpack it first"),
        ("in.gz", gzip.compress(CSV, mtime=0), "in.gz: unknown extension"),
        ("in.csv.gz", gzip.compress(b"", mtime=0), "only empty lines"),
        ("in.csv.bz2", bz2.compress(CSV)[:500] + b"\0" * 99 + bz2.compress(CSV)[599:], "damaged bz2 data"),
    ],
)
def test_what_cannot_be_unpacked(command: Command, name: str, content: bytes, words: str) -> None:
    Path(name).write_bytes(content)
    one_line(command("scorer", "run", name, "-o", "out.csv"), name, words)
    assert sorted(path.name for path in Path().iterdir()) == [name]
