"""What the admin API says beside a price that was set, and the moments that it takes."""

from __future__ import annotations

import pytest

from tests.fixtures.gateway import RunningGateway
from tests.integration.test_gateway_admin import raw
from tests.integration.test_gateway_prices import RATES, prices_on

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "3000-01-01"])
def test_a_moment_that_nobody_can_mean_is_refused(gateway: RunningGateway, moment: str) -> None:
    status, answer = raw(gateway, "POST", "/admin/prices", RATES | {"effective_from": moment})
    said = f"effective_from: {moment[:4].lstrip('0')} is not within the years 2000 to 2999"
    assert (status, answer["detail"]) == (422, said)
    asked = (
        f"/admin/prices/effective?provider=deepseek&model=deepseek-v4-flash&at={moment.replace('+', '%2B')}"
    )
    assert raw(gateway, "GET", asked)[0] == 422
    assert prices_on(gateway) == []


def test_moments_are_shown_in_utc(gateway: RunningGateway) -> None:
    _, made = raw(gateway, "POST", "/admin/prices", RATES | {"effective_from": "2026-12-01T00:00:00+01:00"})
    assert made["effective_from"] == "2026-11-30T23:00:00Z"


def test_rates_that_leave_something_out_say_what(gateway: RunningGateway) -> None:
    pro = {
        "scope": {"provider": "gemini", "model": "gemini-2.5-pro"},
        "rates": {"input": "1", "web_search": "9"},
    }
    _, made = raw(gateway, "POST", "/admin/prices", pro)
    assert made["hint"] == (
        "there is no rate for output, so that calls with output tokens are unpriced;"
        " the list asks more for long input, and this price the same at any length"
    )
    free = pro | {"rates": {"input": "0", "output": "0"}}
    assert raw(gateway, "POST", "/admin/prices", free)[1]["hint"] == ""
