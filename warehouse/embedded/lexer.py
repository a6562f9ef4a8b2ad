"""Splits SQL into tokens the way ClickHouse's own lexer does, without parsing it.

Comments nest; strings know backslashes, doubled quotes, `x'41'`, `$tag$…$tag$` and typographic quotes; identifiers
may be quoted with backticks, double quotes or typographic ones. Numbers and operators are not told apart exactly:
nobody here needs them. A byte outside ASCII between tokens is skipped, since ClickHouse takes Unicode spaces for
spaces. `tests/integration` compares this with the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is."""

    WORD = "a bare word: keyword, name or number"
    NAME = "a quoted identifier"
    STRING = "a string literal"
    SIGN = "one character of punctuation"
    BROKEN = "a quote or comment that never closes; it reaches to the end"


class Token(NamedTuple):
    """`text` is decoded: without quotes, with escapes resolved. `start` and `end` are byte positions."""

    kind: Kind
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the (upper-case) keywords, in any case."""
        return self.kind is Kind.WORD and self.text.upper() in words

    def is_sign(self, sign: str) -> bool:
        return self.kind is Kind.SIGN and self.text == sign

    @property
    def is_identifier(self) -> bool:
        return self.kind in (Kind.WORD, Kind.NAME)


_NEXT = re.compile(
    rb"""
    (?P<skip>   [\ \t\n\r\f\v]+ | --[^\n]* | //[^\n]* | \#[\ !][^\n]* )
  | (?P<hex>    [xX]'[0-9A-Fa-f]*' )
  | (?P<bits>   [bB]'[01]*' )
  | (?P<word>   [A-Za-z0-9_][A-Za-z0-9_$]* )
  | (?P<string> '[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+' | \xe2\x80\x98.*?\xe2\x80\x99 )
  | (?P<name>   `[^`\\]*+(?:(?:\\.|``)[^`\\]*+)*+` | "[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+" | \xe2\x80\x9c.*?\xe2\x80\x9d )
  | (?P<open>   /\* )
  | (?P<dollar> \$ )
  | (?P<broken> ['`"] | \xe2\x80\x98 | \xe2\x80\x9c )
  | (?P<other>  [\x80-\xff]+? )
  | (?P<sign>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)|''|``|\"\"", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}
_ESCAPES |= {b"a": b"\a", b"v": b"\v", b"e": b"\x1b", b"N": b""}
_TYPOGRAPHIC = 3  # bytes of such a quote


def tokens(text: bytes, start: int = 0) -> Iterator[Token]:
    """The tokens from `start` on, lazily: what follows the last one asked for is never looked at."""
    at, end = start, len(text)
    while at < end:
        found = _NEXT.match(text, at)
        assert found is not None, "the last alternative takes any byte"
        kind, stop = found.lastgroup, found.end()
        if kind in ("skip", "other"):
            at = stop
        elif kind == "open":
            at = _comment_end(text, stop)
            if at < 0:
                yield Token(Kind.BROKEN, "", stop - 2, end)
                return
        elif kind == "dollar":
            token = _dollar(text, at)
            yield token
            at = token.end
        elif kind == "broken":
            yield Token(Kind.BROKEN, "", at, end)
            return
        else:
            yield _token(kind or "sign", found[0], at, stop)
            at = stop


def _token(group: str, raw: bytes, start: int, end: int) -> Token:
    if group == "word":
        return Token(Kind.WORD, raw.decode("ascii"), start, end)
    if group == "string":
        return Token(Kind.STRING, _unquote(raw), start, end)
    if group == "name":
        return Token(Kind.NAME, _unquote(raw), start, end)
    if group in ("hex", "bits"):
        return Token(Kind.STRING, _from_digits(raw[2:-1], 16 if group == "hex" else 2), start, end)
    return Token(Kind.SIGN, raw.decode("latin-1"), start, end)


def _comment_end(text: bytes, at: int) -> int:
    """Where the comment that opened before `at` ends, or -1. Comments nest."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return -1
        depth += 1 if edge[0] == b"/*" else -1
        at = edge.end()
    return at


def _dollar(text: bytes, at: int) -> Token:
    """`$tag$…$tag$` is a string; any other dollar begins a word or stands alone."""
    name_end = text.find(b"$", at + 1)
    if name_end > 0:
        tag = text[at : name_end + 1]
        close = text.find(tag, name_end + 1)
        if close > 0:
            content = text[name_end + 1 : close].decode("utf-8", "surrogateescape")
            return Token(Kind.STRING, content, at, close + len(tag))
    word = re.compile(rb"\$[A-Za-z0-9_$]*").match(text, at)
    assert word is not None
    return Token(Kind.WORD, word[0].decode("ascii"), at, word.end())


def _unquote(raw: bytes) -> str:
    if raw[:1] == b"\xe2":
        return raw[_TYPOGRAPHIC:-_TYPOGRAPHIC].decode("utf-8", "surrogateescape")
    quote = raw[:1]
    inner = raw[1:-1]
    if b"\\" in inner or quote in inner:
        inner = _ESCAPE.sub(lambda found: _resolve(found, quote), inner)
    return inner.decode("utf-8", "surrogateescape")


def _resolve(found: re.Match[bytes], quote: bytes) -> bytes:
    escaped = found[1]
    if escaped is None:  # a doubled quote; the other quotes' doubles are two characters
        return quote if found[0] == quote * 2 else found[0]
    if len(escaped) > 1:
        return bytes.fromhex(escaped[1:].decode())
    return _ESCAPES.get(escaped, escaped)


def _from_digits(digits: bytes, base: int) -> str:
    if not digits:
        return ""
    bits = len(digits) * (4 if base == 16 else 1)
    return int(digits, base).to_bytes((bits + 7) // 8, "big").decode("utf-8", "surrogateescape")
