"""From HTTP to what is asked of the store: parameters, forms, compressed bodies."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from urllib.parse import urlencode

import lz4.frame
import pytest
import zstandard
from hypothesis import given, strategies as st

from warehouse.embedded.ask import Ask
from warehouse.embedded.compression import choose_encoder, decompress
from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.forms import Part, is_form, read_form
from warehouse.embedded.requests import read_ask, read_params, time_zone

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
LIMIT = 1024**2


def ask(
    method: str = "POST", body: bytes = b"SELECT 1", headers: dict[str, str] | None = None, **params: str
) -> Ask:
    return asked(method, params, body, headers)


def asked(
    method: str, params: dict[str, str], body: bytes = b"", headers: dict[str, str] | None = None
) -> Ask:
    found = read_ask(method, headers or {}, params, body)
    assert found is not None
    return found


def form(parts: list[Part], boundary: str = "b0undary") -> tuple[str, bytes]:
    """Content-Type and body as clients write them."""
    body = b""
    for part in parts:
        file_name = f'; filename="{part.file_name}"' if part.file_name else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{file_name}\r\n\r\n'
        body += head.encode() + part.data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def test_parameters_are_settings_unless_the_interface_keeps_them() -> None:
    found = ask(
        database="d", query_id="q", param_x="1", max_threads="2", wait_end_of_query="1", default_format="CSV",
        cancel_http_readonly_queries_on_client_close="1", enable_http_compression="1", client_protocol_version="54405",
    )  # fmt: skip
    assert found.settings == {"max_threads": "2"}
    assert found.parameters == {"x": "1"}
    assert (found.database, found.query_id, found.format, found.whole) == ("d", "q", "CSV", True)


def test_headers_stand_in_for_parameters() -> None:
    found = ask(headers={"x-clickhouse-database": "d", "x-clickhouse-format": "JSON"})
    assert (found.database, found.output_format) == ("d", "JSON")


def test_every_request_has_an_id_and_no_database_is_none() -> None:
    first, second = ask(), ask()
    assert first.query_id != second.query_id
    assert first.database is None


@pytest.mark.parametrize("query_id", ["a\r\nX: y", "ü", "x" * 201])
def test_an_id_that_fits_no_header_is_refused(query_id: str) -> None:
    with pytest.raises(ClickHouseError, match=r"Code: 36.*query_id"):
        ask(query_id=query_id)


def test_the_time_zone_is_a_name_or_utc() -> None:
    assert (
        time_zone({"session_timezone": "America/Argentina/Buenos_Aires"}) == "America/Argentina/Buenos_Aires"
    )
    assert time_zone({"session_timezone": "x\r\nX: y"}) == time_zone({}) == "UTC"


def test_only_a_post_may_write() -> None:
    assert ask("GET", b"", query="SELECT 1").read_only
    assert ask("HEAD", b"", query="SELECT 1").read_only
    assert not ask("POST").read_only


def test_a_request_without_sql_asks_nothing() -> None:
    assert read_ask("GET", {}, {}, b"") is None
    assert read_ask("POST", {}, {"query": " \n"}, b"\n") is None


def test_bytes_that_are_no_text_survive_the_url() -> None:
    query = b"SELECT '\xff\xfe' AS x"
    assert asked("GET", read_params(urlencode({"query": query}).encode())).statement.sql == query
    assert read_params(b"a=1&a=2&b=&c=%2B+x") == {"a": "2", "b": "", "c": "+ x"}


@pytest.mark.parametrize("name", ["compress", "decompress"])
def test_block_compression_is_refused_with_what_to_use(name: str) -> None:
    with pytest.raises(ClickHouseError, match=r"Code: 48.*Content-Encoding"):
        asked("POST", {name: "1"}, b"SELECT 1")


def test_a_session_has_a_name_and_a_bounded_time() -> None:
    session = ask(session_id="s", session_timeout="5", session_check="1").session
    assert session is not None
    assert (session.id, session.timeout_s, session.must_exist) == ("s", 5.0, True)
    assert ask().session is None
    for wrong in ("x", "-1", "3601", "²"):
        with pytest.raises(ClickHouseError, match=r"Code: 374.*3600"):
            ask(session_id="s", session_timeout=wrong)


def test_long_parameters_come_as_a_form() -> None:
    kind, body = form([Part("query", b"SELECT {x:String}"), Part("param_x", "ä\r\n--b0".encode())])
    found = ask(body=body, headers={"content-type": kind}, max_threads="1")
    assert found.statement.sql == b"SELECT {x:String}"
    assert (found.parameters, found.settings) == ({"x": "ä\r\n--b0"}, {"max_threads": "1"})


def test_files_of_a_form_are_tables() -> None:
    kind, body = form([Part("ids", b"1\r\n2\n\x00", "ids.csv"), Part("pairs", b"", "p")])
    found = ask(
        body=body, headers={"content-type": kind}, query="SELECT count() FROM ids",
        ids_structure="x Int64", ids_format="CSV", pairs_types="UInt8, Map(String, Array(UInt8))",
    )  # fmt: skip
    ids, pairs = found.tables
    assert (ids.name, ids.structure, ids.format, ids.data) == ("ids", "x Int64", "CSV", b"1\r\n2\n\x00")
    assert (pairs.structure, pairs.format) == ("_1 UInt8, _2 Map(String, Array(UInt8))", "TabSeparated")
    assert not found.settings


def test_a_file_without_columns_is_refused() -> None:
    kind, body = form([Part("ids", b"1", "ids.csv")])
    with pytest.raises(ClickHouseError, match=r"Code: 36.*ids_structure"):
        ask(body=body, headers={"content-type": kind}, query="SELECT 1")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ü"]), st.binary()), min_size=1, max_size=4))
def test_a_form_gives_back_its_parts(fields: list[tuple[str, bytes]]) -> None:
    parts = [Part(name, data.replace(b"b0undary", b"")) for name, data in fields]
    kind, body = form(parts)
    assert is_form(kind)
    assert read_form(kind, body) == parts


@pytest.mark.parametrize(
    "damage", [lambda body: body[:-6], lambda _: b"", lambda body: body.replace(b"name=", b"n=")]
)
def test_a_damaged_form_is_refused(damage: Callable[[bytes], bytes]) -> None:
    kind, body = form([Part("a", b"1")])
    with pytest.raises(ClickHouseError, match="multipart form cannot be read"):
        read_form(kind, damage(body))
    with pytest.raises(ClickHouseError, match="names no boundary"):
        read_form("multipart/form-data", body)


@pytest.mark.parametrize("name", COMPRESS)
@given(body=st.binary(max_size=4000), repeat=st.integers(1, 50))
def test_a_compressed_body_comes_out_whole(name: str, body: bytes, repeat: int) -> None:
    assert decompress(COMPRESS[name](body * repeat), name, LIMIT) == body * repeat


@pytest.mark.parametrize("name", COMPRESS)
def test_a_body_that_is_cut_short_or_damaged_is_refused(name: str) -> None:
    packed = COMPRESS[name](bytes(range(256)) * 100)
    for broken in (packed[:-1], packed[: len(packed) // 2], b"\x00\x01", packed + b"junk"):
        with pytest.raises(ClickHouseError, match=f"Code: 271.*no whole {name} stream"):
            decompress(broken, name, LIMIT)


@pytest.mark.parametrize("name", COMPRESS)
def test_a_small_body_that_becomes_a_huge_one_is_refused(name: str) -> None:
    bomb = COMPRESS[name](bytes(LIMIT + 1))
    with pytest.raises(ClickHouseError, match=r"Code: 229.*1,048,576 bytes"):
        decompress(bomb, name, LIMIT)
    assert len(decompress(COMPRESS[name](bytes(LIMIT)), name, LIMIT)) == LIMIT


def test_encodings_are_undone_in_reverse() -> None:
    assert decompress(zlib.compress(gzip.compress(b"x")), "gzip, deflate", LIMIT) == b"x"
    assert decompress(b"x", "identity", LIMIT) == decompress(b"x", "", LIMIT) == b"x"
    with pytest.raises(ClickHouseError, match=r"Code: 48.*snappy"):
        decompress(b"x", "snappy", LIMIT)


@pytest.mark.parametrize("name", COMPRESS)
@given(pieces=st.lists(st.binary(max_size=2000), max_size=5))
def test_what_is_encoded_can_be_decoded(name: str, pieces: list[bytes]) -> None:
    chosen, encoder = choose_encoder(f"br, {name};q=0.5")
    assert chosen == name
    packed = b"".join(map(encoder.feed, pieces)) + encoder.finish()
    assert decompress(packed, name, LIMIT) == b"".join(pieces)


def test_what_the_client_does_not_accept_is_not_sent() -> None:
    for header in ("", "br", "gzip;q=0", "identity"):
        assert choose_encoder(header)[0] is None
    assert choose_encoder("gzip, deflate, br, zstd")[0] == "zstd"
