"""The application over HTTP, without a browser: headers, health, hostile requests, and every callback's answer."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient
from plotly.utils import PlotlyJSONEncoder

from dashboard import app as dashboard_app, requests
from dashboard.app import create_dashboard
from dashboard.pages import overview
from dashboard.settings import DashboardSettings
from ingest.clock import FixedClock
from ingest.ids import new_id
from tests.unit.dashboard.frames import NOW, FakeReader, frame
from warehouse.errors import SchemaMissing, WarehouseRefused, WarehouseUnavailable
from warehouse.queries.freshness import Activity, PipelineProgress

SETTINGS = DashboardSettings(
    host="127.0.0.1",
    port=8050,
    clickhouse="http://user:warehouse-password@127.0.0.1:8123/spendstream",
    gateway="http://127.0.0.1:8080",
    secret_key="a-secret-key",
)
ASSETS = Path(dashboard_app.__file__).parent / "assets"
PAGE = overview.create_page(SETTINGS.gateway)


def dashboard(reader: FakeReader | None = None, settings: DashboardSettings = SETTINGS) -> Dash:
    return create_dashboard(settings, reader or FakeReader(), FixedClock(NOW))


@pytest.fixture(scope="module")
def app() -> Dash:
    return dashboard()


@pytest.fixture
def client(app: Dash) -> Iterator[FlaskClient]:
    with app.server.test_client() as client:
        client.environ_base["HTTP_HOST"] = "127.0.0.1:8050"
        yield client


def call(app: Dash, output: str, inputs: dict[str, Any], changed: str) -> Any:
    """Fire the callback whose output begins so, as the browser does; other inputs and states are null."""
    (spec,) = [
        found for key, found in app.callback_map.items() if key.startswith(output) and "callback" in found
    ]
    parts = [
        {
            "id": part["id"],
            "property": part["property"],
            "value": inputs.get(f"{part['id']}.{part['property']}"),
        }
        for part in spec["inputs"]
    ]
    states = [{**part, "value": inputs.get(f"{part['id']}.{part['property']}")} for part in spec["state"]]
    (key,) = [key for key in app.callback_map if key.startswith(output)]
    outputs = [
        {"id": name.rsplit(".", 1)[0], "property": name.rsplit(".", 1)[1]}
        for name in key.strip(".").split("...")
    ]
    body = {
        "output": key,
        "outputs": outputs if key.startswith("..") else outputs[0],
        "inputs": parts,
        "state": states,
        "changedPropIds": [changed] if changed else [],
    }
    client = app.server.test_client()
    answer = client.post("/_dash-update-component", json=body, headers={"Host": "127.0.0.1:8050"})
    assert answer.status_code in (200, 204), answer.text
    return json.loads(answer.text)["response"] if answer.status_code == 200 else None


def test_headers_forbid_other_origins_frames_and_guesses(client: FlaskClient) -> None:
    headers = client.get("/").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert re.fullmatch(r"'self'( 'sha256-[A-Za-z0-9+/=]+')+", policy["script-src"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert len(headers["X-Request-Id"]) == 12


def test_every_inline_script_is_covered_by_the_policy(client: FlaskClient) -> None:
    answer = client.get("/")
    page = re.sub(r"<!--.*?-->", "", answer.text, flags=re.DOTALL)
    inline = re.findall(
        r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", page, re.DOTALL
    )
    assert len(inline) >= 2
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in answer.headers["Content-Security-Policy"], script[:200]


def test_the_page_names_no_other_host(client: FlaskClient) -> None:
    assets = [f"/assets/{path.relative_to(ASSETS)}" for path in ASSETS.rglob("*.*")]
    assert len(assets) > 10
    for path in ("/", "/_dash-layout", "/_dash-dependencies", *assets):
        with client.get(path) as answer:
            assert answer.status_code == 200
            text = answer.get_data(as_text=True).replace("\\u002f", "/")
            hosts = set(re.findall(r"https?://([^/\"' )]+)", text))
        # The name of SVG's namespace, and where Dash's debug mode would look for news: nobody asks them for anything,
        # and the policy would not let them be asked.
        assert hosts <= {"www.w3.org", "dash-version.plotly.com:8080"}, path
    assert '"ui":false' in client.get("/").text


def test_no_secret_is_in_the_page(client: FlaskClient) -> None:
    for path in ("/", "/_dash-layout", "/_dash-dependencies", "/health"):
        text = client.get(path).text
        assert "warehouse-password" not in text
        assert SETTINGS.secret_key not in text
    assert "warehouse-password" not in repr(SETTINGS)
    assert SETTINGS.secret_key not in repr(SETTINGS)


def test_scripts_are_compressed_kept_by_the_browser_and_small_enough(client: FlaskClient) -> None:
    page = client.get("/").text
    scripts = re.findall(r'src="(/_dash-component-suites/[^"]+)"', page)
    scripts.append("/_dash-component-suites/plotly/package_data/plotly.min.js")
    total = 0
    for script in scripts:
        answer = client.get(script, headers={"Accept-Encoding": "br"})
        assert "no-store" not in answer.headers["Cache-Control"]
        total += len(answer.data)
        assert client.get(script, headers={"Accept-Encoding": "br"}).data == answer.data
    assert total < 2_500_000


def test_another_host_name_is_refused_on_loopback(client: FlaskClient) -> None:
    for host in ("evil.example", "evil.example:8050", "127.0.0.1.evil.example", "[::2]:8050", ""):
        assert client.get("/", headers={"Host": host}).status_code == 421
    for host in ("localhost:8050", "127.0.0.1", "[::1]:8050"):
        assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_any_host_name_will_do_where_others_are_let_in() -> None:
    open_to_all = dashboard(settings=DashboardSettings("0.0.0.0", 8050, "", "", "k"))
    assert open_to_all.server.test_client().get("/", headers={"Host": "spend.example"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.5", False),
        ("spend.example", False),
    ],
)
def test_loopback_is_recognised(host: str, is_local: bool) -> None:
    assert requests.is_loopback(host) is is_local


def test_a_request_that_is_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post("/_dash-update-component", data=b"x" * 300_000, content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (None, 200, "ok"),
        (WarehouseUnavailable("http://user:warehouse-password@host"), 503, "waiting"),
        (SchemaMissing("warehouse-password"), 503, "waiting"),
        (WarehouseRefused("warehouse-password"), 503, "failed"),
    ],
)
def test_health_is_that_of_the_warehouse(answer: Exception | None, code: int, status: str) -> None:
    reader = FakeReader({PipelineProgress: answer} if answer else {})
    client = dashboard(reader).server.test_client()
    found = client.get("/health", headers={"Host": "localhost"})
    assert (found.status_code, found.json and found.json["status"]) == (code, status)
    assert "warehouse-password" not in found.text
    assert client.get("/health/live", headers={"Host": "localhost"}).status_code == 200


def test_every_id_on_the_page_is_there_once(app: Dash) -> None:
    ids = [
        json.dumps(part.id, sort_keys=True)
        for root in (app.layout, PAGE.layout())
        for part in root._traverse()
        if getattr(part, "id", None)
    ]
    assert len(ids) == len(set(ids))


def test_every_callback_speaks_of_what_is_on_the_page(app: Dash, client: FlaskClient) -> None:
    pages = client.get("/_dash-layout").text + json.dumps(PAGE.layout(), cls=PlotlyJSONEncoder)
    known = set(re.findall(r'"id":\s*"([^"]+)"', pages))
    named = {
        part["id"]
        for found in app.callback_map.values()
        for part in (*found["inputs"], *found["state"])
        if not part["id"].startswith("{")
    }
    outputs = {name.rsplit(".", 1)[0] for key in app.callback_map for name in key.strip(".").split("...")}
    assert named | outputs <= known


def test_the_link_fills_the_controls(app: Dash) -> None:
    found = call(app, "..url.search", {"url.search": "?range=7d&team=search"}, "url.search")
    assert found["filters"]["data"] == "?v=1&range=7d&team=search"
    assert found["range"]["value"] == "7d"
    assert found["team-filter"]["value"] == ["=search"]
    assert found["period"]["children"] == "18–24 Nov 2026, UTC"
    assert "url" not in found, "the viewer's own link is left alone"


def test_a_control_changes_the_link(app: Dash) -> None:
    inputs = {
        "url.search": "",
        "range.value": "30d",
        "team-filter.value": ["=code"],
        "filters.data": "?v=1&range=mtd",
    }
    found = call(app, "..url.search", inputs, "range.value")
    assert found["url"]["search"] == found["filters"]["data"] == "?v=1&range=30d&team=code"
    assert "range" not in found
    assert "team-filter" not in found


def test_what_is_already_so_is_not_told_again(app: Dash) -> None:
    inputs = {"url.search": "?v=1&range=30d", "range.value": "30d", "filters.data": "?v=1&range=30d"}
    assert call(app, "..url.search", inputs, "range.value") is None


def test_reset_goes_back_to_the_month_to_date(app: Dash) -> None:
    inputs = {
        "url.search": "?range=7d",
        "range.value": "7d",
        "filters.data": "?v=1&range=7d",
        "reset.n_clicks": 1,
    }
    found = call(app, "..url.search", inputs, "reset.n_clicks")
    assert found["url"]["search"] == "?v=1&range=mtd"


@pytest.mark.parametrize(
    "hostile", ["?range=custom&from=x", "?team=%27%3BDROP", "?" + "a=b&" * 999, "?key=" + "%00" * 9]
)
@pytest.mark.parametrize("card", PAGE.cards, ids=lambda card: card.id)
def test_no_link_makes_a_card_fail(app: Dash, card: Any, hostile: str) -> None:
    inputs = {"filters.data": hostile, "colours.data": "<svg onload=x>", f"{card.id}.data-state": "loading"}
    found = call(app, f"..{card.id}.data-state", inputs, "filters.data")
    assert found[card.id]["data-state"] in {"shown", "empty", "absent"}


def test_a_card_waits_until_the_page_knows_filters_and_colours(app: Dash) -> None:
    assert call(app, "..kpis.data-state", {"filters.data": "?v=1&range=mtd"}, "filters.data") is None


def test_one_card_fails_and_the_others_do_not() -> None:
    from warehouse.queries.spend import TopKeys

    app = dashboard(FakeReader({TopKeys: WarehouseUnavailable("at http://x away")}))
    known = {"filters.data": "?v=1&range=mtd", "colours.data": "light"}
    failed = call(app, "..keys.data-state", known, "filters.data")
    assert failed["keys"]["data-state"] == "error"
    said = json.dumps(failed["keys-message"])
    assert "The warehouse does not answer just now." in said
    assert re.search(r"Request [0-9a-f]{12}", said)
    assert call(app, "..models.data-state", known, "filters.data")["models"]["data-state"] == "empty"


def test_a_fault_of_ours_is_an_error_of_the_card_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    broken = frame(Activity.columns[:1], [(NOW,)])
    app = dashboard(FakeReader({Activity: broken, **_all_broken()}))
    failed = call(app, "..models.data-state", {"filters.data": "?", "colours.data": "light"}, "filters.data")
    assert failed["models"]["data-state"] == "error"
    assert "Traceback" not in json.dumps(failed)
    assert "Traceback" in caplog.text


def _all_broken() -> dict[type, Any]:
    from warehouse.queries.spend import SpendTotals, TopModels

    wrong = frame(["nonsense"], [(1,)])
    return {TopModels: wrong, SpendTotals: wrong}


def test_the_sql_of_a_card_is_shown_when_asked_for(app: Dash) -> None:
    key = next(key for key in app.callback_map if "sql-dialogue" in key)
    button = {"type": "show-sql", "card": "keys"}
    name = json.dumps(button, sort_keys=True, separators=(",", ":"))
    body = {
        "output": key,
        "outputs": [
            {"id": "sql-dialogue", "property": "opened"},
            {"id": "sql-title", "property": "children"},
            {"id": "sql", "property": "children"},
        ],
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [
            {"id": "filters", "property": "data", "value": "?team=search"},
            {"id": "colours", "property": "data", "value": "light"},
        ],
        "changedPropIds": [f"{name}.n_clicks"],
    }
    answer = app.server.test_client().post(
        "/_dash-update-component", json=body, headers={"Host": "localhost"}
    )
    shown = json.loads(answer.text)["response"]
    assert shown["sql-dialogue"]["opened"] is True
    assert shown["sql-title"]["children"] == "SQL of Top keys"
    assert "team IN {teams:Array(String)}" in json.dumps(shown["sql"])


def test_ids_of_requests_are_their_own() -> None:
    assert len({new_id()[-12:] for _ in range(100)}) == 100
    assert requests.request_id() == ""
