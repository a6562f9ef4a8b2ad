"""The project's own files, as the architecture tests read them."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ingest", "streams", "warehouse", "dashboard", "gateway_shim")
CODE = (*PACKAGES, "bench")

_PREFIX = "SPENDSTREAM_"
_NAME = re.compile(rf"{_PREFIX}[A-Z][A-Z0-9_]*")
_PROVIDERS = ("OPENAI", "ANTHROPIC", "MISTRAL", "GEMINI", "AZURE", "BEDROCK", "<NAME>")


@lru_cache
def project_files() -> tuple[Path, ...]:
    """Everything that is or would be committed, relative to the root: what git tracks and what it does not ignore.

    A tree without git (an unpacked archive) is taken as it lies, without folders that begin with a dot.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = (
            subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        )
        found = [Path(name) for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        found = [path for path in found if not any(part.startswith(".") for part in path.parts[:-1])]
    return tuple(sorted(path for path in found if (ROOT / path).is_file()))


def python_files(*folders: str) -> Iterator[Path]:
    """Python files below `folders`, relative to the root."""
    return (path for path in project_files() if path.suffix == ".py" and path.parts[0] in folders)


@lru_cache
def text_of(path: Path) -> str:
    """The text of a file, given relative to the root; empty for what is no UTF-8."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""


@lru_cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text_of(path), filename=str(path))


def settings_in_code() -> set[str]:
    """Every `SPENDSTREAM_*` variable that the code of the packages names in a string that is no docstring.

    A name that ends in an underscore is the beginning of one for each provider (`SPENDSTREAM_UPSTREAM_OPENAI`).
    """
    names: set[str] = set()
    for path in python_files(*PACKAGES):
        for text in _strings(tree_of(path)):
            if _NAME.fullmatch(text):
                names |= {text + p for p in _PROVIDERS} if text.endswith("_") else {text}
    return names


def _strings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
