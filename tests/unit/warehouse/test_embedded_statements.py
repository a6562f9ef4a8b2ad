"""Which statement a request holds: where an INSERT's data begins, which format, what follows what."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from warehouse.embedded.lexer import Kind, tokens
from warehouse.embedded.statements import is_single, read_statement


def data(query: bytes, body: bytes = b"") -> tuple[bytes, str | None, bytes]:
    """The head, the format and the data of an INSERT."""
    found = read_statement(query, body)
    return found.sql, found.data_format, b"".join(found.data)


@pytest.mark.parametrize(
    ("text", "head", "format", "rest"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", b"INSERT INTO t", "CSV", b"1,2\n"),
        (b"insert into t (a, b) format Native\n\x01\xff\x00", b"insert into t (a, b)", "Native", b"\x01\xff\x00"),
        (b"INSERT INTO t FORMAT CSV 1,2", b"INSERT INTO t", "CSV", b"1,2"),
        (b"INSERT INTO t FORMAT CSV;\r\n1", b"INSERT INTO t", "CSV", b"1"),
        (b"INSERT INTO t FORMAT CSV\n\n1", b"INSERT INTO t", "CSV", b"\n1"),
        (b"INSERT INTO t VALUES (1), (2)", b"INSERT INTO t", "Values", b" (1), (2)"),
        (b"INSERT INTO t FORMAT Values (1)", b"INSERT INTO t", "Values", b" (1)"),
        (b"-- why\nINSERT /* it */ INTO db.t FORMAT CSV\n1", b"-- why\nINSERT /* it */ INTO db.t", "CSV", b"1"),
        (b"INSERT INTO t SETTINGS async_insert = 1 FORMAT CSV\n1", b"INSERT INTO t SETTINGS async_insert = 1", "CSV", b"1"),
        (b"INSERT INTO `format` (`values`) FORMAT CSV\n1", b"INSERT INTO `format` (`values`)", "CSV", b"1"),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format", "CSV", b"1"),
        (b"INSERT INTO d.values VALUES (1)", b"INSERT INTO d.values", "Values", b" (1)"),
        (b"INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1", b"INSERT INTO FUNCTION null('a Int8')", "CSV", b"1"),
    ],
)  # fmt: skip
def test_data_of_an_insert_begins_behind_its_format(
    text: bytes, head: bytes, format: str, rest: bytes
) -> None:
    assert data(text) == (head, format, rest)


def test_data_may_come_in_the_body_behind_the_statement_in_the_url() -> None:
    assert data(b"INSERT INTO t FORMAT CSV", b"1,2\n") == (b"INSERT INTO t", "CSV", b"1,2\n")
    assert data(b"INSERT INTO t VALUES (1),", b"(2)") == (b"INSERT INTO t", "Values", b" (1),\n(2)")


def test_url_and_body_are_otherwise_one_text() -> None:
    assert read_statement(b"SELECT 1 AS x", b"FORMAT JSON").output_format == "JSON"
    assert data(b"INSERT INTO t", b"FORMAT CSV\n1") == (b"INSERT INTO t", "CSV", b"1")


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t (a) WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"SELECT 'INSERT INTO t FORMAT CSV'",
        b"INSERT INTO t",
        b"INSERT INTO t FORMAT",
    ],
)
def test_an_insert_without_data_stays_whole(text: bytes) -> None:
    found = read_statement(text)
    assert (found.sql, found.data_format) == (text, None)


@given(st.binary())
def test_any_bytes_are_data_once_the_format_is_known(payload: bytes) -> None:
    assert data(b"INSERT INTO t FORMAT RowBinary\n" + payload) == (b"INSERT INTO t", "RowBinary", payload)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 FORMAT JSON;", "JSON"),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        (b"SELECT 1 SETTINGS max_threads = 1 FORMAT JSON", "JSON"),
        (b"SELECT * FROM (SELECT 1 FORMAT JSON)", None),
        (b"SELECT 'x FORMAT JSON'", None),
        (b"SELECT 1 -- FORMAT JSON", None),
        (b"SELECT 1 AS format", None),
        (b"SELECT format FROM t FORMAT CSV", "CSV"),
        (b"SHOW TABLES FORMAT `CSV`", "CSV"),
    ],
)
def test_the_output_format_stands_at_the_end(text: bytes, format: str | None) -> None:
    assert read_statement(text).output_format == format


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        (b" /* a /* b */ */ select 1", "SELECT"),
        (b"((SELECT 1))", "SELECT"),
        (b"WITH 1 AS x SELECT x", "WITH"),
        (b"# note\nDROP TABLE t", "DROP"),
        (b"'x'", ""),
        (b"", ""),
    ],
)
def test_the_verb_is_the_first_word(text: bytes, verb: str) -> None:
    assert read_statement(text).verb == verb


@pytest.mark.parametrize(
    ("text", "single"),
    [
        (b"SELECT 1", True),
        (b"SELECT 1;", True),
        (b"SELECT 1;; -- done", True),
        (b"SELECT ';'; ", True),
        (b"SELECT 1; SELECT 2", False),
        (b"SELECT 1;\nDROP TABLE t;", False),
    ],
)
def test_only_semicolons_may_follow_a_semicolon(text: bytes, single: bool) -> None:
    assert is_single(tuple(tokens(text))) is single


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (rb"'a\'b''c\x41\n'", Kind.STRING, "a'b'cA\n"),
        (rb"`a\`b``c`", Kind.NAME, "a`b`c"),
        (rb'"fil\x65"', Kind.NAME, "file"),
        ("‘so’".encode(), Kind.STRING, "so"),
        ("“so”".encode(), Kind.NAME, "so"),
        (b"x'66696C65'", Kind.STRING, "file"),
        (b"b'01000001'", Kind.STRING, "A"),
        (b"$tag$ it's $tag$", Kind.STRING, " it's "),
        (b"$word", Kind.WORD, "$word"),
        (b"'never closed", Kind.BROKEN, ""),
        (b"/* never /* closed */", Kind.BROKEN, ""),
    ],
)
def test_one_token_is_read_as_clickhouse_reads_it(text: bytes, kind: Kind, value: str) -> None:
    (token,) = tokens(text)
    assert (token.kind, token.text, token.end) == (kind, value, len(text))


@given(st.binary())
def test_any_bytes_have_tokens_in_order(text: bytes) -> None:
    end = 0
    for token in tokens(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
