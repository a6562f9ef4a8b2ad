"""One step a file: no file over 350 lines, no function over 60, and every module says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source import CODE, python_files, text_of, tree_of

MOST_LINES = 350
MOST_FUNCTION_LINES = 60
ALL = sorted(python_files(*CODE, "tests"))


def test_there_is_code_to_check() -> None:
    assert len(ALL) > 100


@pytest.mark.parametrize("path", ALL, ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    lines = len(text_of(path).splitlines())
    assert lines <= MOST_LINES, f"{path} has {lines} lines; split it by step ({MOST_LINES} at most)"
    long = [
        f"{node.name}: {length} lines"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]
    assert long == [], f"{path}: a function has at most {MOST_FUNCTION_LINES} lines"


@pytest.mark.parametrize("path", [path for path in ALL if path.parts[0] in CODE], ids=str)
def test_every_module_says_what_it_is(path: Path) -> None:
    told = ast.get_docstring(tree_of(path))
    assert told, f"{path} has no module docstring"
    assert len(told) >= 10, f"{path}: {told!r} says nothing"
