"""The admin API and the commands over it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
from typer.testing import CliRunner

from gateway_shim.cli import add_commands
from gateway_shim.keys import PREFIX
from ingest.codec import decode_event
from ingest.directory import hash_key
from ingest.errors import InvalidInput, Unavailable
from ingest.events.governance import BudgetDefined, KeyIssued
from ingest.topics import TopicName
from tests.fixtures.gateway import ADMIN_TOKEN, RunningGateway
from tests.fixtures.gateway_calls import ask

pytestmark = pytest.mark.integration

BUDGET: dict[str, Any] = {"name": "b", "scope": {"team": "search"}, "limit_usd": "10.00", "window": "month"}


def raw(
    gateway: RunningGateway, method: str, path: str, body: object = None, token: str = ADMIN_TOKEN
) -> tuple[int, Any]:
    """Status and JSON of one request."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    with closing(http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=20)) as connection:
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, data, headers)
        with connection.getresponse() as response:
            content = response.read()
    return response.status, json.loads(content) if content else None


def test_only_the_admin_token_opens_it(gateway: RunningGateway) -> None:
    for token in ("", "wrong", gateway.key):
        for method, path in (("GET", "/admin/keys"), ("POST", "/admin/teams"), ("DELETE", "/admin/keys/x")):
            status, body = raw(gateway, method, path, token=token)
            assert status == 401
            assert body == {"detail": "the admin API needs the admin token as 'Authorization: Bearer'"}


def test_a_keys_life(gateway: RunningGateway) -> None:
    status, made = raw(gateway, "POST", "/admin/keys", {"team": "ads", "name": "one"})
    assert status == 201
    assert made.keys() == {"key", "key_id", "team", "name", "project"}
    assert made["key"].startswith(PREFIX)
    assert len(made["key"]) == len(PREFIX) + 43
    bearer = {"authorization": f"Bearer {made['key']}"}
    assert ask(gateway, headers=bearer)[0] == 200
    listed = gateway.admin.get("admin", "keys")
    assert [key["key_id"] for key in listed if key["team"] == "ads"] == [made["key_id"]]
    assert "hash" not in json.dumps(listed)
    assert raw(gateway, "DELETE", f"/admin/keys/{made['key_id']}") == (204, None)
    assert ask(gateway, headers=bearer)[0] == 401
    assert raw(gateway, "DELETE", f"/admin/keys/{made['key_id']}") == (
        404,
        {"detail": f"there is no key {made['key_id']}"},
    )
    assert {"name": "ads", "keys": 0} in gateway.admin.get("admin", "teams")


def test_a_key_is_kept_as_a_hash_only(gateway: RunningGateway) -> None:
    records = gateway.log.all_records(TopicName.GOVERNANCE)
    issued = [e for r in records if isinstance(e := decode_event(r.value).data, KeyIssued)]
    assert [event.key_hash for event in issued] == [hash_key(gateway.key)]
    assert all(gateway.key.encode() not in (record.value or b"") for record in records)


def test_a_team_is_made_once(gateway: RunningGateway) -> None:
    assert raw(gateway, "POST", "/admin/teams", {"name": "ads"}) == (201, {"name": "ads"})
    assert raw(gateway, "POST", "/admin/teams", {"name": "ads"}) == (200, {"name": "ads"})
    assert [team["name"] for team in gateway.admin.get("admin", "teams")] == ["ads", "search"]


def test_a_budgets_life(gateway: RunningGateway) -> None:
    status, made = raw(gateway, "POST", "/admin/budgets", BUDGET | {"warn_at": [0.9, 0.5, 0.5]})
    assert status == 201
    assert made["scope"] == {"team": "search"}
    assert (made["limit_usd"], made["spent_usd"], made["reserved_usd"]) == (
        "10.000000000000",
        "0.000000000000",
        "0.000000000000",
    )
    assert (made["state"], made["mode"], made["warn_at"]) == ("open", "soft", [0.5, 0.9])
    assert raw(gateway, "GET", "/admin/budgets/b") == (200, made)
    assert raw(gateway, "GET", "/admin/budgets") == (200, [made])
    status, changed = raw(gateway, "POST", "/admin/budgets", BUDGET | {"limit_usd": 25})
    assert (status, changed["limit_usd"]) == (200, "25.000000000000")
    first, second = _budgets(gateway)
    assert (first.created_at, first.epoch) == (second.created_at, second.epoch)
    assert raw(gateway, "POST", "/admin/budgets/b/reset")[0] == 200
    assert _budgets(gateway)[-1].epoch == 1
    assert raw(gateway, "DELETE", "/admin/budgets/b") == (204, None)
    for method, path in (
        ("GET", "/admin/budgets/b"),
        ("DELETE", "/admin/budgets/b"),
        ("POST", "/admin/budgets/b/reset"),
    ):
        assert raw(gateway, method, path) == (404, {"detail": "there is no budget named 'b'"})


def test_a_name_that_is_used_again_is_a_new_balance(gateway: RunningGateway) -> None:
    for _ in range(2):
        raw(gateway, "POST", "/admin/budgets", BUDGET)
        raw(gateway, "DELETE", "/admin/budgets/b")
    assert [budget.epoch for budget in _budgets(gateway)] == [0, 1]


def test_another_window_is_a_new_balance(gateway: RunningGateway) -> None:
    for change in ({}, {"limit_usd": "20"}, {"window": "day"}, {"timezone": "Asia/Tokyo", "window": "day"}):
        raw(gateway, "POST", "/admin/budgets", BUDGET | change)
    assert [budget.epoch for budget in _budgets(gateway)] == [0, 0, 1, 2]


def test_changes_at_once_do_not_undo_each_other(gateway: RunningGateway) -> None:
    raw(gateway, "POST", "/admin/budgets", BUDGET)
    changes: list[tuple[str, object]] = [("/admin/budgets/b/reset", None), ("/admin/budgets", BUDGET)] * 8
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda change: raw(gateway, "POST", *change)[0], changes))
    assert answers == [200] * 16
    epochs = [budget.epoch for budget in _budgets(gateway)]
    assert epochs == sorted(epochs)
    assert epochs[-1] == 8


def _budgets(gateway: RunningGateway) -> list[Any]:
    records = gateway.log.all_records(TopicName.GOVERNANCE)
    return [e.budget for r in records if isinstance(e := decode_event(r.value).data, BudgetDefined)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mode": "hard"}, "mode 'hard' is not offered yet"),
        ({"limit_usd": 10.5}, "limit_usd"),
        ({"limit_usd": "-1"}, "limit_usd"),
        ({"limit_usd": "ten"}, "limit_usd: 'ten' is no amount of US dollars such as 10.00"),
        ({"window": "fortnight"}, "window 'fortnight'"),
        ({"window": "P1Y"}, "window 'P1Y'"),
        ({"window": f"P{'9' * 20}D"}, "at most 3660 days"),
        ({"timezone": "Mars/Olympus"}, "timezone 'Mars/Olympus'"),
        ({"scope": {}}, "scope names at least one"),
        ({"scope": {"planet": "mars"}}, "scope.planet"),
        ({"scope": {"team": 5}}, "scope.team"),
        ({"warn_at": [0]}, "warn_at"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name: 'a/b' is no name: a slash"),
        ({"name": "x" * 201}, "name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_nonsense_is_422_in_one_sentence(gateway: RunningGateway, change: dict[str, Any], says: str) -> None:
    status, body = raw(gateway, "POST", "/admin/budgets", BUDGET | change)
    assert status == 422
    assert body.keys() == {"detail"}
    assert says in body["detail"]
    assert gateway.admin.get("admin", "budgets") == []


@pytest.mark.parametrize("body", ["{", "[]", "", "null"])
def test_bodies_that_are_no_object_are_422(gateway: RunningGateway, body: str) -> None:
    status, answered = raw(gateway, "POST", "/admin/teams", body)
    assert status == 422
    assert isinstance(answered["detail"], str)


def test_without_the_log_nothing_is_promised(gateway: RunningGateway) -> None:
    gateway.log.fail = True
    status, body = raw(gateway, "POST", "/admin/teams", {"name": "ads"})
    assert status == 503
    assert "the log does not answer" in body["detail"]
    gateway.log.fail = False
    assert [team["name"] for team in gateway.admin.get("admin", "teams")] == ["search"]


def test_docs_load_nothing_from_elsewhere(gateway: RunningGateway) -> None:
    with closing(http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=20)) as connection:
        connection.request("GET", "/docs")
        page = connection.getresponse().read().decode()
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    for path in (
        "/admin/teams",
        "/admin/keys/{key_id}",
        "/admin/budgets/{name}/reset",
        "/health/ready",
        "/metrics",
    ):
        assert path in page
    assert "limit_usd" in page
    _, openapi = raw(gateway, "GET", "/openapi.json")
    assert openapi["openapi"].startswith("3.1")


@pytest.fixture
def command(gateway: RunningGateway) -> Callable[..., str]:
    """Runs a command and gives its output."""
    app = typer.Typer()
    add_commands(app, lambda: gateway.admin)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_commands_for_keys_and_teams(command: Callable[..., str], gateway: RunningGateway) -> None:
    made = json.loads(command("keys", "issue", "--team", "ads", "--name", "backend"))
    assert made.keys() == {"key", "key_id"}
    assert ask(gateway, headers={"authorization": f"Bearer {made['key']}"})[0] == 200
    listed = [json.loads(line) for line in command("keys", "list").splitlines()]
    assert made["key_id"] in [key["key_id"] for key in listed]
    command("keys", "revoke", made["key_id"])
    assert made["key_id"] not in command("keys", "list")
    command("teams", "create", "legal")
    names = [json.loads(line)["name"] for line in command("teams", "list").splitlines()]
    assert names == ["ads", "legal", "search"]
    with pytest.raises(InvalidInput, match="there is no key nobody"):
        command("keys", "revoke", "nobody")


def test_commands_for_budgets(command: Callable[..., str]) -> None:
    command(
        "budgets",
        "set",
        "b",
        "--limit",
        "0.10",
        "--scope",
        "team=ads",
        "--scope",
        "model=gpt-4o",
        "--window",
        "day",
    )
    shown = json.loads(command("budgets", "show", "b"))
    assert shown["limit_usd"] == "0.100000000000"
    assert shown["scope"] == {"team": "ads", "model": "gpt-4o"}
    assert len(command("budgets", "list").splitlines()) == 1
    assert json.loads(command("budgets", "reset", "b"))["state"] == "open"
    command("budgets", "delete", "b")
    assert command("budgets", "list") == ""
    with pytest.raises(InvalidInput, match="is not NAME=VALUE"):
        command("budgets", "set", "b", "--limit", "1", "--scope", "planet=mars")


def test_applying_a_file_twice_changes_nothing_more(
    command: Callable[..., str], gateway: RunningGateway, tmp_path: Path
) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(
        "teams: [ads, legal]\n"
        "keys:\n  - {team: ads, name: backend}\n"
        "budgets:\n  - {name: ads-day, scope: {team: ads}, limit_usd: 0.10, window: day, warn_at: [0.8]}\n"
    )
    first = command("apply", str(file))
    issued = json.loads(next(line for line in first.splitlines() if line.startswith("{")))
    assert ask(gateway, headers={"authorization": f"Bearer {issued['key']}"})[0] == 200
    assert gateway.admin.get("admin", "budgets", "ads-day")["limit_usd"] == "0.100000000000"
    again = command("apply", str(file))
    assert "was issued before" in again
    assert len([key for key in gateway.admin.get("admin", "keys") if key["team"] == "ads"]) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("teams: [a\n", "is no YAML"),
        ("surprise: 1\n", "surprise"),
        ("budgets:\n  - {name: x, scope: {team: y}, limit_usd: lots}\n", "'lots' is no amount of US dollars"),
        ("- a\n", "dictionary"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(
    command: Callable[..., str], tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=says):
        command("apply", str(file))


def test_a_gateway_that_is_not_there_is_one_sentence() -> None:
    from gateway_shim.admin_client import AdminClient

    with pytest.raises(Unavailable, match="does not answer"):
        AdminClient("http://127.0.0.1:9", "t").get("admin", "teams")
