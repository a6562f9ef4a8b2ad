"""Reading a request: the key, who calls, what is asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway_shim.attribution_headers import attribution
from gateway_shim.formats.forms import form_texts, replace_text
from gateway_shim.formats.openai_audio import OPENAI_TRANSCRIPTION
from gateway_shim.headers import first_values, sent_upstream
from gateway_shim.keys import PREFIX, new_key, presented_key, without_key
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.request_reading import asked_tier, read_request
from ingest.attribution import Attribution
from ingest.events.governance import KeyIssued

SIGNED = b"AWS4-HMAC-SHA256 Credential=sk-spend-k_1-2/20261124/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({b"authorization": b"Bearer k"}, b"", b"k"),
        ({b"authorization": b"bearer  k "}, b"", b"k"),
        ({b"authorization": b"Basic k"}, b"", b""),
        ({b"authorization": SIGNED}, b"", b"sk-spend-k_1-2"),
        ({b"x-api-key": b"k"}, b"", b"k"),
        ({b"x-goog-api-key": b"k"}, b"key=other", b"k"),
        ({b"api-key": b"k"}, b"", b"k"),
        ({}, b"alt=sse&key=k", b"k"),
        ({}, b"key=a%2Fb", b"a/b"),
        ({}, b"monkey=k", b""),
        ({}, b"", b""),
    ],
)
def test_where_a_key_may_stand(headers: dict[bytes, bytes], query: bytes, key: bytes) -> None:
    assert presented_key(headers, query) == key


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"key=k", b""),
        (b"alt=sse&key=k&x=%20", b"alt=sse&x=%20"),
        (b"monkey=k", b"monkey=k"),
        (b"k%65y=a&xkey=b", b"xkey=b"),
        (b"x=%6bey", b"x=%6bey"),
        (b"", b""),
        (b"key=a&key=b&c", b"c"),
    ],
)
def test_a_key_is_taken_out_of_the_query(query: bytes, rest: bytes) -> None:
    assert without_key(query) == rest


def test_keys_are_long_and_different() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 for key in keys)


KEY = KeyIssued("key-1", "hash", "search", datetime(2026, 11, 24, tzinfo=UTC))


def test_who_calls() -> None:
    headers = {
        b"x-spendstream-user": "Zoë".encode(),
        b"x-spendstream-project": b" p ",
        b"x-spendstream-tags": b'{"feature":"x"}',
    }
    assert attribution(KEY, headers) == Attribution(
        team="search", project="p", key_id="key-1", user="Zoë", tags={"feature": "x"}
    )
    assert attribution(KEY, {}) == Attribution(team="search", key_id="key-1")


@pytest.mark.parametrize("name", [b"x-spendstream-user", b"x-spendstream-project"])
@pytest.mark.parametrize("value", [b"\xff", b"x" * 201])
def test_a_header_that_cannot_be_used_is_named(name: bytes, value: bytes) -> None:
    with pytest.raises(Rejected, match=name.decode()) as caught:
        attribution(KEY, {name: value})
    assert caught.value.fault is Fault.BAD_HEADER


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nopenai/whisper-1\r\n'
    b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n'
    b'--B\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"\xff\x00\r\n--B but not the end\r\n--B--\r\n"
)


def test_what_a_form_asks() -> None:
    asked = read_request(FORM, OPENAI_TRANSCRIPTION)
    assert (asked.model, asked.is_stream, asked.body) == ("openai/whisper-1", True, {"n": 2})
    assert replace_text(FORM, "model", "w") == FORM.replace(b"openai/whisper-1", b"w")
    assert replace_text(FORM, "absent", "w") == FORM


@pytest.mark.parametrize("body", [b"", b"--", b"--B", b"--B\r\n", FORM[:60], FORM[:-40], b"no form at all"])
def test_a_form_that_breaks_off_is_read_as_far_as_it_goes(body: bytes) -> None:
    assert set(form_texts(body)) <= {"model", "n", "stream"}


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        (b'{"service_tier":"priority"}', "priority"),
        (b'{"serviceTier":"FLEX"}', "flex"),
        (b'{"serviceTier":{"type":"reserved"}}', "reserved"),
        (b'{"service_tier":"auto"}', ""),
        (b'{"service_tier":"standard_only"}', ""),
        (b'{"service_tier":7}', ""),
        (b"{}", ""),
    ],
)
def test_which_tier_is_asked_for(body: bytes, tier: str) -> None:
    assert asked_tier(read_request(body, None)) == tier


@pytest.mark.parametrize(
    ("body", "model", "is_stream"),
    [
        (b'{"model":"m","stream":true}', "m", True),
        (b'{"stream":"yes","model":5}', "", False),
        (b'{"messages":[{"model":"no","stream":true}]}', "", False),
        (b"{}", "", False),
    ],
)
def test_what_is_asked(body: bytes, model: str, is_stream: bool) -> None:
    asked = read_request(body, None)
    assert (asked.model, asked.is_stream) == (model, is_stream)


def test_hop_by_hop_headers_and_keys_stay_here() -> None:
    headers = [
        (b"connection", b"close, X-Mine"),
        (b"x-mine", b"1"),
        (b"te", b"trailers"),
        (b"authorization", b"Bearer k"),
        (b"x-api-key", b"k"),
        (b"x-spendstream-tags", b"{}"),
        (b"anthropic-beta", b"a"),
        (b"anthropic-beta", b"b"),
    ]
    sent = sent_upstream(headers, ("x-api-key", "secret"))
    assert sorted(sent.items()) == [
        ("accept-encoding", "identity"),
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b"),
        ("x-api-key", "secret"),
    ]
    assert first_values(headers)[b"anthropic-beta"] == b"a"
    assert "x-api-key" not in sent_upstream(headers, None)
