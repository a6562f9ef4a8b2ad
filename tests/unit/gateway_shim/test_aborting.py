"""What becomes of calls whose callers leave: which rule holds, and how many are read on."""

from __future__ import annotations

import pytest

from gateway_shim.aborting import AbortPolicy, Drains, OnAbort, read_rules
from gateway_shim.metrics import GatewayMetrics
from gateway_shim.settings import read_settings
from ingest.environ import Environ
from ingest.errors import InvalidSetting

CANCEL, DRAIN = OnAbort.CANCEL, OnAbort.DRAIN


def policy(text: str = "") -> AbortPolicy:
    return AbortPolicy(read_rules(text, "SPENDSTREAM_ON_ABORT"))


@pytest.mark.parametrize(
    ("provider", "stream", "whole"),
    [
        ("openai", CANCEL, DRAIN),
        ("anthropic", CANCEL, DRAIN),
        ("mistral", CANCEL, DRAIN),
        ("gemini", DRAIN, DRAIN),  # googleapis/js-genai, `abortSignal`: the service goes on and charges
        ("azure", CANCEL, DRAIN),
        ("my-vllm", CANCEL, DRAIN),
        ("bedrock", DRAIN, DRAIN),  # BerriAI/litellm#34147: the bill has the whole of a broken-off stream
    ],
)
def test_without_a_setting_it_goes_by_how_the_provider_bills(
    provider: str, stream: OnAbort, whole: OnAbort
) -> None:
    assert (policy().of(provider, True), policy().of(provider, False)) == (stream, whole)


@pytest.mark.parametrize(
    ("text", "provider", "stream", "whole"),
    [
        ("openai=cancel", "openai", CANCEL, CANCEL),
        ("openai=cancel", "anthropic", CANCEL, DRAIN),
        ("openai=drain , bedrock=cancel", "bedrock", CANCEL, CANCEL),
        ("openai=drain,bedrock=cancel", "openai", DRAIN, DRAIN),
        ("openai.whole=cancel", "openai", CANCEL, CANCEL),
        ("openai.stream=drain", "openai", DRAIN, DRAIN),
        ("*=cancel", "bedrock", CANCEL, CANCEL),
        ("*=cancel,bedrock=drain", "bedrock", DRAIN, DRAIN),
        ("bedrock=drain,*=cancel", "bedrock", DRAIN, DRAIN),
        ("*.stream=drain,openai.stream=cancel", "openai", CANCEL, DRAIN),
        ("my.server.stream=drain", "my.server", DRAIN, DRAIN),
        ("my.server=cancel", "my.server", CANCEL, CANCEL),
        (",", "openai", CANCEL, DRAIN),
    ],
)
def test_the_nearest_rule_of_the_operator_holds(
    text: str, provider: str, stream: OnAbort, whole: OnAbort
) -> None:
    rules = policy(text)
    assert (rules.of(provider, True), rules.of(provider, False)) == (stream, whole)


@pytest.mark.parametrize(
    "text", ["openai", "openai=", "=cancel", "openai=stop", "openai=cancel;gemini=drain", ".stream=drain"]
)
def test_a_rule_that_is_none_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"SPENDSTREAM_ON_ABORT holds .* write PROVIDER=cancel or"):
        policy(text)


def test_a_provider_that_there_is_not_is_refused() -> None:
    values = {
        "SPENDSTREAM_UPSTREAM_MY_VLLM": "http://127.0.0.1:8000",
        "SPENDSTREAM_ON_ABORT": "my-vllm=drain,bedrock=cancel",
    }
    assert read_settings(Environ(values)).aborts.of("my-vllm", True) is DRAIN
    with pytest.raises(
        InvalidSetting, match=r"speaks of 'opena', which is none of anthropic, .*my-vllm, openai"
    ):
        read_settings(Environ(values | {"SPENDSTREAM_ON_ABORT": "opena=cancel"}))


def test_the_settings_are_read() -> None:
    settings = read_settings(
        Environ(
            {
                "SPENDSTREAM_ON_ABORT": "openai=drain",
                "SPENDSTREAM_DRAIN_SECONDS": "2.5",
                "SPENDSTREAM_DRAIN_LIMIT": "0",
                "SPENDSTREAM_CACHE": "/somewhere",
            }
        )
    )
    assert settings.aborts.of("openai", True) is DRAIN
    assert (settings.aborts.drain_s, settings.aborts.drain_limit) == (2.5, 0)
    assert str(settings.vocabularies) == "/somewhere/tiktoken"
    plain = read_settings(Environ({})).aborts
    assert (plain.drain_s, plain.drain_limit) == (30.0, 100)


def test_no_more_answers_are_read_on_than_the_limit_allows() -> None:
    metrics = GatewayMetrics()
    drains = Drains(AbortPolicy(drain_limit=2), metrics)

    def draining() -> float | None:
        return metrics.registry.get_sample_value("spendstream_gateway_draining_calls")

    with drains.one():
        assert drains.has_room
        with drains.one():
            assert (drains.has_room, draining()) == (False, 2)
        assert (drains.has_room, draining()) == (True, 1)
    assert draining() == 0
    drains.ended("openai", "drained")
    labels = {"provider": "openai", "ended": "drained"}
    assert metrics.registry.get_sample_value("spendstream_gateway_abandoned_calls_total", labels) == 1
