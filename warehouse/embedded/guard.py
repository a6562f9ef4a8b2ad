"""What this warehouse does not do: leave its folder, reach other hosts, or create what keeps it from opening again.

Pure: it looks at tokens and raises. Two walls stand behind it inside the engine: the grants of `config.py` (no source
of data outside, nothing in `default`, no SYSTEM that stops the server) and settings that cannot be changed. The guard
covers what the engine, which takes itself for a local tool here, allows whatever the grants say: the function
`file()`, INTO OUTFILE, FROM INFILE, dictionaries with a source outside, engines that start programs or wait for Keeper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from warehouse.embedded.errors import ClickHouseError, Code
from warehouse.embedded.lexer import Kind, Token, tokens
from warehouse.embedded.statements import Statement, is_single

HOME_DATABASE = "spendstream"
"""Where a statement runs that names no database. Never `default`, which is a view of the disk in this engine."""

_SAFE_TABLE_FUNCTIONS = """
dictionary format fuzzjson fuzzquery generaterandom generateseries generate_series input loop merge
mergetreeanalyzeindexes mergetreeanalyzeindexesuuid mergetreecodecblockcounts mergetreeindex
mergetreeprojection mergetreetextindex null numbers numbers_mt primes prometheusquery prometheusqueryrange
sqlstandardvalues timeseriesdata timeseriesmetricfamilies timeseriesmetrics timeseriessamples
timeseriesselector timeseriestags values view viewexplain viewifpermitted zeros zeros_mt
"""
SAFE_TABLE_FUNCTIONS = frozenset(_SAFE_TABLE_FUNCTIONS.split())
"""They make up rows or read the store's own tables. Lower case."""

_REFUSED_FUNCTIONS = """
arrowstream azureblobstorage azureblobstoragecluster bigquery cluster clusterallreplicas cosn deltalake
deltalakeazure deltalakeazurecluster deltalakecluster deltalakelocal deltalakes3 deltalakes3cluster disk
eval executable file filecluster filesystem gcs hdfs hdfscluster hudi hudicluster iceberg icebergazure
icebergazurecluster icebergcluster iceberghdfs iceberghdfscluster iceberglocal iceberglocalcluster icebergs3
icebergs3cluster jdbc mongodb mysql odbc oss paimon paimonazure paimonazurecluster paimoncluster paimonhdfs
paimonhdfscluster paimonlocal paimons3 paimons3cluster postgresql python redis remote remotesecure s3
s3cluster sqlite url urlcluster ytsaurus
"""
REFUSED_FUNCTIONS = frozenset(_REFUSED_FUNCTIONS.split())
"""They read or write outside the store, or run what a string says. A test compares both lists with the engine's own,
so that a new function of a new engine cannot slip in between. Lower case."""

_SAFE_ENGINES = """
AggregatingMergeTree Alias Atomic Buffer CoalescingMergeTree CollapsingMergeTree Dictionary EmbeddedRocksDB
GenerateRandom GraphiteMergeTree Join Log MaterializedView Memory Merge MergeTree Null ReplacingMergeTree
Set StripeLog SummingMergeTree TimeSeries TinyLog VersionedCollapsingMergeTree View
"""
SAFE_ENGINES = frozenset(_SAFE_ENGINES.split())
"""Engines of tables and databases that keep their data here and open again after a restart."""

_CREATING = frozenset({"CREATE", "ATTACH", "REPLACE"})
_NAMED_AFTER = {
    "INSERT": ("INTO", "TABLE"),
    "CREATE": ("TABLE", "VIEW", "DICTIONARY", "EXISTS", "INDEX", "PROJECTION"),
}
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_EVALUATED = ("DEFAULT", "MATERIALIZED", "ALIAS", "EPHEMERAL", "SELECT", "APPLY")
_FILE = "file"
"""The function that reads any file of the machine; it knows no grant. Its name is case-sensitive."""


def refuse(statement: Statement) -> None:
    """Raise ClickHouseError (497, 62) if the statement must not run."""
    parts = statement.tokens
    if not is_single(parts):
        raise ClickHouseError(
            Code.SYNTAX_ERROR, "Multi-statements are not allowed: send one statement a request"
        )
    _refuse_files(parts)
    _refuse_calls(parts, statement.verb)
    _refuse_default(parts)
    if statement.verb in _CREATING:
        _refuse_engines(parts)
        _refuse_dictionary_sources(parts)
    if statement.carries_data:
        if statement.data_format == "Values":
            _refuse_values(statement.data)
    else:
        _refuse_file_as_argument(parts)
        _refuse_strings(parts, statement.verb)


def refuse_database(name: str) -> None:
    """Raise ClickHouseError (497) for the database that this engine maps to the disk."""
    if name == "default":
        raise ClickHouseError(
            Code.ACCESS_DENIED,
            f"the database `default` does not exist here, use `{HOME_DATABASE}` or create your own",
        )


def _denied(what: str) -> ClickHouseError:
    return ClickHouseError(
        Code.ACCESS_DENIED, f"{what} is not allowed: the embedded warehouse reads and writes nothing outside"
    )


def _refuse_files(parts: Sequence[Token]) -> None:
    for _, token, after, _ in _windows(parts):
        if token.is_word("INTO") and after.is_word("OUTFILE"):
            raise _denied("INTO OUTFILE")
        if token.is_word("FROM") and after.is_word("INFILE"):
            raise _denied("FROM INFILE")


def _refuse_calls(parts: Sequence[Token], verb: str = "", names: Set[str] = REFUSED_FUNCTIONS) -> None:
    """`name (` for every name that leads outside, unless a table of that name is created or filled."""
    names_follow = _NAMED_AFTER.get(verb, ())
    for before, token, after, _ in _windows(parts):
        is_call = token.is_identifier and after.is_sign("(") and token.text.lower() in names
        if is_call and not before.is_sign(".") and not before.is_word(*names_follow):
            raise _denied(f"{token.text}()")


def _refuse_file_as_argument(parts: Sequence[Token]) -> None:
    """`arrayMap(file, …)` and `* APPLY file` call the function without brackets."""
    for before, token, after, _ in _windows(parts):
        if not (token.is_identifier and token.text == _FILE):
            continue
        ends = after.kind is Kind.SIGN and after.text in ("", ",", ")")
        if before.is_word("APPLY") or (before.is_sign("(") and (ends or after.is_word("AS"))):
            raise ClickHouseError(
                Code.ACCESS_DENIED,
                "`file` as an argument is not allowed, it can mean the function that reads the disk: "
                "qualify a column of that name (t.file)",
            )


def _refuse_strings(parts: Iterable[Token], verb: str) -> None:
    """Strings that the engine may read as SQL: column lists of format() and values(), queries of dictionaries."""
    for token in parts:
        if token.kind is not Kind.STRING or _FILE not in token.text:
            continue
        inner = tuple(tokens(token.text.encode("utf-8", "surrogateescape")))
        if verb not in _CREATING and not any(part.is_word(*_EVALUATED) for part in inner):
            continue
        try:
            _refuse_calls(inner, names={_FILE})
            _refuse_file_as_argument(inner)
            _refuse_strings(inner, verb)
        except ClickHouseError as error:
            raise ClickHouseError(
                error.code,
                f"{error.reason}, not in a string either; send the text as a parameter, {{name:String}}",
            ) from None


def _refuse_values(data: Iterable[bytes | memoryview]) -> None:
    """VALUES may hold expressions. Most data cannot name the function at all, and that is seen at once."""
    text = b"".join(data)
    if b"file" in text or (b"\\" in text and (b"`" in text or b'"' in text)):
        parts = tuple(tokens(text))
        _refuse_calls(parts)
        _refuse_file_as_argument(parts)


def _refuse_default(parts: Sequence[Token]) -> None:
    for _, token, after, beyond in _windows(parts):
        if token.is_word("USE", "DATABASE") and after.is_identifier:
            refuse_database(after.text)
        if (
            token.is_identifier
            and after.is_sign(".")
            and beyond.is_identifier
            and not beyond.text[:1].isdigit()
        ):
            refuse_database(token.text)


def _refuse_engines(parts: Sequence[Token]) -> None:
    """`ENGINE = name` outside brackets and before a SELECT."""
    depth = 0
    for _, token, after, beyond in _windows(parts):
        if token.kind is Kind.SIGN and token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
        if depth == 0 and token.is_word("SELECT", "WITH"):
            return
        if depth or not token.is_word("ENGINE"):
            continue
        engine = beyond if after.is_sign("=") else after
        if engine.is_identifier and engine.text not in SAFE_ENGINES:
            raise ClickHouseError(
                Code.ACCESS_DENIED,
                f"ENGINE = {engine.text} is not allowed: the embedded warehouse keeps everything in its own folder, "
                "with an engine of the MergeTree family (not Replicated), Memory, Log, Buffer, Join, Set or Null",
            )


def _refuse_dictionary_sources(parts: Sequence[Token]) -> None:
    """`SOURCE(name(…))`: only tables of this store."""
    for _, token, after, beyond in _windows(parts):
        if (
            token.is_word("SOURCE")
            and after.is_sign("(")
            and beyond.text.upper() not in ("CLICKHOUSE", "NULL")
        ):
            raise _denied(f"SOURCE({beyond.text.upper()}(…))")
        if token.is_word("HOST") and after.kind is Kind.STRING and after.text.lower() not in _LOCAL_HOSTS:
            raise _denied(f"a dictionary from the host {after.text!r}")


_NOTHING = Token(Kind.SIGN, "", 0, 0)


def _windows(parts: Sequence[Token]) -> Iterator[tuple[Token, Token, Token, Token]]:
    """Each token with the one before it and the two behind it; empty signs stand where there is none."""
    padded = (_NOTHING, *parts, _NOTHING, _NOTHING)
    return zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
