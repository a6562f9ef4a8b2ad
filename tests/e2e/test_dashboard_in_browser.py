"""The Overview in a real browser: the warehouse's own total, both themes, links, filters, failure and recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ingest.attribution import BudgetScope
from ingest.events.calls import Outcome
from ingest.events.costs import CallCosted
from ingest.events.states import BudgetStatus
from ingest.money import ZERO, show_usd, usd
from tests.builders import a_budget, a_budget_state, a_call_costed
from tests.fixtures.browser import Watched, open_page
from tests.fixtures.dashboard import DashboardProcess, report_progress, store_calls, store_states
from warehouse.client import Client

pytestmark = pytest.mark.browser

CARDS = ("kpis", "by-team", "budgets", "cumulative", "models", "keys")
_TEAMS = ("search", "code", "growth", "")


def some_calls(now: datetime, simulated: bool = True) -> list[CallCosted]:
    """Calls of the last hours and days of four teams; some refused, some unpriced."""
    calls = []
    for number in range(120):
        is_refused = number % 11 == 0
        is_priced = number % 17 != 0
        cost = (
            ZERO
            if is_refused or not is_priced
            else usd(f"{(number * 7919) % 997}.{number:03d}456789012"[:16])
        )
        calls.append(
            a_call_costed(
                started_at=now - timedelta(minutes=13 * number * (1 + number % 5)),
                team=_TEAMS[number % 4],
                key_id=f"0199aaaa-0000-7000-8000-{number % 6:012d}",
                model="gpt-4o" if number % 3 else "gpt-4o-mini",
                response_model="gpt-4o" if number % 3 else "gpt-4o-mini",
                outcome=Outcome.REFUSED if is_refused else Outcome.OK,
                is_priced=is_priced,
                cost_usd=cost,
                tags={"simulated": "true"} if simulated else {},
            )
        )
    return calls


def spent(calls: list[CallCosted], start: datetime, team: str | None = None) -> Decimal:
    return sum(
        (
            event.cost.cost_usd
            for event in calls
            if event.finished.call.started_at >= start and team in (None, event.finished.call.who.team)
        ),
        ZERO,
    )


def month_start(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def dashboard(warehouse: Client, clickhouse_database: str, tmp_path: Path) -> Iterator[DashboardProcess]:
    """In front of the test's database."""
    process = DashboardProcess(tmp_path, clickhouse_database)
    process.launch()
    try:
        process.wait_ready()
        yield process
        assert process.stop() == 0
        assert "Traceback" not in process.output()
    finally:
        process.end()


@pytest.fixture
def calls(warehouse: Client, now: datetime) -> list[CallCosted]:
    found = some_calls(now)
    store_calls(warehouse, found)
    company = a_budget(
        name="company", scope=BudgetScope(org="default"), limit_usd=Decimal(90_000), created_at=now
    )
    small = a_budget(name="search-total", window="total", limit_usd=Decimal(5), created_at=now)
    window = f"0/{month_start(now):%Y-%m-%dT%H:%M:%SZ}"
    store_states(
        warehouse,
        [
            a_budget_state(
                budget=company, spent_usd=spent(found, month_start(now)), window=window, changed_at=now
            ),
            a_budget_state(
                budget=small,
                spent_usd=usd("5.5"),
                status=BudgetStatus.BLOCKED,
                window=f"0/{now:%Y-%m-%dT%H:%M:%SZ}",
                changed_at=now,
                until=None,
            ),
        ],
    )
    report_progress(warehouse, now)
    return found


def opened(browser: Browser, dashboard: DashboardProcess, path: str = "/", scheme: str = "light") -> Watched:
    watched = open_page(browser, scheme)
    watched.page.goto(f"{dashboard.url}{path}")
    return watched


def shown(page: Page, *cards: str) -> None:
    for card in cards or CARDS:
        expect(page.locator(f"#{card}")).to_have_attribute("data-state", "shown")


def total(page: Page) -> Locator:
    return page.locator("#total-spend")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_total_is_the_sum_of_the_calls_and_nothing_goes_wrong(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess, now: datetime, scheme: str
) -> None:
    watched = opened(chromium, dashboard, scheme=scheme)
    page = watched.page
    shown(page)
    expected = spent(calls, month_start(now))
    expect(total(page)).to_have_attribute("data-exact-usd", f"{expected:f}")
    expect(total(page)).to_have_text(show_usd(expected))
    expect(page.locator("#freshness")).to_contain_text("Simulated data")
    expect(page.locator("#freshness")).to_contain_text("complete to")
    for chart in ("by-team", "cumulative"):
        expect(page.locator(f"#{chart} .js-plotly-plot .main-svg").first).to_be_visible()
    expect(page.locator("[data-budget=search-total]")).to_contain_text("blocked")
    expect(page.locator("#welcome")).to_be_hidden()

    assert page.locator("html").get_attribute("data-mantine-color-scheme") == scheme
    label = page.locator("#by-team .xtick text").first
    expect(label).to_have_css("fill", "rgb(154, 163, 173)" if scheme == "dark" else "rgb(89, 97, 107)")
    assert watched.faults == []
    assert watched.hosts == {f"127.0.0.1:{dashboard.port}"}
    page.context.close()


def test_the_theme_is_switched_at_once_and_remembered(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess
) -> None:
    watched = opened(chromium, dashboard)
    page = watched.page
    shown(page)
    page.locator("#by-team .js-plotly-plot").evaluate("plot => { plot.dataset.mark = 'same'; }")
    page.locator("#colours-toggle").click()
    text = page.locator("#by-team .xtick text").first
    expect(text).to_have_css("fill", "rgb(154, 163, 173)")
    # Redrawn in place: had it been replaced, it would have flickered and lost the mark.
    assert page.locator("#by-team .js-plotly-plot").evaluate("plot => plot.dataset.mark") == "same"
    page.reload()
    shown(page)
    assert page.locator("html").get_attribute("data-mantine-color-scheme") == "dark"
    expect(page.locator("#by-team .xtick text").first).to_have_css("fill", "rgb(154, 163, 173)")
    assert watched.faults == []
    page.context.close()


def test_a_link_shows_what_it_says_and_the_bar_writes_links(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess, now: datetime
) -> None:
    week = (now - timedelta(days=6)).replace(hour=0, minute=0, second=0, microsecond=0)
    watched = opened(chromium, dashboard, "/?range=7d&team=search")
    page = watched.page
    shown(page)
    expect(total(page)).to_have_attribute("data-exact-usd", f"{spent(calls, week, 'search'):f}")
    expect(page.locator(".filter-bar")).to_contain_text("search")

    page.get_by_text("Month to date", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?v=1&range=mtd&team=search$"))
    month = f"{spent(calls, month_start(now), 'search'):f}"
    expect(total(page)).to_have_attribute("data-exact-usd", month)

    page.locator("#team-filter").click()
    page.get_by_role("option", name="code", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?v=1&range=mtd&team=code&team=search$"))
    both = spent(calls, month_start(now), "search") + spent(calls, month_start(now), "code")
    expect(total(page)).to_have_attribute("data-exact-usd", f"{both:f}")

    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_contain_text("Copied")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == f"{dashboard.url}/?v=1&range=mtd&team=code&team=search"

    page.go_back()
    expect(total(page)).to_have_attribute("data-exact-usd", month)
    page.locator("#reset").click()
    expect(page).to_have_url(re.compile(r"\?v=1&range=mtd$"))
    expect(total(page)).to_have_attribute("data-exact-usd", f"{spent(calls, month_start(now)):f}")
    assert watched.faults == []
    page.context.close()


def test_a_key_is_counted_from_single_calls(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess, now: datetime
) -> None:
    key = "0199aaaa-0000-7000-8000-000000000003"
    watched = opened(chromium, dashboard, f"/?range=mtd&key={key}")
    shown(watched.page)
    of_key = [event for event in calls if event.finished.call.who.key_id == key]
    expect(total(watched.page)).to_have_attribute("data-exact-usd", f"{spent(of_key, month_start(now)):f}")
    assert watched.faults == []
    watched.page.context.close()


def test_a_hostile_link_gives_notices_and_a_page(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess
) -> None:
    path = "/?v=7&range=forever&team=%27%3B+DROP+TABLE+calls&nonsense=%3Cscript%3Ealert(1)%3C/script%3E"
    watched = opened(chromium, dashboard, path)
    page = watched.page
    shown(page, "kpis")
    notices = page.locator("#notices")
    for sentence in (
        "The link is of version “7”",
        "There is no period “forever”",
        "unknown part “nonsense”",
        "No call of this period has the team “'; DROP TABLE calls”.",
    ):
        expect(notices).to_contain_text(sentence)
    expect(page.locator("#by-team")).to_have_attribute("data-state", "empty")
    expect(page.locator("#by-team")).to_contain_text("No calls match the filters.")
    assert watched.faults == []
    page.context.close()


def test_an_empty_warehouse_says_what_to_do_and_fills_by_itself(
    chromium: Browser, dashboard: DashboardProcess, warehouse: Client, now: datetime
) -> None:
    watched = opened(chromium, dashboard)
    page = watched.page
    expect(page.locator("#welcome")).to_have_attribute("data-state", "shown")
    expect(page.locator("#welcome")).to_contain_text("/v1/chat/completions")
    expect(page.locator("#welcome")).to_contain_text("make demo")
    expect(total(page)).to_have_text("$0.00")
    expect(page.locator("#freshness")).to_contain_text("no report from the loader yet")

    found = some_calls(now, simulated=False)
    store_calls(warehouse, found)
    report_progress(warehouse, now)
    expect(total(page)).to_have_attribute("data-exact-usd", f"{spent(found, month_start(now)):f}")
    expect(page.locator("#welcome")).to_be_hidden()
    expect(page.locator("#freshness")).not_to_contain_text("Simulated data")
    shown(page, "by-team", "cumulative", "models", "keys")
    assert watched.faults == []
    page.context.close()


def test_every_chart_can_be_read_as_a_table_and_every_card_as_sql(
    chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess
) -> None:
    watched = opened(chromium, dashboard, "/?range=30d")
    page = watched.page
    shown(page)
    for chart in ("by-team", "cumulative"):
        page.locator(f"#{chart}-as-table").focus()
        page.keyboard.press("Enter")
        expect(page.locator(f"#{chart} .card-table table")).to_be_visible()
        expect(page.locator(f"#{chart}-chart")).to_be_hidden()
    for card in CARDS[1:]:
        page.locator(f"#{card}").get_by_role("button", name="Show the SQL of").click()
        dialogue = page.get_by_role("dialog")
        expect(dialogue).to_contain_text("SELECT")
        expect(dialogue).to_contain_text("SET param_")
        page.keyboard.press("Escape")
        expect(dialogue).to_be_hidden()
    assert watched.faults == []
    page.context.close()


def test_it_fits_a_telephone(chromium: Browser, calls: list[CallCosted], dashboard: DashboardProcess) -> None:
    watched = open_page(chromium, size=(390, 844))
    page = watched.page
    page.goto(dashboard.url)
    shown(page)
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, "nothing makes the page scroll sideways"
    expect(page.locator("#filter-panel")).to_be_hidden()
    page.locator("#filters-toggle").click()
    expect(page.locator("#filter-panel")).to_be_visible()
    page.locator("#menu").click()
    link = page.locator("#navigation").get_by_role("link", name="Budgets")
    link.click()
    expect(link).not_to_be_in_viewport()
    expect(page.locator("#budgets")).to_be_in_viewport()
    assert watched.faults == []
    page.context.close()
