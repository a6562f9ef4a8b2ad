"""Streams and whole answers of every dialect: tokens add up, and genai-prices reads the usage that is billed."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price, extract_usage

from gateway_shim.simulation.directives import Directives
from gateway_shim.simulation.models import ANTHROPIC_VERSIONS, OPENAI_VERSIONS
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.usage import ServedUsage
from tests.fixtures.replies import MESSAGES, SPEAKERS, Speaker

EVERY = pytest.mark.parametrize("speaker", SPEAKERS.values(), ids=SPEAKERS.keys())
RICH = Directives(
    input_tokens=5000, cache_read_tokens=2000, output_tokens=300, reasoning_tokens=120, cache_write_tokens=0
)
FLAVORS = {
    "openai chat": ("openai", "chat"),
    "openai responses": ("openai", "responses"),
    "anthropic messages": ("anthropic", "default"),
    "mistral": ("mistral", "default"),
    "gemini": ("google", "default"),
}


def read(name: str, body: bytes) -> ServedUsage:
    provider, flavor = FLAVORS[name]
    usage = extract_usage(json.loads(body), provider_id=provider, api_flavor=flavor).usage
    return ServedUsage(
        input_tokens=int(usage.input_tokens or 0),
        cache_read_tokens=int(usage.cache_read_tokens or 0),
        cache_write_tokens=int(usage.cache_write_tokens or 0),
        cache_write_1h_tokens=int(usage.cache_write_1h_tokens or 0),
        output_tokens=int(usage.output_tokens or 0),
        reasoning_tokens=int(usage.output_reasoning_tokens or 0),
    )


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_tokens_of_the_chunks_add_up_to_the_bill(speaker: Speaker, seed: int) -> None:
    reply = speaker.reply(seed=seed)
    chunks = list(speaker.dialect.stream(reply))
    assert sum(chunk.tokens for chunk in chunks) == reply.usage.output_tokens
    assert sum(chunk.content for chunk in chunks) == len(reply.choices[0].pieces)


@EVERY
def test_every_data_line_is_json(speaker: Speaker) -> None:
    stream = b"".join(chunk.data for chunk in speaker.dialect.stream(speaker.reply()))
    if speaker is SPEAKERS["gemini array"]:
        assert len(json.loads(stream)) > 1
        return
    ending = b"\r\n\r\n" if speaker is SPEAKERS["gemini"] else b"\n\n"
    assert stream.endswith(ending)
    for event in stream.removesuffix(ending).split(ending):
        data = event.rpartition(b"data: ")[2]
        assert data == b"[DONE]" or json.loads(data)


@pytest.mark.parametrize("name", FLAVORS)
def test_genai_prices_reads_what_is_billed(name: str) -> None:
    speaker = SPEAKERS[name]
    reply = speaker.reply(RICH)
    assert read(name, speaker.dialect.whole(reply)) == reply.usage == ServedUsage(5000, 2000, 0, 0, 300, 120)


def test_genai_prices_reads_anthropic_cache_writes() -> None:
    speaker = SPEAKERS["anthropic messages"]
    reply = speaker.reply(
        Directives(
            input_tokens=9000,
            cache_read_tokens=1000,
            cache_write_tokens=5000,
            cache_write_1h_tokens=2000,
            output_tokens=10,
        )
    )
    body = speaker.dialect.whole(reply)
    assert read("anthropic messages", body) == reply.usage
    assert json.loads(body)["usage"]["input_tokens"] == 3000


def test_gemini_in_openai_format_hides_its_thoughts_in_the_total() -> None:
    speaker = SPEAKERS["gemini chat"]
    usage = json.loads(speaker.dialect.whole(speaker.reply(RICH)))["usage"]
    assert (usage["completion_tokens"], usage["total_tokens"] - usage["prompt_tokens"]) == (180, 300)


@EVERY
def test_usage_can_be_left_out(speaker: Speaker) -> None:
    reply = speaker.reply(Directives(omit_usage=True))
    whole = json.loads(speaker.dialect.whole(reply))
    assert whole.get("usage") is None
    assert "usageMetadata" not in whole
    stream = b"".join(chunk.data for chunk in speaker.dialect.stream(reply))
    assert b'"usage":{' not in stream
    assert b"usageMetadata" not in stream


@pytest.mark.parametrize(
    ("asked", "used"), [(None, "default"), ("auto", "default"), ("flex", "flex"), ("fast", "priority")]
)
def test_openai_says_which_tier_it_used(asked: str | None, used: str) -> None:
    for name in ("openai chat", "openai responses"):
        speaker = SPEAKERS[name]
        reply = speaker.reply(service_tier=asked)
        assert json.loads(speaker.dialect.whole(reply))["service_tier"] == used
    reply = SPEAKERS["openai chat"].reply(Directives(service_tier="scale"), service_tier="flex")
    assert reply.service_tier == "scale"


def test_a_stream_without_noise_when_it_is_not_wanted() -> None:
    speaker = SPEAKERS["openai chat"]
    plain = speaker.reply(stream=True, stream_options={"include_obfuscation": False})
    assert not any(b"obfuscation" in chunk.data for chunk in speaker.dialect.stream(plain))
    assert any(b"obfuscation" in chunk.data for chunk in speaker.dialect.stream(speaker.reply()))


@pytest.mark.parametrize(
    ("name", "more", "status", "param"),
    [
        ("openai chat", {"messages": []}, 400, "messages"),
        ("openai chat", {"model": ""}, 400, "model"),
        ("openai chat", {"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ("openai chat", {"max_completion_tokens": 0}, 400, "max_completion_tokens"),
        ("openai reasoning", {"max_tokens": 5}, 400, "max_tokens"),
        ("openai responses", {"input": 5}, 400, "input"),
        ("anthropic messages", {"max_tokens": None}, 400, "max_tokens"),
        (
            "anthropic messages",
            {"system": [{"text": "a", "cache_control": {"ttl": "1d"}}]},
            400,
            "cache_control",
        ),
        ("anthropic chat", {"n": 2}, 400, "n"),
        ("mistral", {"stream_options": {}}, 422, "stream_options"),
        ("mistral", {"max_completion_tokens": 5}, 422, "max_completion_tokens"),
        ("mistral", {"messages": None}, 422, "messages"),
        ("gemini", {"contents": []}, 400, "contents"),
        ("gemini", {"generationConfig": {"maxOutputTokens": "5"}}, 400, "maxOutputTokens"),
    ],
)
def test_each_provider_refuses_what_it_does_not_take(
    name: str, more: dict[str, object], status: int, param: str
) -> None:
    speaker = SPEAKERS[name]
    request = speaker.incoming(**more)
    with pytest.raises(Refusal) as refused:
        speaker.dialect.read(request)
    assert (refused.value.status, refused.value.param) == (status, param)


def test_anthropic_wants_its_version_header() -> None:
    speaker = SPEAKERS["anthropic messages"]
    with pytest.raises(Refusal, match="anthropic-version: header is required"):
        Speaker(speaker.dialect, speaker.body).reply()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 529])
@EVERY
def test_errors_are_json_with_a_message(speaker: Speaker, status: int) -> None:
    error = json.loads(speaker.dialect.error_body(Refusal(status), "req_1"))
    while not isinstance(error, str):
        error = (
            error[0]
            if isinstance(error, list)
            else error.get("error") or error.get("message") or error["detail"]
        )
    assert error


@pytest.mark.parametrize(
    ("provider", "versions"), [("openai", OPENAI_VERSIONS), ("anthropic", ANTHROPIC_VERSIONS)]
)
def test_an_alias_and_its_version_cost_the_same(provider: str, versions: dict[str, str]) -> None:
    usage = Usage(input_tokens=1_000_000, cache_read_tokens=1000, output_tokens=1_000_000)
    for alias, version in versions.items():
        price = calc_price(usage, alias, provider_id=provider).total_price
        assert price == calc_price(usage, version, provider_id=provider).total_price > Decimal(0)


def test_anthropic_counts_a_message_of_blocks_as_one() -> None:
    speaker = SPEAKERS["anthropic messages"]
    blocks = [{"type": "text", "text": "abcd"}, {"type": "text", "text": "abcd"}]
    whole = speaker.dialect.read(speaker.incoming(messages=[{"role": "user", "content": blocks}]))
    assert whole.prompt.tokens == 3 + 4 + 1 + 1
    assert speaker.dialect.read(speaker.incoming(messages=MESSAGES, system="abcd")).prompt.tokens == 14 + 5
