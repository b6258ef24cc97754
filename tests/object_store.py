"""A real S3 server in this process (moto's), which fails when it is told to, and a web server of one file."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEYS = {
    "AWS_ACCESS_KEY_ID": "an-access-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key",
    "AWS_DEFAULT_REGION": "us-east-1",
}
Fault = Callable[[dict[str, Any]], tuple[str, bytes] | int | None]
"""From a request to the answer that it gets instead of its own, to the bytes after which its own is cut, or to None."""


@dataclass
class Store:
    """The server, its client, and what goes wrong."""

    url: str
    client: Any
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket="bucket", Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket="bucket", Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket="bucket", Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]


@contextmanager
def object_store() -> Iterator[Store]:
    """A server with one bucket, called `bucket`."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel("ERROR")
    backend = DomainDispatcherApplication(create_backend_app)

    def answer(request: dict[str, Any], start: Callable[..., Any]) -> Any:
        store.requests.append(f"{request['REQUEST_METHOD']} {request['PATH_INFO']}?{request['QUERY_STRING']}")
        for fault in store.faults:
            instead = fault(request)
            if isinstance(instead, tuple):
                start(instead[0], [("Content-Type", "application/xml"), ("Content-Length", str(len(instead[1])))])
                return [instead[1]]
            if instead is not None:
                return [b"".join(backend(request, start))[:instead]]
        return backend(request, start)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
    store = Store(url, client)
    client.create_bucket(Bucket="bucket")
    try:
        yield store
    finally:
        server.shutdown()


@dataclass
class Site:
    """A web server: what it sends, and how."""

    content: bytes
    ranges: bool = True
    failures: int = 0
    """Answers of 503 that are still to come."""
    status: int = 200
    url: str = ""


@contextmanager
def web_server(content: bytes) -> Iterator[Site]:
    """A server whose every file is `content`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            if site.failures:
                site.failures -= 1
                self.send_error(503)
                return
            if site.status != 200:
                self.send_error(site.status)
                return
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "") if site.ranges else None
            body = site.content[int(asked[1]) : int(asked[2]) + 1] if asked else site.content
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hash(site.content)}"')
            if site.ranges:
                self.send_header("Accept-Ranges", "bytes")
            if asked:
                self.send_header(
                    "Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(body) - 1}/{len(site.content)}"
                )
            self.end_headers()
            if with_body:
                with suppress(ConnectionError):  # whoever asked has seen enough
                    self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = Site(content, url=f"http://127.0.0.1:{server.server_port}")
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
