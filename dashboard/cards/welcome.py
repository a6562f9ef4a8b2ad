"""What to do while the warehouse has never seen a call."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboard import components
from dashboard.cards.card import Absent, Answers, Card, Shown, View
from warehouse.queries.freshness import Activity
from warehouse.queries.query import Query

_BODY = '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}'


def create_card(gateway_url: str) -> Card:
    """The card; `gateway_url` is where calls go to, such as `http://127.0.0.1:8080`."""

    def show(view: View, answers: Answers) -> Shown | Absent:  # noqa: ARG001 - says the same whatever is looked at
        activity = answers["activity"]
        if not activity.empty and int(activity.iloc[0]["calls"]):
            return Absent()
        return Shown(body=_steps(gateway_url))

    return Card(
        id="welcome",
        title="No calls yet",
        kind="full",
        questions=questions,
        show=show,
        is_absent_at_first=True,
    )


def questions(view: View) -> dict[str, Query]:  # noqa: ARG001 - all of time, all calls
    """Whether there ever was a call."""
    return {"activity": Activity()}


def curl_line(gateway_url: str) -> str:
    """A first call, ready to paste once the key stands in the variable."""
    return (
        f"curl {gateway_url}/v1/chat/completions \\\n"
        '  -H "Authorization: Bearer $SPENDSTREAM_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d '{_BODY}'"
    )


def _steps(gateway_url: str) -> list[Component]:
    return [
        html.P("As soon as a call goes through the gateway, it is priced and shown here within seconds."),
        html.P(
            [
                html.Strong("Send a first call. "),
                "The key is the one that the start printed, or a new one from ",
                html.Code("spendstream keys issue --team search"),
                ":",
            ]
        ),
        components.code_block(curl_line(gateway_url), "A first call"),
        html.P(
            [
                html.Strong("Just looking? "),
                html.Code("make demo"),
                " runs simulated providers and live traffic, so that every chart fills within a minute.",
            ]
        ),
    ]
