from __future__ import annotations

import json
import random
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from gateway_shim.simulation.habits import TEAMS, UNKNOWN_MODEL, Shape, Team, Work
from gateway_shim.simulation.traffic import TrafficSettings
from gateway_shim.simulation.traffic_pace import Pace, budget_refusal, error_message, wave
from gateway_shim.simulation.traffic_requests import draw_call
from ingest.errors import InvalidSetting

WORKS = [(team, work) for team in TEAMS for work in team.works]
PRICE_PROVIDERS = {"gemini": "google"}


def test_shares_add_up() -> None:
    assert sum(team.share for team in TEAMS) == pytest.approx(1)
    assert len({team.name for team in TEAMS}) == len(TEAMS)


@pytest.mark.parametrize("work", [work for _, work in WORKS], ids=lambda work: work.model)
def test_every_model_has_a_price_but_one(work: Work) -> None:
    def price() -> object:
        provider = PRICE_PROVIDERS.get(work.provider, work.provider)
        model = work.model.rpartition("/")[2]
        return calc_price(Usage(input_tokens=10_000), model, provider_id=provider).total_price

    if work.model == UNKNOWN_MODEL:
        with pytest.raises(LookupError):
            price()
    else:
        assert price()


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.name)
def test_a_call_says_who_makes_it_and_that_it_is_simulated(team: Team) -> None:
    rng = random.Random(1)
    paths = set()
    for _ in range(60):
        call = draw_call(team, "sk-team", rng)
        paths.add(call.path.split("/")[1])
        named = json.loads(call.headers["x-spendstream-tags"])
        assert named["simulated"] == "true"
        assert call.headers["x-spendstream-user"] in team.users
        assert call.headers["x-spendstream-project"] in team.projects
        sent = {call.headers.get(name) for name in ("authorization", "x-api-key", "x-goog-api-key")}
        assert sent - {None} in ({"Bearer sk-team"}, {"sk-team"})
        body = json.loads(call.body)
        assert call.stream == bool(body.get("stream") or ":stream" in call.path)
    assert paths == {"v1" if work.routed else work.provider for work in team.works}


def test_the_same_seed_draws_the_same_calls() -> None:
    draws = [[draw_call(TEAMS[0], "k", random.Random(7)) for _ in range(3)] for _ in range(2)]
    assert draws[0] == draws[1]


def test_embeddings_cannot_stream() -> None:
    work = Work(provider="openai", model="m", shape=Shape.EMBEDDINGS, feature="f", streams=1.0)
    team = Team(name="t", share=1, projects=("p",), users=("u",), works=(work,))
    with pytest.raises(ValueError, match="do not stream"):
        draw_call(team, "k", random.Random(1))


def test_the_wave_is_one_on_average() -> None:
    for team in TEAMS:
        factors = [wave(team, second, 600) for second in range(600)]
        assert sum(factors) / 600 == pytest.approx(1)
        assert min(factors) == pytest.approx(0.4, abs=0.01)
        assert max(factors) == pytest.approx(1.6, abs=0.01)


REFUSED = {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "message"),
    [
        (429, REFUSED, b'{"error":{"message":"Budget code is spent."}}', "Budget code is spent."),
        (402, REFUSED, b'{"type":"error","error":{"message":"spent\\n until 1 Dec"}}', "spent until 1 Dec"),
        (403, REFUSED, b"no json", "status 403"),
        (429, {"retry-after": "1"}, b'{"error":{"message":"Rate limit"}}', None),
        (429, {"x-should-retry": "true"}, b"{}", None),
        (500, REFUSED, b"{}", None),
        (200, REFUSED, b"{}", None),
    ],
)
def test_a_budget_refusal_is_told_from_a_providers_rate_limit(
    status: int, headers: dict[str, str], body: bytes, message: str | None
) -> None:
    assert budget_refusal(status, headers, body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'[{"error":{"code":429,"message":"a"}}]', "a"),
        (b'{"object":"error","message":"b","type":"c"}', "b"),
        (b'{"detail":"d"}', "d"),
        (b"[]", "[]"),
        (b"", ""),
        (b'{"error":{"message":"' + b"x" * 1000 + b'"}}', "x" * 240),
    ],
)
def test_the_message_is_found_in_every_shape(body: bytes, message: str) -> None:
    assert error_message(body) == message


def test_a_team_slows_down_once_and_recovers_once() -> None:
    said: list[str] = []
    pace = Pace(TEAMS[1], said.append)
    pace.answered(was_slow=False)
    assert (pace.factor, said) == (1.0, [])
    for _ in range(3):
        pace.refused("the budget is spent")
    pace.answered(was_slow=False)  # was on its way when the budget was spent
    assert (pace.factor, len(said)) == (0.1, 1)
    for _ in range(3):
        pace.answered(was_slow=True)
    assert pace.factor == 1.0
    assert said == ["code: refused by a budget and slowing down (the budget is spent)", "code: served again"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"keys": {}}, "no team"),
        ({"keys": {"sales": "k"}}, "sales; the teams are support, code"),
        ({"keys": {"code": "k"}, "rate": 0.0}, "rate is 0.0"),
        ({"keys": {"code": "k"}, "abort_share": 2.0}, "abort_share is 2.0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSetting, match=says):
        TrafficSettings(**wrong)
