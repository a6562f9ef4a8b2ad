"""The guard's reading of SQL against the engine's own: what the engine takes for a call of file(), the guard must see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings, strategies as st

from tests.fixtures.clickhouse import connect
from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.guard import refuse
from warehouse.embedded.lexer import Kind, tokens
from warehouse.embedded.statements import is_single, read_statement

pytestmark = pytest.mark.integration

PIECES = [
    "file", "`file`", '"file"', "“file”", "`fil\\x65`", '"f""ile"', "FILE", "(", ")", "('x')", "(file)", ",", ".", "x", "1", "1.", "0x1", "1e",
    "'", "''", "\\'", "'\\\\'", '"', "`", "“", "”", "‘", "’", "\\", "$a$", "$", "$$", "x'", "b'", "--", "-", "//", "#", "# ", "#!", "/*", "*/",
    "/", "\n", " ", "\t", "\u00a0", "\u3000", "−", ";", "\\G", "SELECT ", " FROM t", " AS ", "APPLY", "arrayMap(", "[", "]", "::", "{x:String}", "*",
]  # fmt: skip
"""What makes lexers disagree, around the one name that must not be missed."""

texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
queries = st.tuples(texts, texts).map(
    lambda pair: f"SELECT {pair[0]} file('/etc/passwd') {pair[1]}"
) | texts.map(lambda text: f"SELECT {text}")


@pytest.fixture(scope="module")
def client(clickhouse: str) -> Iterator[Client]:
    found = connect(clickhouse)
    yield found
    found.close()


def as_the_engine_reads(client: Client, sql: list[str]) -> list[str | None]:
    """Each text in the engine's own writing, or None where it does not parse. Nothing of it runs."""
    answer = client.query(
        "SELECT formatQuerySingleLineOrNull(q) FROM (SELECT arrayJoin({sql:Array(String)}) AS q)",
        parameters={"sql": sql},
    )
    return [row[0] for row in answer.result_rows]


def calls_file(canonical: str) -> bool:
    """Whether the engine's writing, which has no comments and one kind of quotes, calls file()."""
    parts = list(tokens(canonical.encode()))
    return any(a.is_identifier and a.text == "file" and b.is_sign("(") for a, b in pairwise(parts))


@settings(max_examples=40, deadline=None)
@given(st.lists(queries, min_size=25, max_size=25))
def test_no_call_of_file_hides_in_comments_quotes_or_spaces(client: Client, sql: list[str]) -> None:
    for text, canonical in zip(sql, as_the_engine_reads(client, sql), strict=True):
        if canonical is not None and calls_file(canonical):
            with pytest.raises(ClickHouseError):
                refuse(read_statement(text.encode()))


@settings(max_examples=40, deadline=None)
@given(st.lists(queries, min_size=25, max_size=25))
def test_what_the_engine_can_parse_has_no_broken_token(client: Client, sql: list[str]) -> None:
    for text, canonical in zip(sql, as_the_engine_reads(client, sql), strict=True):
        if canonical is not None and is_single(tuple(tokens(text.encode()))):
            assert all(token.kind is not Kind.BROKEN for token in tokens(text.encode()))


def test_the_comparison_sees_what_it_is_for(client: Client) -> None:
    """A property that never meets a call would prove nothing."""
    hidden = [
        "SELECT /* ' */ file('x') -- '",
        "SELECT `fil\\x65`('x')",
        "SELECT $a$ ' $a$, file\u00a0('x')",
        "SELECT “file”('x')",
    ]
    plain = ["SELECT ' file(1) '", "SELECT 1 -- file('x')", "SELECT /* /* */ file('x') */ 1"]
    assert [calls_file(text or "") for text in as_the_engine_reads(client, hidden)] == [True] * 4
    assert [calls_file(text or "") for text in as_the_engine_reads(client, plain)] == [False] * 3
