"""What the embedded warehouse refuses, and that it refuses nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.guard import REFUSED_FUNCTIONS, SAFE_TABLE_FUNCTIONS, refuse, refuse_database
from warehouse.embedded.statements import read_statement

SCHEMA = Path(__file__).resolve().parents[3] / "warehouse" / "schema"

HIDDEN = b"a String DEFAULT file('/etc/passwd')"

ATTACKS = [
    "SELECT file('/etc/passwd')",
    "SELECT FILE/* */\n('x')",
    "SELECT `file`('/etc/passwd')",
    'SELECT "fil\\x65"(\'/etc/passwd\')',
    "SELECT “file”('/etc/passwd')",
    "SELECT file\u00a0('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap((file), ['/etc/passwd'])",
    "SELECT arrayMap(file AS f, ['/etc/passwd'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
    "SELECT * FROM format(JSONEachRow, 'a String, b String DEFAULT file(''/etc/passwd'')', '{}')",
    "SELECT * FROM format(CSV, 'a String DEFAULT \\x66ile(\\'/etc/passwd\\')', '')",
    f"SELECT * FROM format(CSV, x'{HIDDEN.hex()}', '')",
    "SELECT * FROM format(CSV, $$a String DEFAULT file('x')$$, '')",
    "SELECT * FROM eval('SELECT 1')",
    "INSERT INTO t VALUES (file('/etc/passwd'))",
    "INSERT INTO t VALUES (1, arrayMap(file, ['x']))",
    'INSERT INTO t VALUES ("fil\\x65"(\'x\'))',
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE VIEW v AS SELECT * FROM url('http://127.0.0.1:1/')",
    "SELECT * FROM s3('http://127.0.0.1:1/')",
    "SELECT * FROM remote('127.0.0.1:9000', 'a.b')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM python(frame)",
    "SELECT * FROM arrowstream('1')",
    "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
    "DESCRIBE TABLE file('/etc/passwd')",
    "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
    "INSERT INTO TABLE FUNCTION file('/tmp/x', 'CSV', 'a Int8') FORMAT CSV\n1",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 INTO /**/ outfile '/tmp/x' FORMAT CSV",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
    "CREATE TABLE t (a Int8) ENGINE = Kafka('h:1', 't', 'g', 'CSV')",
    "CREATE TABLE t (a Int8) ENGINE Kafka SETTINGS kafka_broker_list = 'h:1'",
    "CREATE TABLE t (a Int8) ENGINE = `Kafka`('h:1', 't', 'g', 'CSV')",
    "CREATE OR REPLACE TABLE t (a Int8) ENGINE = RabbitMQ",
    "CREATE TEMPORARY TABLE t (a Int8) ENGINE = NATS",
    "CREATE MATERIALIZED VIEW v ENGINE = S3Queue('http://h/') AS SELECT 1",
    "ATTACH TABLE t (a Int8) ENGINE = MySQL('h', 'd', 't', 'u', 'p')",
    "CREATE TABLE t (a Int8) ENGINE = ReplicatedMergeTree('/t', 'r') ORDER BY a",
    "CREATE TABLE t (a Int8) ENGINE = Executable('id', 'CSV')",
    "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/tmp/x/')",
    "CREATE DATABASE d ENGINE = PostgreSQL('h:1', 'd', 'u', 'p')",
    "CREATE DATABASE d ENGINE = Filesystem('/etc')",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT())",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'CSV')) LAYOUT(FLAT())",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(CLICKHOUSE(QUERY 'SELECT file(''x'')')) LAYOUT(FLAT())",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(CLICKHOUSE(TABLE 't' WHERE 'file(''x'') = 1')) LAYOUT(FLAT())",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(CLICKHOUSE(HOST '10.0.0.1' TABLE 't')) LAYOUT(FLAT())",
    "SELECT * FROM default.t",
    "SELECT * FROM `default`.`/etc/passwd`",
    "USE default",
]  # fmt: skip

HARMLESS = [
    "SELECT 1",
    "SELECT file, path FROM t",
    "SELECT t.file, count(t.file), arrayMap(x -> length(x), t.files) FROM t WHERE file = 'x'",
    "SELECT 'call file(x) or url(y)', 'the default file' FROM t WHERE note LIKE '%select a file%'",
    "SELECT {file:String}, count() AS file FROM t",
    "SELECT count() FROM t WHERE url != '' AND s3 IN (1, 2) -- file('x')",
    "SELECT * FROM values('a Int8, b String DEFAULT ''x''', (1, 'y'))",
    "SELECT * FROM numbers(3), merge('spendstream', '^calls'), dictionary('d')",
    "SELECT engine, name FROM system.tables WHERE engine = 'Kafka' AND database = 'default'",
    "SELECT x.default, coalesce(default, 1) FROM x",
    "INSERT INTO t (file, url) VALUES ('file(1)', 'url(2)')",
    "INSERT INTO url (a) VALUES (1)",
    "INSERT INTO t (file) FORMAT CSV\nfile('/etc/passwd')",
    "CREATE TABLE file (engine String, default String, file String DEFAULT '.5' ) ENGINE = MergeTree ORDER BY tuple()",
    "CREATE TABLE IF NOT EXISTS url (x Decimal(38, 12) DEFAULT .5) ENGINE ReplacingMergeTree(x) ORDER BY x",
    "CREATE MATERIALIZED VIEW v ENGINE = SummingMergeTree ORDER BY e AS SELECT engine AS e FROM t",
    "CREATE VIEW v AS SELECT engine e FROM system.tables",
    "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(CLICKHOUSE(HOST 'localhost' TABLE 't')) LAYOUT(FLAT())",
    "CREATE DATABASE d ENGINE = Atomic",
    "ALTER TABLE t ADD COLUMN file String DEFAULT 'file('",
    "DROP TABLE file",
]


@pytest.mark.parametrize("sql", ATTACKS)
def test_what_leaves_the_store_is_refused(sql: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        refuse(read_statement(sql.encode()))
    assert (caught.value.code, caught.value.status) == (497, 403)
    assert str(caught.value).startswith("Code: 497. DB::Exception: ")
    assert str(caught.value).endswith(" (ACCESS_DENIED)")


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_stays_inside_passes(sql: str) -> None:
    refuse(read_statement(sql.encode()))


def test_a_string_that_reads_like_sql_is_refused_and_may_come_as_a_parameter() -> None:
    with pytest.raises(ClickHouseError, match="as a parameter"):
        refuse(read_statement(b"SELECT 'by default file (1)'"))
    refuse(read_statement(b"SELECT {text:String}"))


def test_several_statements_are_a_syntax_error() -> None:
    with pytest.raises(ClickHouseError, match=r"Code: 62.*one statement a request"):
        refuse(read_statement(b"SELECT 1; DROP TABLE calls"))


def test_the_error_says_what_to_use_instead() -> None:
    with pytest.raises(ClickHouseError, match="`default` does not exist here, use `spendstream`"):
        refuse_database("default")
    with pytest.raises(ClickHouseError, match=r"ENGINE = Kafka is not allowed.*MergeTree family"):
        refuse(read_statement(b"CREATE TABLE t (a Int8) ENGINE = Kafka"))


def test_a_function_is_either_safe_or_refused() -> None:
    assert not SAFE_TABLE_FUNCTIONS & REFUSED_FUNCTIONS
    assert all(name == name.lower() for name in SAFE_TABLE_FUNCTIONS | REFUSED_FUNCTIONS)


@pytest.mark.parametrize("path", sorted(SCHEMA.glob("*.sql")), ids=lambda path: path.name)
def test_our_own_schema_passes(path: Path) -> None:
    for statement in path.read_text(encoding="utf-8").split(";\n"):
        refuse(read_statement(statement.encode()))
