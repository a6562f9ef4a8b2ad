"""Where the provider bills the whole answer, it is read on for a caller who has left: within limits, and exactly.

Tests with a number are complaints of the field (`litellm` is BerriAI/litellm).
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from google import genai
from google.genai.types import HttpOptions
from typing_extensions import override

from gateway_shim.aborting import AbortPolicy, read_rules
from gateway_shim.estimate import Estimator
from gateway_shim.tokenizer import ByLength, Tokenizer
from ingest.events.calls import CallFinished
from ingest.usage import TokenUsage
from tests.fixtures.callers import Caller, answers_once, goes_on_once, one_after_another
from tests.fixtures.gateway import RunningGateway
from tests.fixtures.gateway_calls import EVENTS, STREAM_BODY, ask, setting
from tests.fixtures.providers import SimulatedProviders, simulate
from tests.fixtures.upstream import answer, drop, hang, stream

pytestmark = pytest.mark.integration
BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"12345678"}]}'
REPLY = b'{"id":"r-1","model":"gpt-4o-x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
TEXT = b'data: {"model":"m-1","choices":[{"delta":{"content":"abcdefgh"}}]}\n\n'


def policy(text: str = "", drain_s: float = 20.0, drain_limit: int = 100) -> AbortPolicy:
    return AbortPolicy(read_rules(text, "X"), drain_s, drain_limit)


def abandoned(gateway: RunningGateway, how: str, provider: str = "openai") -> float:
    value = gateway.gateway.parts.metrics.registry.get_sample_value(
        "spendstream_gateway_abandoned_calls_total", {"provider": provider, "ended": how}
    )
    return value or 0.0


def end_of(finished: CallFinished) -> tuple[str, int, str, bool]:
    return finished.outcome, finished.http_status, finished.error_type, finished.is_estimated


def test_litellm_13245_an_answer_as_a_whole_is_read_on_and_charged_as_the_provider_counts(
    tmp_path: Path,
) -> None:
    go = threading.Event()
    with setting(tmp_path, answers_once(go, answer(REPLY))) as (gateway, upstream):
        caller = Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 200, "client_closed", False)
        assert finished.usage == TokenUsage(input_tokens=3, output_tokens=4)
        assert (finished.response_model, finished.response_id) == ("gpt-4o-x", "r-1")
        assert not upstream.hung_up.is_set()
        assert abandoned(gateway, "drained") == 1


def test_litellm_36008_a_stream_is_read_on_where_the_provider_bills_it_whole(tmp_path: Path) -> None:
    go = threading.Event()
    play = goes_on_once(go, EVENTS[:1], EVENTS[1:])
    with setting(tmp_path, play, aborts=policy("openai=drain")) as (gateway, upstream):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"Hi")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 200, "client_closed", False)
        assert finished.usage == TokenUsage(input_tokens=5, output_tokens=6)
        assert not upstream.hung_up.is_set()


def test_a_stream_before_its_beginning_is_read_on_too(tmp_path: Path) -> None:
    go = threading.Event()
    play = answers_once(go, stream(EVENTS))
    with setting(tmp_path, play, aborts=policy("openai.stream=drain")) as (gateway, upstream):
        caller = Caller(gateway, STREAM_BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 200, "client_closed", False)
        assert finished.usage == TokenUsage(input_tokens=5, output_tokens=6)


def test_an_error_that_a_drain_finds_costs_nothing(tmp_path: Path) -> None:
    go = threading.Event()
    failure = answer(b'{"error":{"type":"server_error"}}', status="500 Oh")
    with setting(tmp_path, answers_once(go, failure)) as (gateway, upstream):
        caller = Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished)[:2] == ("error", 500)
        assert finished.usage is None


def test_a_connection_that_breaks_in_a_drain_before_any_answer_costs_nothing(tmp_path: Path) -> None:
    go = threading.Event()
    with setting(tmp_path, answers_once(go, drop)) as (gateway, upstream):
        caller = Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished) == ("error", 502, "upstream_broke", False)
        assert finished.usage is None
        assert abandoned(gateway, "broken") == 1


def test_a_stream_that_breaks_in_a_drain_is_an_estimate(tmp_path: Path) -> None:
    go = threading.Event()
    play = goes_on_once(go, [TEXT], [TEXT], breaks=True)
    with setting(tmp_path, play, aborts=policy("*=drain")) as (gateway, _):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"abcdefgh")
        caller.leave_and_be_missed()
        go.set()
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 200, "client_closed", True)
        assert finished.usage is not None
        assert finished.usage.output_tokens == 4
        assert abandoned(gateway, "broken") == 1


def test_no_longer_than_allowed(tmp_path: Path) -> None:
    with setting(tmp_path, hang, aborts=policy(drain_s=0.05)) as (gateway, upstream):
        caller = Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave()
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 499, "client_closed", True)
        assert finished.usage == TokenUsage(input_tokens=2 + 7)
        assert abandoned(gateway, "timeout") == 1


def test_no_more_at_once_than_allowed(tmp_path: Path) -> None:
    go = threading.Event()
    with setting(tmp_path, answers_once(go, answer(REPLY)), aborts=policy(drain_limit=1)) as (
        gateway,
        upstream,
    ):
        first, second = Caller(gateway, BODY), Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 2, "both requests have arrived")
        first.leave_and_be_missed()
        second.leave()
        assert upstream.hung_up.wait(10), "the second one is cut"
        gateway.wait_until(lambda: abandoned(gateway, "no_room") == 1, "it has ended")
        go.set()
        cut, read_on = gateway.finished(2)
        assert (cut.is_estimated, cut.http_status) == (True, 499)
        assert (read_on.is_estimated, read_on.http_status) == (False, 200)


def test_a_stop_waits_for_what_is_read_on(tmp_path: Path) -> None:
    go = threading.Event()
    with setting(tmp_path, answers_once(go, answer(REPLY))) as (gateway, upstream):
        caller = Caller(gateway, BODY)
        gateway.wait_until(lambda: len(upstream.sent) == 1, "the request has arrived")
        caller.leave_and_be_missed()
        gateway.server.should_exit = True
        gateway.wait_until(lambda: not gateway.server.servers[0].is_serving(), "it is stopping")
        go.set()
        finished = gateway.only_call()
        assert (finished.is_estimated, finished.usage) == (False, TokenUsage(input_tokens=3, output_tokens=4))


def test_a_stop_does_not_wait_for_ever_and_leaves_an_estimate(tmp_path: Path) -> None:
    with setting(tmp_path, goes_on_once(threading.Event(), [TEXT], []), aborts=policy("*=drain")) as (
        gateway,
        upstream,
    ):
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"abcdefgh")
        caller.leave_and_be_missed()
        gateway.server.should_exit = True
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert end_of(finished) == ("aborted", 200, "client_closed", True)
        assert finished.usage is not None
        assert finished.usage.output_tokens == 2
        assert abandoned(gateway, "stopped") == 1


class Waiting(ByLength):
    """Counts once it may."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_go_on = threading.Event()

    @override
    def count(self, model: str, texts: Sequence[str]) -> int:
        self.begun.set()
        assert self.may_go_on.wait(10)
        return super().count(model, texts)


def test_litellm_17364_and_30223_the_provider_is_cut_off_before_anything_is_counted(tmp_path: Path) -> None:
    counter = Waiting()
    play = one_after_another(stream([TEXT], hangs=True), answer(REPLY))
    with setting(tmp_path, play) as (gateway, upstream):
        _count_with(gateway, counter)
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"abcdefgh")
        caller.leave()
        assert counter.begun.wait(10)
        assert upstream.hung_up.wait(10), "although the count has not come to its end"
        # And while it counts, others are served.
        assert ask(gateway)[0] == 200
        assert len(gateway.finished(1)) == 1
        counter.may_go_on.set()
        served, left = gateway.finished(2)
        assert (served.outcome, left.outcome) == ("ok", "aborted")


def test_a_stop_while_tokens_are_counted_loses_nothing(tmp_path: Path) -> None:
    counter = Waiting()
    with setting(tmp_path, stream([TEXT], hangs=True)) as (gateway, _):
        _count_with(gateway, counter)
        caller = Caller(gateway, STREAM_BODY)
        caller.read_until(b"abcdefgh")
        caller.leave()
        assert counter.begun.wait(10)
        gateway.server.should_exit = True
        finished = gateway.only_call()
        counter.may_go_on.set()
        assert end_of(finished) == ("aborted", 200, "client_closed", True)
        assert finished.usage is not None
        assert finished.usage.output_tokens == 2


def test_litellm_30630_what_was_produced_is_counted_with_tiktoken(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    # 42 bytes: 11 tokens by length, and fewer in truth.
    text = b'data: {"model":"gpt-4o","choices":[{"delta":{"content":" internationalization"}}]}\n\n'
    with setting(tmp_path, stream([text, text], hangs=True)) as (gateway, upstream):
        _count_with(gateway, tokenizer)
        caller = Caller(gateway, STREAM_BODY)
        received = b""
        while received.count(b"internationalization") < 2:
            received += caller.read_until(b"\n\n")
        caller.leave()
        assert upstream.hung_up.wait(10)
        finished = gateway.only_call()
        assert finished.usage is not None
        expected = tokenizer.count("gpt-4o", [" internationalization internationalization"])
        assert finished.usage.output_tokens == expected != 11


def _count_with(gateway: RunningGateway, counter: Tokenizer | Waiting) -> None:
    """Before any call: the estimator of the running gateway counts with `counter` from now on."""
    estimator: Estimator = gateway.gateway.parts.estimator
    estimator._counter = counter


def test_google_bills_a_stream_to_its_end_and_so_do_we(
    gateway: RunningGateway, simulated_providers: SimulatedProviders
) -> None:
    slow = simulate(chunks=200, chunk_delay_s=0.002, output_tokens=800, reasoning_tokens=300)
    options = HttpOptions(base_url=f"{gateway.url}/gemini", headers=slow)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        said = client.models.generate_content_stream(model="gemini-2.5-flash", contents="x")
        assert isinstance(said, Generator)
        next(said)
        said.close()
    finished = gateway.only_call()
    (served,) = simulated_providers.wait_for(lambda calls: len(calls) == 1)
    assert (served.outcome, finished.outcome, finished.error_type) == ("ok", "aborted", "client_closed")
    assert not finished.is_estimated
    assert finished.usage is not None
    assert finished.usage.input_tokens == served.usage.input_tokens
    assert finished.usage.output_tokens == served.usage.output_tokens == 800
    assert finished.usage.reasoning_tokens == served.usage.reasoning_tokens == 300
