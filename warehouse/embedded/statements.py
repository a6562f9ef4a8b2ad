"""What a request asks for: which statement it is, whether data follows it, in which formats. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from warehouse.embedded.lexer import Kind, Token, tokens

ANSWERING = frozenset(
    {"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK", "KILL"}
)
"""First words of statements that answer with rows, even with none; the format's name goes into a header then."""

READING = frozenset({"SELECT", "WITH", "FROM"})
"""First words of statements that read and may be sent block by block."""

_AFTER_INSERT_HEAD = ("FORMAT", "VALUES", "SELECT", "WITH", "FROM", "WATCH", "SETTINGS")
_BLANK = b" \t\f"


@dataclass(frozen=True)
class Statement:
    """One statement as the engine gets it.

    For an INSERT that is followed by data, `sql` ends before `FORMAT` or `VALUES`, `data_format` names the format and
    `data` holds the bytes, in pieces that belong together in this order.
    """

    sql: bytes
    tokens: tuple[Token, ...]
    verb: str
    output_format: str | None = None
    data_format: str | None = None
    data: tuple[bytes | memoryview, ...] = ()

    @property
    def carries_data(self) -> bool:
        return self.data_format is not None

    @property
    def answers(self) -> bool:
        """Whether rows come back, maybe none."""
        return self.verb in ANSWERING

    @property
    def reads(self) -> bool:
        """Whether it only reads; such a statement may be cancelled when nobody waits for it."""
        return self.verb in READING


def read_statement(query: bytes, body: bytes = b"") -> Statement:
    """The statement of a request: `query` is the URL's parameter, `body` what was posted, decompressed.

    As in ClickHouse, the two are one text with a line break between, and data follows an INSERT's FORMAT or VALUES.
    """
    if query.strip() and body:
        found = _insert_with_data(query, (body,))
        if found is not None:
            return found
        return _whole(query + b"\n" + body)
    return _whole(query if query.strip() else body)


def _whole(text: bytes) -> Statement:
    found = _insert_with_data(text, ())
    if found is not None:
        return found
    parts = tuple(tokens(text))
    return Statement(text, parts, _verb(parts), output_format=_output_format(parts))


def _verb(parts: Iterable[Token]) -> str:
    """The first word, upper case, behind opening brackets."""
    for token in parts:
        if token.is_sign("("):
            continue
        return token.text.upper() if token.kind is Kind.WORD else ""
    return ""


def _output_format(parts: tuple[Token, ...]) -> str | None:
    """What the last `FORMAT name` outside brackets names, where the statement or its SETTINGS end behind it."""
    outside = [token for token, depth in _with_depth(parts) if depth == 0 and not token.is_sign(";")]
    for at in range(len(outside) - 2, 0, -1):
        word, name = outside[at], outside[at + 1]
        ends = at + 2 == len(outside) or outside[at + 2].is_word("SETTINGS")
        if word.is_word("FORMAT") and name.is_identifier and ends:
            return name.text
    return None


def _insert_with_data(text: bytes, body: tuple[bytes, ...]) -> Statement | None:
    """The INSERT that `text` begins with, if data follows it; `body` comes behind a line break."""
    head: list[Token] = []
    stream = _with_depth(tokens(text))
    for token, depth in stream:
        head.append(token)
        if len(head) == 1 and not token.is_word("INSERT"):
            return None
        if depth or not _ends_head(head):
            continue
        if token.is_word("SETTINGS"):
            continue
        if token.is_word("VALUES"):
            return _with_data(text, head, "Values", token.end, body)
        if token.is_word("FORMAT"):
            name, _ = next(stream, (None, 0))
            if name is None or not name.is_identifier:
                return None
            if name.text.lower() == "values":
                return _with_data(text, head, "Values", name.end, body)
            return _with_data(text, head, name.text, _data_start(text, name.end), body)
        return None
    return None


def _ends_head(head: list[Token]) -> bool:
    """Whether the last token is a keyword behind the table's name, and not part of that name."""
    if not head[-1].is_word(*_AFTER_INSERT_HEAD) or len(head) < 3:
        return False
    before = head[-2]
    return not (before.is_sign(".") or before.is_word("INTO", "INSERT", "TABLE", "FUNCTION"))


def _with_data(text: bytes, head: list[Token], name: str, start: int, body: tuple[bytes, ...]) -> Statement:
    rest = memoryview(text)[start:]
    pieces: tuple[bytes | memoryview, ...] = (rest,) if len(rest) else ()
    if body:
        pieces = (*pieces, b"\n", *body) if rest.tobytes().strip() else body
    sql = text[: head[-1].start].rstrip()
    return Statement(sql, tuple(head[:-1]), "INSERT", data_format=name, data=pieces)


def _data_start(text: bytes, at: int) -> int:
    """Where data begins behind the format's name: behind a semicolon, blanks and one line break."""
    if text[at : at + 1] == b";":
        at += 1
    while text[at : at + 1] and text[at : at + 1] in _BLANK:
        at += 1
    if text[at : at + 1] == b"\r":
        at += 1
    if text[at : at + 1] == b"\n":
        at += 1
    return at


def _with_depth(parts: Iterable[Token]) -> Iterator[tuple[Token, int]]:
    """Each token with the number of brackets around it; a bracket itself stands outside its own pair."""
    depth = 0
    for token in parts:
        if token.kind is Kind.SIGN and token.text in ")]}":
            depth -= 1
        yield token, depth
        if token.kind is Kind.SIGN and token.text in "([{":
            depth += 1


def is_single(parts: tuple[Token, ...]) -> bool:
    """Whether nothing follows the first semicolon but more semicolons."""
    signs = [token.is_sign(";") for token in parts]
    return all(signs[signs.index(True) :]) if any(signs) else True
