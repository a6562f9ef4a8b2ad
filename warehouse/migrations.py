"""Bring the tables up to date: numbered SQL files, forward only, each applied once and then never edited.

What was applied stands in the table `schema_migrations` with the file's SHA-256. There is no lock: ClickHouse has none
without Keeper. Every migration is therefore written so that running it again changes nothing (`IF NOT EXISTS` and the
like; a test runs each twice), and several processes that start at once may run the same one side by side.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.clock import Clock, SystemClock
from warehouse.client import Client
from warehouse.columns import Table
from warehouse.errors import InvalidMigration, SchemaMissing, WarehouseRefused, WarehouseUnavailable

SCHEMA_FOLDER = Path(__file__).parent / "schema"
_FILE = re.compile(r"(?P<number>\d{3})_(?P<name>[a-z0-9_]+)\.sql")
_TABLE = Table("schema_migrations", (("number", "UInt32"), ("name", "String"), ("checksum", "String")))
_DDL = """CREATE TABLE IF NOT EXISTS schema_migrations
(number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY number"""
# Two processes that create one thing in the same instant: one of them may be told that it exists, or is half there.
_RACES = frozenset({57, 82, 341, 218})
_ATTEMPTS = 5
_RETRY_S = 0.1


@dataclass(frozen=True)
class Migration:
    """One file: `001_calls_raw.sql`."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """One by one, as the HTTP interface takes them. A statement ends with a line that ends in `;`."""
        found, lines = [], list[str]()
        for line in self.sql.splitlines():
            if line.lstrip().startswith("--"):
                continue
            lines.append(line)
            if line.rstrip().endswith(";"):
                found.append("\n".join(lines).strip().rstrip(";"))
                lines = []
        if "".join(lines).strip():
            raise InvalidMigration(f"{self.number:03d}_{self.name}.sql does not end with a semicolon")
        return [statement for statement in found if statement]


def read_migrations(folder: Path = SCHEMA_FOLDER) -> list[Migration]:
    """All of them in order. Raises InvalidMigration when a name is malformed or the numbers are not 1, 2, 3, …"""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise InvalidMigration(f"{path.name} is not named like 001_what_it_does.sql")
        found.append(Migration(int(match["number"]), match["name"], path.read_text()))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise InvalidMigration(
            f"the numbers of the migrations in {folder.name}/ are not 1, 2, 3, … without a gap"
        )
    return found


def migrate(client: Client, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """Create the database and apply what is missing, in order; returns what this call applied.

    Raises InvalidMigration, before anything is changed, when an applied file was edited since, or the database was
    migrated by a newer version. May run in several processes at once.
    """
    wanted = read_migrations() if migrations is None else migrations
    if not _has_database(client):
        _run(client, f"CREATE DATABASE IF NOT EXISTS `{client.database}`", in_database=False)
    _run(client, _DDL)
    missing = pending(_applied(client), wanted)
    for migration in missing:
        for statement in migration.statements:
            _run(client, statement)
        client.insert(_TABLE, [[migration.number], [migration.name], [migration.checksum]])
    return missing


def pending(applied: dict[int, str], wanted: Sequence[Migration]) -> list[Migration]:
    """What of `wanted` is not in `applied` (number -> checksum). Pure; raises InvalidMigration on a contradiction."""
    by_number = {migration.number: migration for migration in wanted}
    for number, checksum in sorted(applied.items()):
        migration = by_number.get(number)
        if migration is None:
            raise InvalidMigration(
                f"the warehouse has migration {number:03d}, this version of Spendstream knows only"
                f" {max(by_number, default=0):03d}: run the newer version"
            )
        if migration.checksum != checksum:
            raise InvalidMigration(
                f"{number:03d}_{migration.name}.sql was edited after it was applied; put it back and write a new one"
            )
    missing = [migration for migration in wanted if migration.number not in applied]
    newest = max(applied, default=0)
    for migration in missing:
        if migration.number < newest:
            raise InvalidMigration(
                f"{migration.number:03d}_{migration.name}.sql was never applied, but {newest:03d} was: it comes too late"
            )
    return missing


def wait_for_schema(
    client: Client,
    timeout_s: float = 60.0,
    *,
    clock: Clock | None = None,
    on_wait: Callable[[], None] | None = None,
) -> None:
    """Return once another process has applied every migration that this version knows. Blocks.

    `on_wait` is called once if they are not there at first. Raises WarehouseUnavailable after `timeout_s` seconds.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout_s
    wanted = read_migrations()
    while True:
        try:
            missing = pending(_applied(client), wanted)
        except SchemaMissing:
            missing = wanted
        if not missing:
            return
        if clock.monotonic() >= deadline:
            raise WarehouseUnavailable(
                f"{len(missing)} of {len(wanted)} migrations were not applied within {timeout_s:g} seconds;"
                " `spendstream migrate` applies them"
            )
        if on_wait is not None:
            on_wait()
            on_wait = None
        time.sleep(_RETRY_S)


def _has_database(client: Client) -> bool:
    """Asked first, since a user of a server of one's own may use a database without the right to create any."""
    try:
        client.rows("SELECT 1")
    except SchemaMissing:
        return False
    return True


def _applied(client: Client) -> dict[int, str]:
    return dict(client.rows("SELECT number, checksum FROM schema_migrations FINAL"))


def _run(client: Client, sql: str, *, in_database: bool = True) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            client.execute(sql, in_database=in_database)
            return
        except WarehouseRefused as reason:
            if reason.code not in _RACES or attempt == _ATTEMPTS:
                raise
        except SchemaMissing:
            if attempt == _ATTEMPTS:
                raise
        time.sleep(_RETRY_S)
