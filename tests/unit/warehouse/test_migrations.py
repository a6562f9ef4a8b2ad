from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.errors import InvalidMigration
from warehouse.migrations import Migration, pending, read_migrations

ONE = Migration(1, "one", "CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = Memory;\n")
TWO = Migration(2, "two", "SELECT 2;\n")
THREE = Migration(3, "three", "SELECT 3;\n")


def done(*migrations: Migration) -> dict[int, str]:
    return {migration.number: migration.checksum for migration in migrations}


def test_what_was_not_applied_is_pending_in_order() -> None:
    assert pending({}, [ONE, TWO]) == [ONE, TWO]
    assert pending(done(ONE), [ONE, TWO, THREE]) == [TWO, THREE]
    assert pending(done(ONE, TWO), [ONE, TWO]) == []


def test_a_file_that_was_edited_after_it_was_applied_is_refused() -> None:
    edited = Migration(1, "one", ONE.sql + "-- just a word\n")
    with pytest.raises(InvalidMigration, match=r"001_one\.sql was edited after it was applied"):
        pending(done(ONE), [edited, TWO])


def test_a_database_of_a_newer_version_is_refused() -> None:
    with pytest.raises(
        InvalidMigration, match="has migration 003, this version of Spendstream knows only 002"
    ):
        pending(done(ONE, TWO, THREE), [ONE, TWO])


def test_a_migration_that_comes_too_late_is_refused() -> None:
    with pytest.raises(InvalidMigration, match=r"001_one\.sql was never applied, but 002 was"):
        pending(done(TWO), [ONE, TWO])


def test_a_file_is_cut_into_statements_without_its_comments() -> None:
    sql = "-- why; because\nCREATE TABLE a\n(\n    x String DEFAULT ';'  -- a; b\n);\n\n-- then\nSELECT 1;\n"
    assert Migration(1, "x", sql).statements == [
        "CREATE TABLE a\n(\n    x String DEFAULT ';'  -- a; b\n)",
        "SELECT 1",
    ]


def test_a_statement_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidMigration, match="does not end with a semicolon"):
        _ = Migration(1, "x", "SELECT 1;\nSELECT 2\n").statements


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["001_a.sql", "003_c.sql"], "without a gap"),
        (["002_b.sql"], "without a gap"),
        (["1_a.sql"], "is not named like"),
        (["001_A.sql"], "is not named like"),
        (["001_a.sql", "001_b.sql"], "without a gap"),
    ],
)
def test_files_are_numbered_without_gaps(tmp_path: Path, names: list[str], reason: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;\n")
    with pytest.raises(InvalidMigration, match=reason):
        read_migrations(tmp_path)


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: migration.name)
def test_each_of_ours_says_why_does_one_thing_and_may_be_run_again(migration: Migration) -> None:
    assert migration.sql.startswith("-- ")
    assert len(migration.statements) == 1
    (statement,) = migration.statements
    assert "IF NOT EXISTS" in statement or "OR REPLACE" in statement or "IF EXISTS" in statement
    assert "spendstream." not in statement, "the database's name comes from the URL"
