"""A spent budget refuses: in the provider's error shape, once, without a retry, and it opens again by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as gemini_errors, types as gemini
from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from mistralai.client.models import UserMessage

from ingest.clock import FixedClock
from ingest.events.states import BudgetStatus
from tests.fixtures.gateway import RunningGateway, gateway_settings, running_gateway
from tests.fixtures.gateway_calls import BODY, CHAT, ask
from tests.fixtures.providers import SimulatedProviders

pytestmark = pytest.mark.integration

BUDGET = {"name": "search-day", "scope": {"team": "search"}, "limit_usd": "10.00", "window": "day"}


def openai_refused(gateway: RunningGateway) -> tuple[str, int]:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "insufficient_quota"
    return caught.value.message, caught.value.status_code


def openai_stream_refused(gateway: RunningGateway) -> tuple[str, int]:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.responses.create(model="gpt-4o", input="x", stream=True)
    return caught.value.message, caught.value.status_code


def anthropic_refused(gateway: RunningGateway) -> tuple[str, int]:
    with (
        anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=gateway.key) as client,
        pytest.raises(anthropic.RateLimitError) as caught,
    ):
        client.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    return caught.value.message, caught.value.status_code


def mistral_refused(gateway: RunningGateway) -> tuple[str, int]:
    with (
        Mistral(server_url=f"{gateway.url}/mistral", api_key=gateway.key) as client,
        pytest.raises(SDKError) as caught,
    ):
        client.chat.complete(model="mistral-small-latest", messages=[UserMessage(content="x")])
    return caught.value.body, caught.value.status_code


def gemini_refused(gateway: RunningGateway) -> tuple[str, int]:
    options = gemini.HttpOptions(base_url=f"{gateway.url}/gemini")
    client = genai.Client(api_key=gateway.key, http_options=options)
    with pytest.raises(gemini_errors.ClientError) as caught:
        client.models.generate_content(model="gemini-2.5-flash", contents="x")
    client.close()
    assert caught.value.status == "RESOURCE_EXHAUSTED"
    return str(caught.value.message), caught.value.code


@pytest.mark.parametrize(
    "refused", [openai_refused, openai_stream_refused, anthropic_refused, mistral_refused, gemini_refused]
)
def test_the_sdks_are_refused_once_and_told_why(
    gateway: RunningGateway,
    simulated_providers: SimulatedProviders,
    refused: Callable[[RunningGateway], tuple[str, int]],
) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET)
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "10.01")
    message, status = refused(gateway)
    assert status == 429
    assert "search-day" in message
    assert "resets at" in message
    finished = gateway.only_call()  # more than one would be a retry
    assert (finished.outcome, finished.http_status, finished.usage) == ("refused", 429, None)
    assert [ref.budget_id for ref in finished.call.budgets] == ["search-day"]
    assert len(gateway.calls()) == 1, "a refused call was never started"
    assert simulated_providers.calls() == []


def test_headers_of_a_refusal(gateway: RunningGateway) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET)
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "10")
    status, headers, _ = ask(gateway)
    assert status == 429
    assert headers["x-should-retry"] == "false"
    assert 1 <= int(headers["retry-after"]) <= 86_400
    assert headers["x-spendstream-call-id"] == gateway.only_call().call.call_id


def test_a_budget_without_end_has_no_retry_after(gateway: RunningGateway) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET | {"window": "total"})
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "10")
    status, headers, body = ask(gateway)
    assert status == 429
    assert "retry-after" not in headers
    assert b"does not reset by itself" in body


def test_a_block_ends_with_its_window_without_an_event(
    tmp_path: Path, simulated_providers: SimulatedProviders
) -> None:
    clock = FixedClock(datetime(2026, 3, 31, 23, 59, 50, tzinfo=UTC))
    settings = gateway_settings(tmp_path, simulated_providers.base_url)
    with running_gateway(settings, clock=clock) as gateway:
        gateway.admin.post("admin", "budgets", body=BUDGET | {"window": "month"})
        gateway.set_state("search-day", BudgetStatus.BLOCKED, "10")
        status, headers, _ = ask(gateway, body=BODY)
        assert (status, headers["retry-after"]) == (429, "10")
        clock.advance(9.999)
        assert ask(gateway, body=BODY)[0] == 429
        clock.advance(0.001)
        assert ask(gateway, body=BODY)[0] == 200
        windows = [ref.window for call in gateway.finished(3) for ref in call.call.budgets]
        assert windows == ["0/2026-03-01T00:00:00Z"] * 2 + ["0/2026-04-01T00:00:00Z"]
        assert gateway.admin.get("admin", "budgets", "search-day")["state"] == "open"


def test_a_reset_opens_at_once(gateway: RunningGateway) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET)
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "12.5")
    shown = gateway.admin.get("admin", "budgets", "search-day")
    assert (shown["state"], shown["spent_usd"]) == ("blocked", "12.500000000000")
    assert (shown["remaining_usd"], shown["overshoot_usd"]) == ("0.000000000000", "2.500000000000")
    assert ask(gateway)[0] == 429
    shown = gateway.admin.post("admin", "budgets", "search-day", "reset")
    assert (shown["state"], shown["spent"], shown["remaining"]) == (
        "open",
        "0.000000000000",
        "10.000000000000",
    )
    assert ask(gateway)[0] == 200


def test_unblocking_deleting_and_other_scopes_let_through(gateway: RunningGateway) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET)
    gateway.admin.post("admin", "budgets", body=BUDGET | {"name": "ads", "scope": {"team": "ads"}})
    gateway.set_state("ads", BudgetStatus.BLOCKED, "99")
    assert ask(gateway)[0] == 200
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "99")
    assert ask(gateway)[0] == 429
    gateway.set_state("search-day", BudgetStatus.WARNED, "9")
    assert ask(gateway)[0] == 200
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "99")
    gateway.admin.delete("admin", "budgets", "search-day")
    assert ask(gateway)[0] == 200


@pytest.mark.parametrize(
    ("scope", "path", "headers"),
    [
        ({"user": "ada"}, CHAT, {"x-spendstream-user": "ada"}),
        ({"project": "p"}, CHAT, {"x-spendstream-project": "p"}),
        ({"tag": "feature=x"}, CHAT, {"x-spendstream-tags": '{"feature":"x"}'}),
        ({"tag": "feature"}, CHAT, {"x-spendstream-tags": '{"feature":"y"}'}),
        ({"model": "gpt-4o-mini"}, "/v1/chat/completions", {}),
        ({"org": "default"}, CHAT, {}),
        ({"provider": "openai", "team": "search"}, CHAT, {}),
    ],
)
def test_every_kind_of_scope_blocks_what_it_covers(
    gateway: RunningGateway, scope: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    gateway.admin.post("admin", "budgets", body=BUDGET | {"scope": scope})
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "10")
    assert ask(gateway, path, BODY, headers)[0] == 429
    other = b'{"model":"mistral-small-latest","messages":[{"role":"user","content":"x"}]}'
    covered = scope == {"org": "default"}
    assert ask(gateway, "/mistral/v1/chat/completions", other)[0] == (429 if covered else 200)


def test_a_keys_budget(gateway: RunningGateway) -> None:
    key_id = gateway.admin.get("admin", "keys")[0]["key_id"]
    other = gateway.admin.post("admin", "keys", body={"team": "search"})["key"]
    gateway.admin.post("admin", "budgets", body=BUDGET | {"scope": {"key": key_id}})
    gateway.set_state("search-day", BudgetStatus.BLOCKED, "10")
    assert ask(gateway)[0] == 429
    assert ask(gateway, headers={"authorization": f"Bearer {other}"})[0] == 200


def test_a_keys_own_project_holds_against_the_header(gateway: RunningGateway) -> None:
    key = gateway.admin.post("admin", "keys", body={"team": "search", "project": "mine"})["key"]
    ask(gateway, headers={"authorization": f"Bearer {key}", "x-spendstream-project": "yours"})
    assert gateway.only_call().call.who.project == "mine"
