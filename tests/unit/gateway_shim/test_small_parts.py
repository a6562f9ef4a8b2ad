"""Secrets in files, errors' words, encodings, readers, the banner: small parts, each with its edges."""

from __future__ import annotations

import gzip
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from gateway_shim.admin.access import TOKEN_FILE, admin_token
from gateway_shim.answer_reading import ArrayReader, EventReader, PassingReader, WithholdingReader, reader_of
from gateway_shim.decoding import CannotDecode, decoder_of
from gateway_shim.error_words import error_word
from gateway_shim.formats.answer import Answer
from gateway_shim.formats.gemini_content import GEMINI_STREAM
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from gateway_shim.ready import Part, Waiting, banner, without_credentials
from gateway_shim.rejection import Fault
from gateway_shim.routing import PROVIDERS
from gateway_shim.secret_files import read_or_make, read_secret, write_secret
from gateway_shim.settings import read_settings
from ingest.clock import FixedClock
from ingest.environ import Environ
from tests.builders import AT


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: read_or_make(path, lambda: f"secret {n}"), range(8)))
    assert len(set(made)) == 1
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert [file.name for file in path.parent.iterdir()] == ["secret"]
    write_secret(path, "another")
    assert read_secret(path) == "another"
    assert read_secret(tmp_path / "none") == ""


def test_the_admin_token_is_the_configured_one_or_kept(tmp_path: Path) -> None:
    assert admin_token("mine", tmp_path) == "mine"
    assert not (tmp_path / TOKEN_FILE).exists()
    made = admin_token("", tmp_path)
    assert len(made) == 43
    assert admin_token("", tmp_path) == made


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"error":{"type":"invalid_request_error","code":"x"}}', "invalid_request_error"),
        (b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', "RESOURCE_EXHAUSTED"),
        (b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]', "RESOURCE_EXHAUSTED"),
        (b'{"type":"error","error":{"type":"overloaded_error"}}', "overloaded_error"),
        (b'{"object":"error","type":"rate_limited"}', "rate_limited"),
        (b'{"detail":"Unauthorized"}', "error"),
        (b"<html>", "error"),
        (b"[]", "error"),
    ],
)
def test_a_providers_word_for_an_error(body: bytes, word: str) -> None:
    assert error_word(body) == word


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.word)
def test_every_fault_has_a_shape_at_every_provider(provider: object, fault: Fault) -> None:
    body = json.loads(provider.error_body(fault, 'a "sentence"'))  # type: ignore[attr-defined]
    inner = body.get("error", body)
    assert inner["message"] == 'a "sentence"'
    assert error_word(json.dumps(body).encode()) != "error"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
    ],
)
def test_encodings_are_read_piece_by_piece(encoding: str, encode: object) -> None:
    text = b"hello " * 500
    encoded: bytes = encode(text)  # type: ignore[operator]
    decode = decoder_of(encoding)
    pieces = [decode(encoded[at : at + 7]) for at in range(0, len(encoded), 7)]
    assert b"".join(pieces) == text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_what_cannot_be_decoded_passes_all_the_same(encoding: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CannotDecode):
        decoder_of(encoding)(b"not that")
    reader = EventReader(Answer(), OPENAI_CHAT, encoding)
    assert reader.feed(b"not that") == b"not that"
    assert reader.feed(b"more") == b"more"
    assert reader.end() == b""
    assert caplog.text.count("cannot be read") == 1


def test_the_reader_goes_by_the_content() -> None:
    def reader(content_type: str, encoding: str = "", withholds: bool = True) -> object:
        return type(reader_of(Answer(), OPENAI_CHAT, content_type, encoding, withholds))

    assert reader("text/event-stream; charset=utf-8") is WithholdingReader
    assert reader("text/event-stream", withholds=False) is EventReader
    assert reader("text/event-stream", encoding="gzip") is EventReader
    assert reader("application/json") is ArrayReader
    assert reader("audio/mpeg") is PassingReader


def test_an_array_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    answer = Answer()
    reader = ArrayReader(answer, GEMINI_STREAM)
    whole = b'[{"usageMetadata":{"promptTokenCount":3}},\r\n{"usageMetadata":{"promptTokenCount":4}},{"usageM'
    for at in range(0, len(whole), 11):
        assert reader.feed(whole[at : at + 11]) == whole[at : at + 11]
    assert reader.end() == b""
    assert answer.usage == {"promptTokenCount": 4}


def test_a_withheld_chunk_at_the_very_end_is_withheld() -> None:
    reader = WithholdingReader(Answer(), OPENAI_CHAT)
    assert reader.feed(b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}') == b""
    assert reader.end() == b""
    assert reader.feed(b'data: {"choices":[{}]}') == b""
    assert reader.end() == b'data: {"choices":[{}]}'


def _banner(tmp_path: Path, is_first_time: bool, **environ: str) -> str:
    settings = read_settings(Environ({"SPENDSTREAM_HOME": str(tmp_path), **environ}))
    return banner(settings, {"gateway": "http://127.0.0.1:8080"}, "sk-spend-x", is_first_time)


def test_the_banner_has_one_line_that_works(tmp_path: Path) -> None:
    without = _banner(tmp_path, False)
    assert "curl http://127.0.0.1:8080/health/ready" in without
    assert "OPENAI_API_KEY" in without
    assert "sk-spend-x" in without
    for provider, model in (("OPENAI", "gpt-4o-mini"), ("ANTHROPIC", "anthropic/"), ("GEMINI", "gemini/")):
        text = _banner(tmp_path, False, **{f"{provider}_API_KEY": "hidden"})
        (line,) = [line for line in text.splitlines() if "curl" in line]
        assert "http://127.0.0.1:8080/v1/chat/completions" in line
        assert model in line
        assert "hidden" not in text


def test_the_admin_token_is_shown_once(tmp_path: Path) -> None:
    token = admin_token("", tmp_path)
    assert token in _banner(tmp_path, True)
    assert token not in _banner(tmp_path, False)
    assert token not in _banner(tmp_path, True, SPENDSTREAM_ADMIN_TOKEN="configured")
    assert "configured" not in _banner(tmp_path, True, SPENDSTREAM_ADMIN_TOKEN="configured")


def test_waiting_says_once_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said, asked = FixedClock(AT), list[str](), list[str]()

    def answers(url: str) -> bool:
        asked.append(url)
        return len(asked) > 30

    monkeypatch.setattr("gateway_shim.ready._answers", answers)
    Waiting(clock, clock.advance, said.append).wait(Part("the gateway", "http://x/health/ready"), 1.0)
    assert said == ["waiting for the gateway at http://x/health/ready …"]
    assert clock.monotonic() == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@db.example:8123/spend", "http://db.example:8123"),
        ("https://user:s%40cret@db.example/spend", "https://db.example"),
        ("http://127.0.0.1:8123/spendstream", "http://127.0.0.1:8123"),
    ],
)
def test_the_banner_shows_no_password_of_the_warehouse(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
