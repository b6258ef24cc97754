"""CSV files made and scored, as tests of CSV do it again and again."""

import csv
import io
from pathlib import Path

from tests.conftest import Command, Result

NEW = ["sentiment_probability", "sentiment"]
BACKSLASH = "\\"
csv.field_size_limit(1 << 30)


def run(
    command: Command, content: str | bytes, *arguments: object, name: str = "in.csv", to: str = "out.csv"
) -> Result:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return command("scorer", "run", name, "-o", to, "--force", *arguments)


def rows(path: str = "out.csv", **spelling: str) -> list[list[str]]:
    """Names and values of a CSV output, without its two last columns."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [row[: -len(NEW)] for row in csv.reader(file, **spelling)]


def scored(command: Command, content: str | bytes, *arguments: object, name: str = "in.csv") -> list[list[str]]:
    result = run(command, content, *arguments, name=name)
    assert result.code == 0, result.err
    return rows()


def written(table: list[list[str]], **spelling: object) -> str:
    file = io.StringIO()
    csv.writer(file, **spelling).writerows(table)
    return file.getvalue()
