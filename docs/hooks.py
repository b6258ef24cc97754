"""What the site is made of beside `docs/`: the README and its neighbours; references from parsers and docstrings."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
_PAGES = {"index.md": "README.md"} | {f"{name}.md": f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")}
_API = """# Python

::: scorer.scoring.Scorer

::: scorer.scores.ScoreColumns

::: scorer.errors
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in `docs/`."""
    made = {name: (ROOT / source).read_text(encoding="utf-8") for name, source in _PAGES.items()}
    made["COMMANDS.md"] = "\n".join(["# Commands\n", *commands()])
    made["API.md"] = _API
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links between the README's folder and `docs/` lead to the same place on the site."""
    return re.sub(r"\]\((?:\.\./|docs/)+", "](", markdown).replace("](README.md", "](index.md")


def commands() -> Iterator[str]:
    """The help of every command of all three tools, as it is printed."""
    for tool in ("scorer", "trainer", "exporter"):
        overview = _help(tool)
        yield f"## {tool}\n\n```text\n{overview}```\n"
        listed = overview.partition("Commands:\n")[2].partition("\n\n")[0]
        for name in re.findall(r"^    ?([a-z-]+)(?=  |$)", listed, re.MULTILINE):
            yield f"### {tool} {name}\n\n```text\n{_help(tool, name)}```\n"


def _help(tool: str, *command: str) -> str:
    run = [sys.executable, "-m", tool, *command, "--help"]
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
