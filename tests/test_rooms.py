"""The house: who may import whom, and the map that names every file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("scorer", "trainer", "exporter")

# Each room may import those below it and itself; `files` may not know of texts or models.
ROOMS = {
    "cli": {"run", "report", "evaluation", "explaining", "scoring", "scores", "files", "model", "arrow", "system"}
    | {"errors"},
    "report": {"evaluation", "explaining", "scoring", "scores", "files", "model", "tokens", "arrow", "system"}
    | {"errors"},
    "run": {"scoring", "scores", "files", "model", "arrow", "tokens", "system", "errors"},
    "evaluation": {"scoring", "scores", "files", "arrow", "system", "errors"},
    "scoring": {"explaining", "scores", "tables", "model", "tokens", "arrow", "errors"},
    "explaining": {"scores", "model", "tokens", "arrow", "errors"},
    "tables": {"arrow", "errors"},
    "scores": {"arrow", "errors"},
    "files": {"arrow", "system", "errors"},
    "model": {"tokens", "arrow", "system", "errors"},
    "tokens": {"arrow", "errors"},
    "arrow": {"system", "errors"},
    "system": {"errors"},
    "errors": set(),
}
BETWEEN_PACKAGES = {
    "scorer": {"scorer"},
    "trainer": {"trainer", "scorer"},
    "exporter": {"exporter", "trainer", "scorer"},
}


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_of_scorer_imports_one_above(room: str) -> None:
    allowed = ROOMS[room] | {room}
    for path in files_of("scorer"):
        if room_of(module_of(path)) == room:
            used = {name: room_of(name) for name in imports_of(path)}
            wrong = [name for name, other in used.items() if other and other not in allowed]
            assert not wrong, f"{module_of(path)} imports {wrong}; {room} may import {sorted(ROOMS[room])}"


def test_every_file_of_scorer_has_a_room() -> None:
    rooms = {room_of(module_of(path)) for path in files_of("scorer")}
    assert rooms - {None, "__main__"} == set(ROOMS)


def room_of(module: str) -> str | None:
    package, _, rest = module.partition(".")
    return rest.split(".")[0] or None if package == "scorer" else None


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_one_above(package: str) -> None:
    for path in files_of(package):
        ours = {name.split(".")[0] for name in imports_of(path)} & set(PACKAGES)
        assert ours <= BETWEEN_PACKAGES[package], f"{module_of(path)} imports {ours - BETWEEN_PACKAGES[package]}"


@pytest.mark.parametrize("package", PACKAGES)
def test_there_is_no_circle(package: str) -> None:
    """Imports at the top of files only: those inside functions are for a quick start."""
    left = {module_of(path): set(top_imports(path)) for path in files_of(package)}
    while free := [name for name, needed in left.items() if not needed & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"these import each other in a circle: {', '.join(left)}"


def top_imports(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_nobody_imports_the_command_line_but_the_tools_themselves() -> None:
    for package in PACKAGES:
        for path in files_of(package):
            at_the_door = path.name in ("cli.py", "__main__.py") or "cli" in path.parts
            used = {name for name in imports_of(path) if name.startswith("scorer.cli")}
            assert at_the_door or not used, f"{module_of(path)} imports {used}"


def test_onnxruntime_has_one_door() -> None:
    """Imported from elsewhere first, it would report its use over the network."""
    for path in [path for folder in (*PACKAGES, "benchmarks", "tests") for path in files_of(folder)]:
        used = {name.split(".")[0] for name in imports_of(path)}
        assert "onnxruntime" not in used or module_of(path) == "scorer.model.runtime", path


def test_the_map_names_every_file() -> None:
    """CONTRIBUTING shows the tree with a few words for each file."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.search(r"<!-- map -->\n```\n(.*?)```", text, re.DOTALL)
    assert drawn, "CONTRIBUTING.md has no map"
    named = set(paths_in(drawn[1].splitlines()))
    doors = ("__init__.py", "__main__.py")
    there = {path.relative_to(ROOT) for package in PACKAGES for path in files_of(package) if path.name not in doors}
    assert named == there, f"missing: {sorted(map(str, there - named))}, gone: {sorted(map(str, named - there))}"


def paths_in(tree: list[str]) -> Iterator[Path]:
    """The Python files of a tree drawn by two spaces a level; a folder's name ends in a slash."""
    folders: list[str] = []
    for line in tree:
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name]
        if name.endswith(".py"):
            yield Path(*folders)
