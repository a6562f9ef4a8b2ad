"""The layout is fixed: five packages, each run by `python -m NAME`, one place for each duty."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import CODE, PACKAGES, project_files, python_files, tree_of

FOLDERS = {*PACKAGES, "tests", "bench", "docs"}
FILES = {
    "pyproject.toml",
    "README.md",
    "docker-compose.yml",
    "Makefile",
    "Procfile",
    "LICENSE",
    "CHANGELOG.md",
}
PATTERNS = (".*", "requirements*.lock")

HOMES = {
    "aiokafka": ("ingest/kafka/",),
    "faust": ("streams/",),
    "mode": ("streams/",),
    "clickhouse_connect": ("warehouse/",),
    "chdb": ("warehouse/embedded/",),
    "dash": ("dashboard/",),
    "plotly": ("dashboard/",),
    "fastapi": ("gateway_shim/",),
}
"""Driver -> the only folders that import it."""


def test_the_top_level_is_the_fixed_one() -> None:
    folders = {path.parts[0] for path in project_files() if len(path.parts) > 1}
    files = {path.parts[0] for path in project_files() if len(path.parts) == 1}
    strange = [name for name in folders - FOLDERS if not name.startswith(".")]
    strange += [name for name in files - FILES if not any(fnmatch.fnmatch(name, p) for p in PATTERNS)]
    assert strange == [], "the top level is fixed: put this into one of the packages"
    assert files >= FILES


def test_there_are_five_packages_and_each_is_run_by_its_name() -> None:
    packages = {
        path.parts[0] for path in project_files() if path.name == "__init__.py" and len(path.parts) == 2
    }
    assert packages - {"tests", "bench"} == set(PACKAGES)
    for package in PACKAGES:
        assert Path(package, "__main__.py") in project_files()


def test_package_files_import_nothing() -> None:
    importing = [
        str(path)
        for path in python_files(*CODE, "tests")
        if path.name == "__init__.py"
        and any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree_of(path)))
    ]
    assert importing == [], "an __init__ holds a docstring only: its imports would run for every neighbour"


def test_each_driver_has_one_home() -> None:
    astray = [
        f"{path} imports {module}"
        for path in python_files(*PACKAGES)
        for module in _imported(tree_of(path))
        if (homes := HOMES.get(module.partition(".")[0])) and not str(path).startswith(homes)
    ]
    assert astray == []


def test_only_composition_roots_read_the_environment() -> None:
    readers = {
        path
        for path in python_files(*PACKAGES)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and any(name.name == "process_environ" for name in node.names)
    }
    assert {path.name for path in readers} == {"__main__.py"}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
