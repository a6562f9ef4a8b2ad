"""What must not stand in the tree: paths of one machine, addresses of registries, secrets, and money as a float."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import CODE, project_files, python_files, text_of, tree_of

# Put together, so that this file does not hold what it looks for.
_MACHINE_PATHS = tuple("/" + "/".join(parts) for parts in (("work", ""), ("root", ""), ("tmp", "bash_jobs")))
_REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("index", "crates", "io"),
    )
)
_INDEX_OPTIONS = re.compile(r"^\s*--(extra-)?index-" + r"url|^\s*--find-" + r"links", re.MULTILINE)
_SECRETS = re.compile(
    r"\bsk-(ant-|proj-)?[A-Za-z0-9_]{32,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE " + r"KEY-----"
)
_MONEY_FILES = (
    "ingest/money.py",
    "ingest/usage.py",
    "ingest/codec.py",
    "ingest/pricing/",
    "ingest/governance/",
    "ingest/events/",
    "streams/costing.py",
    "streams/charging.py",
    "streams/budgets/",
    "streams/agents/",
    "warehouse/rows.py",
    "warehouse/columns.py",
    "gateway_shim/holds.py",
    "gateway_shim/budget_state.py",
)
_MONEY_NAME = re.compile(r"(^|_)(usd|cost|price|amount|spent|limit_usd|rate_usd)$")

FILES = [path for path in project_files() if text_of(path)]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_of_one_machine_and_no_registry(path: Path) -> None:
    text = text_of(path)
    found = [name for name in (*_MACHINE_PATHS, *_REGISTRIES) if name in text]
    assert found == [], f"{path} works on one machine or one network only"
    assert not _INDEX_OPTIONS.search(text), f"{path} names a package index"
    assert not _SECRETS.search(text), f"{path} holds what looks like a secret"


def test_the_rules_for_money_have_files_to_hold_for() -> None:
    paths = [str(path) for path in project_files()]
    for name in _MONEY_FILES:
        assert any(path.startswith(name) for path in paths), f"{name} is gone: say where its duty went"


@pytest.mark.parametrize("path", [p for p in python_files(*CODE) if str(p).startswith(_MONEY_FILES)], ids=str)
def test_no_float_is_made_where_money_is(path: Path) -> None:
    made = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    assert made == [], f"{path}, lines {made}: money is Decimal; a float has already lost places"


@pytest.mark.parametrize("path", sorted(python_files(*CODE)), ids=str)
def test_nothing_that_is_named_like_money_is_a_float(path: Path) -> None:
    wrong = [
        f"{name} (line {line})"
        for name, kind, line in _annotated(tree_of(path))
        if _is_money_float(name, kind)
    ]
    assert wrong == [], f"{path}: money is Decimal"


def test_no_field_of_an_event_is_a_float() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path in python_files("ingest")
        if str(path).startswith("ingest/events/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name) and node.id == "float"
    ]
    assert wrong == []


def test_the_rules_find_what_they_look_for() -> None:
    tree = ast.parse(
        "def f(cost_usd: float | None, n: int) -> None:\n    spent: float = 0\n    wait_s: float = 0\n"
    )
    found = {name for name, kind, _ in _annotated(tree) if _is_money_float(name, kind)}
    assert found == {"cost_usd", "spent"}
    assert _SECRETS.search("sk-" + "a1" * 20)
    assert not _SECRETS.search("sk-spend-…")
    assert _INDEX_OPTIONS.search("--index-" + "url https://example.com")


def _annotated(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Names with their annotations, as text: parameters, fields and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, ast.unparse(node.annotation), node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, ast.unparse(node.annotation), node.lineno


def _is_money_float(name: str, kind: str) -> bool:
    return bool(_MONEY_NAME.search(name)) and re.search(r"\bfloat\b", kind) is not None
