"""Object stores and web servers, by a real S3 server and a real web server of this machine.

Those that need them are marked `remote`: pytest -m remote, with the extra `remote` and moto's server.
"""

import filecmp
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.files.places import shown
from scorer.system.installation import command_to_add
from tests.conftest import DATA, Command, one_line
from tests.hub_server import hub
from tests.object_store import KEYS, Site, Store, object_store, web_server
from tests.test_docs import run_page
from tests.writing import write_table

SECRETS = (*KEYS.values(), "SIGNATURE")


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(server: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A bucket with the project's reviews, the environment that leads to it, and no faults."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": server.url, "XDG_STATE_HOME": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    for name in ("reviews.parquet", "reviews.csv"):
        server.put(f"in/{name}", (DATA / name).read_bytes())
    server.requests.clear()
    yield server
    server.faults.clear()
    for key in server.keys("out/"):
        server.client.delete_object(Bucket="bucket", Key=key)


@given(st.text(alphabet="abc/.:@?#=&", max_size=20), st.text(alphabet="SECRT", min_size=5), st.booleans())
def test_no_secret_of_a_uri_is_shown(path: str, secret: str, before: bool) -> None:
    uri = f"https://user:{secret}@host/{path}" if before else f"https://host/{path}?sig={secret}"
    assert secret not in shown(uri)


@pytest.mark.parametrize(
    ("uri", "library"),
    [
        ("s3://b/a.csv", "s3fs"),
        ("gs://b/a.csv", "gcsfs"),
        ("az://b/a.csv", "adlfs"),
        ("https://h/a.csv?k=S", "aiohttp"),
    ],
)
def test_what_is_not_installed_is_named(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch, uri: str, library: str
) -> None:
    for name in (library, "fsspec.implementations.http"):
        monkeypatch.setitem(sys.modules, name, None)
    words = f"needs {library}; install it with: {command_to_add('remote')}"
    one_line(command("scorer", "run", uri, "-o", "out.csv"), shown(uri), words)
    result = command("scorer", "run", DATA / "reviews.csv", "-o", uri)
    one_line(result, "can be read, but not be written" if library == "aiohttp" else words)


def test_uris_that_cannot_be(command: Command, model: Path) -> None:
    one_line(command("scorer", "run", "ftp://host/a.csv", "-o", "out.csv"), "ftp:// is not known, only s3://, gs://")
    result = command("scorer", "run", "s3://key:SECRET@bucket/a.csv", "-o", "out.csv")
    one_line(result, "s3://bucket/a.csv: an address holds no credentials")
    assert "SECRET" not in result.err


@pytest.mark.remote
@pytest.mark.parametrize(("source", "ending"), [("parquet", "parquet"), ("csv", "parquet"), ("csv", "jsonl")])
def test_a_bucket_is_as_good_as_a_disk(command: Command, store: Store, source: str, ending: str) -> None:
    assert command("scorer", "run", DATA / f"reviews.{source}", "-o", f"here.{ending}").code == 0
    result = command(
        "scorer", "run", f"s3://bucket/in/reviews.{source}", "-o", f"s3://bucket/out/a.{ending}", "--verify", 9
    )
    assert (result.code, result.err) == (0, "")
    assert store.get(f"out/a.{ending}") == Path(f"here.{ending}").read_bytes()
    assert not list(Path("state/sentiment-scorer").iterdir())
    again = command("scorer", "run", f"s3://bucket/in/reviews.{source}", "-o", f"s3://bucket/out/a.{ending}")
    one_line(again, "exists already")
    assert (
        command(
            "scorer", "run", f"s3://bucket/in/reviews.{source}", "-o", f"s3://bucket/out/a.{ending}", "--force"
        ).code
        == 0
    )


@pytest.mark.remote
def test_failures_that_pass_are_not_noticed(command: Command, store: Store) -> None:
    """Every third answer is 503, a cut body or a closed connection, of reads as of writes."""
    asked = {"number": 0}

    def every_third(request: dict) -> tuple[str, bytes] | int | None:
        asked["number"] += 1
        if asked["number"] % 3:
            return None
        slow = (
            "503 Slow Down",
            b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
        )
        return 7 if request["REQUEST_METHOD"] == "GET" and asked["number"] % 2 else slow

    store.faults.append(every_third)
    result = command("scorer", "run", "s3://bucket/in/reviews.parquet", "-o", "s3://bucket/out/a.parquet")
    assert (result.code, result.err) == (0, "")
    assert asked["number"] > 9
    assert command("scorer", "run", DATA / "reviews.parquet", "-o", "here.parquet").code == 0
    assert store.get("out/a.parquet") == Path("here.parquet").read_bytes()


@pytest.mark.remote
def test_a_bucket_that_refuses_is_one_line_without_a_secret(command: Command, store: Store) -> None:
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    store.faults.append(lambda request: ("403 Forbidden", denied))
    result = command("scorer", "run", "s3://bucket/in/reviews.csv", "-o", "out.csv")
    one_line(result, "s3://bucket/in/reviews.csv: access is refused; look at the credentials")
    store.faults[:] = [lambda request: ("403 Forbidden", denied) if request["REQUEST_METHOD"] == "PUT" else None]
    refused = command("scorer", "run", DATA / "reviews.csv", "-o", "s3://bucket/out/a.csv")
    one_line(refused, "s3://bucket/out/a.csv: access is refused", "60 finished rows are kept")
    store.faults.clear()
    resumed = command("scorer", "run", DATA / "reviews.csv", "-o", "s3://bucket/out/a.csv")
    assert "60 resumed" in resumed.out
    one_line(command("scorer", "run", "s3://bucket/in/none.csv", "-o", "out.csv"), "in/none.csv: no such object")
    one_line(command("scorer", "run", "s3://bucket/in", "-o", "out.csv", "--format", "csv"), "is a folder")
    one_line(command("scorer", "run", "s3://none/a.csv", "-o", "out.csv"), "s3://none/a.csv: no such bucket")
    before = command("scorer", "run", DATA / "reviews.csv", "-o", "s3://none/a.csv")
    one_line(before, "s3://none/a.csv: no such bucket")
    assert "finished rows" not in before.err
    for result in (refused, resumed):
        assert not any(secret in result.out + result.err for secret in SECRETS)


@pytest.mark.remote
def test_an_object_that_changes_meanwhile(command: Command, store: Store) -> None:
    """It is replaced when its first block has been read: nothing of both is written."""
    rows = {"text": [f"good film {number}" for number in range(9)], "more": ["x" * 1_000_000] * 9}
    content = write_table(Path("large.csv"), rows).read_bytes()
    store.put("in/large.csv", content)

    def replaced(request: dict) -> None:
        if request.get("HTTP_RANGE", "").startswith("bytes=4194304"):
            store.faults.clear()
            store.put("in/large.csv", content.replace(b"good", b"poor"))

    store.faults.append(replaced)
    result = command("scorer", "run", "s3://bucket/in/large.csv", "-o", "out.csv")
    one_line(result, "s3://bucket/in/large.csv: was replaced while it was read")
    assert not Path("out.csv").exists()


@pytest.mark.remote
def test_killed_and_resumed_by_etag(command: Command, store: Store, tmp_path: Path) -> None:
    """A large output is uploaded in parts, which nobody sees before the last; a run that is killed then goes on."""
    rows = {"text": [f"good film {number}" for number in range(35)], "more": ["x" * 1_000_000] * 35}
    content = write_table(Path("large.csv"), rows).read_bytes()
    store.put("in/large.csv", content)
    killed = threading.Event()
    arguments = ("run", "s3://bucket/in/large.csv", "-o", "s3://bucket/out/large.csv", "--keep-every", "0")

    def stopped(request: dict) -> None:
        if "partNumber=2" in request["QUERY_STRING"]:
            killed.wait()

    store.faults.append(stopped)
    process = subprocess.Popen([sys.executable, "-m", "scorer", *arguments], stdout=subprocess.DEVNULL)
    while not any("partNumber=2" in request for request in store.requests):
        assert process.poll() is None
        time.sleep(0.02)
    assert store.keys("out/") == []
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed.set()
    store.faults.clear()
    assert store.keys("out/") == []
    store.put("in/large.csv", content.replace(b"good", b"poor"))
    one_line(command("scorer", *arguments), "input's etag", "--restart")
    store.put("in/large.csv", content)
    assert "35 resumed" in command("scorer", *arguments).out
    assert command("scorer", "run", "large.csv", "-o", "here.csv").code == 0
    (tmp_path / "there.csv").write_bytes(store.get("out/large.csv"))
    assert filecmp.cmp("here.csv", tmp_path / "there.csv", shallow=False)


@pytest.mark.remote
def test_killed_after_the_upload(command: Command, store: Store, tmp_path: Path) -> None:
    """The object is there and whole, only the cleaning up was cut off: the same command says so."""
    arguments = ("run", "s3://bucket/in/reviews.csv", "-o", "s3://bucket/out/a.csv", "--keep-every", "0")
    program = (
        "import os, sys; from scorer.cli.app import main; from scorer.files.remote import RemoteOutput as output\n"
        "output.discard = lambda self: self._finished.exists() and os._exit(9)\n"
        f"sys.argv = ['scorer', *{arguments!r}]; main()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert store.keys("out/") == ["out/a.csv"]
    assert "60 resumed" in command("scorer", *arguments).out
    assert not list((tmp_path / "state/sentiment-scorer").iterdir())


@pytest.mark.remote
def test_a_store_is_asked_little_of_a_folder(command: Command, store: Store) -> None:
    """Listings tell the planner of all objects; a small one is fetched once. And the same command goes on."""
    for number in range(12):
        store.put(f"many/{number:02}.csv", b"text\ngood film\nbad\n" if number != 7 else b'text\n"good\n')
    store.requests.clear()
    run = ("scorer", "run", "s3://bucket/many/", "-o", "s3://bucket/out/", "--json")
    one_line(command(*run), "s3://bucket/many/07.csv: ")
    before = next(place for place, request in enumerate(store.requests) if ".csv" in request)
    assert before < 10, store.requests
    for number in range(6):
        assert len([one for one in store.requests if f"GET /bucket/many/{number:02}.csv" in one]) == 1
        assert len([one for one in store.requests if f"{number:02}.csv" in one]) <= 8
    store.put("many/07.csv", b"text\ngood\n")
    summary = json.loads(command(*run).out)
    assert 0 < summary["resumed"] < summary["rows"] == 23
    assert store.keys("out/") == [f"out/{number:02}.csv" for number in range(12)]
    one_line(command(*run), "s3://bucket/out/00.csv: exists already")
    one_line(command(*run[:-2], "s3://none/out/"), "s3://none/out/: no such bucket")


@pytest.mark.remote
def test_an_address_that_does_not_answer(model: Path, tmp_path: Path) -> None:
    environment = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    for uri in ("s3://bucket/a.csv", "http://127.0.0.1:9/a.csv?k=SIGNATURE"):
        result = subprocess.run(
            [sys.executable, "-m", "scorer", "run", uri, "-o", "out.csv"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert "connect" in line
        assert not any(secret in line for secret in SECRETS)


@pytest.fixture
def site(model: Path) -> Iterator[Site]:
    with web_server((DATA / "reviews.parquet").read_bytes()) as site:
        yield site


@pytest.mark.remote
def test_a_web_server(command: Command, site: Site) -> None:
    """Whole or by ranges; answers of 503 pass; signatures stay secret."""
    assert command("scorer", "run", DATA / "reviews.parquet", "-o", "here.parquet").code == 0
    site.failures = 3
    result = command("scorer", "run", f"{site.url}/reviews.parquet?k=SIGNATURE", "-o", "there.parquet")
    assert (result.code, result.err) == (0, "")
    assert Path("here.parquet").read_bytes() == Path("there.parquet").read_bytes()
    site.ranges = False
    assert command("scorer", "run", f"{site.url}/reviews.parquet", "-o", "small.parquet").code == 0
    site.content = write_table(Path("large.parquet"), {"text": ["good"], "more": [os.urandom(2 << 20)]}).read_bytes()
    result = command("scorer", "run", f"{site.url}/reviews.parquet?k=SIGNATURE", "-o", "more.parquet")
    one_line(result, f"{site.url}/reviews.parquet: the server sends it only as a whole; download it first")
    site.content = (DATA / "reviews.csv").read_bytes()
    assert command("scorer", "run", f"{site.url}/reviews.csv", "-o", "more.csv").code == 0
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "here.csv").code == 0
    assert Path("here.csv").read_bytes() == Path("more.csv").read_bytes()
    for status, words in {403: "access is refused", 404: "no such object", 418: "does not answer as it should"}.items():
        site.status = status
        result = command("scorer", "run", f"{site.url}/reviews.parquet?k=SIGNATURE", "-o", "other.parquet")
        one_line(result, f"{site.url}/reviews.parquet: ", words)
        assert "SIGNATURE" not in result.out + result.err


@pytest.mark.remote
def test_the_commands_of_the_page_run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reviews = (DATA / "reviews.parquet").read_bytes()
    for bucket in ("reviews", "scored"):
        store.client.create_bucket(Bucket=bucket)
    store.client.put_object(Bucket="reviews", Key="2024-01.parquet", Body=reviews)
    with hub() as huggingface, web_server((DATA / "reviews.csv").read_bytes()) as site:
        huggingface.commit("stanfordnlp/imdb", {"plain_text/test-00000-of-00001.parquet": reviews})
        monkeypatch.setenv("HF_ENDPOINT", huggingface.url)
        said = run_page("STORES.md", tmp_path, {"https://example.com": site.url})
    assert said.count("60 rows") == 3
    assert (tmp_path / "imdb.parquet").exists()
