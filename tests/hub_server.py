"""A local stand-in for the Hugging Face hub: the part of its protocol by which models are pushed and fetched.

It was written after what huggingface_hub asks for, and is no hub: it takes any name, one branch, and one token. Large
files come by git LFS, as the library sends them where its own transfer, Xet, is switched off.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

TOKEN = "hf_token_of_the_stand_in"
Files = dict[str, bytes]
_REPOSITORY = r"/api/(?:models|datasets)/([^/]+/[^/]+)(?:/revision/main)?"


@dataclass
class Hub:
    """The server: what it holds, and what it was asked for."""

    url: str = ""
    commits: dict[str, list[tuple[str, Files]]] = field(default_factory=dict)
    """Of each repository its commits, the first one first."""
    tags: dict[str, str] = field(default_factory=dict)
    """Of a commit another name."""
    private: set[str] = field(default_factory=set)
    objects: Files = field(default_factory=dict)
    """Large files by their sha256."""
    requests: list[str] = field(default_factory=list)
    read_only: bool = False
    """The token may not write."""

    def commit(self, repository: str, files: Files) -> str:
        """Put `files` upon what is there; the name of the commit."""
        before = self.commits.setdefault(repository, [])
        name = hashlib.sha1(f"{repository}{len(before)}".encode()).hexdigest()
        before.append((name, {**(before[-1][1] if before else {}), **files}))
        return name

    def files(self, repository: str, revision: str = "main") -> tuple[str, Files] | None:
        """The commit that a revision means, and its files."""
        commits, commit = self.commits.get(repository, []), self.tags.get(revision, revision)
        found = [one for one in commits if commit == "main" or one[0].startswith(commit)]
        return found[-1] if found else None


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub without a model."""
    there = Hub()

    class Handler(_Handler):
        hub = there

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        if found := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path):
            self._file(*map(unquote, found.groups()))
        elif (found := re.fullmatch(_REPOSITORY, self.path)) and found[1] in self.hub.commits:
            commit, files = self.hub.files(found[1]) or ("", {})
            self._json({"id": found[1], "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/main/([^?]+)\?.*", self.path):
            _, files = self.hub.files(found[1]) or ("", Files())
            self._json([_facts(name, files[name]) for name in files if name.startswith(f"{found[2]}/")])
        else:
            self._refuse(404, "RepoNotFound")

    def do_PUT(self) -> None:
        content = self._body()
        self.hub.objects[hashlib.sha256(content).hexdigest()] = content
        self._json({})

    def do_POST(self) -> None:
        self.hub.requests.append(f"POST {self.path}")
        body, path = self._body(), self.path.partition("?")[0]
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif not self._knows():
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif self.hub.read_only:
            self._refuse(403, "", "You don't have the rights to create a model under this namespace")
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked.get("visibility") == "private":
                self.hub.private.add(name)
            self.hub.commits.setdefault(name, [])
            self._json({"url": f"{self.hub.url}/{name}"})
        elif path.endswith("/info/lfs/objects/batch"):
            asked = json.loads(body)["objects"]
            there = {one["oid"]: {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}} for one in asked}
            self._json({"transfer": "basic", "objects": [{**one, "actions": there[one["oid"]]} for one in asked]})
        elif "/preupload/" in path:
            self._json({"files": [_upload_mode(one["path"]) for one in json.loads(body)["files"]]})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            self._commit(found[1], body)
        else:
            self._refuse(404, "")

    def _commit(self, repository: str, body: bytes) -> None:
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        name = self.hub.commit(repository, files)
        self._json({"commitUrl": f"{self.hub.url}/{repository}/commit/{name}", "commitOid": name})

    def _file(self, repository: str, revision: str, path: str) -> None:
        if repository not in self.hub.commits or (repository in self.hub.private and not self._knows()):
            self._refuse(401, "RepoNotFound")
        elif not (found := self.hub.files(repository, revision)):
            self._refuse(404, "RevisionNotFound")
        elif path not in found[1]:
            self._refuse(404, "EntryNotFound")
        else:
            etag = hashlib.sha256(found[1][path]).hexdigest()
            self._send(200, found[1][path], {"X-Repo-Commit": found[0], "ETag": f'"{etag}"'})

    def _knows(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _facts(path: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


def _upload_mode(path: str) -> dict[str, object]:
    return {"path": path, "uploadMode": "lfs" if path.endswith(".onnx") else "regular", "shouldIgnore": False}
