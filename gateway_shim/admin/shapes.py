"""What the admin API takes and answers, as pydantic models. Unknown members are refused, money travels as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ingest.governance.budgets import BudgetMode

_NAME_PATTERN = r"^[^\s/\x00-\x1f](?:[^/\x00-\x1f]*[^\s/\x00-\x1f])?$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NAME_PATTERN)]
"""1 to 200 characters, no slash or control character, no blank at either end."""
OptionalText = Annotated[str, StringConstraints(max_length=200)]
_MONEY_PATTERN = r"^[0-9]+(\.[0-9]{1,12})?$"
Money = Annotated[str, StringConstraints(max_length=40, pattern=_MONEY_PATTERN)]
"""US dollars, such as `10.00`."""


PERCENT_PATTERN = r"^-?[0-9]+(\.[0-9]{1,6})?$"

_PATTERNS_IN_WORDS = {
    PERCENT_PATTERN: "is no percentage such as 12.5",
    _MONEY_PATTERN: "is no amount of US dollars such as 10.00: digits, and at most 12 places after a point",
    _NAME_PATTERN: "is no name: a slash, a control character or a blank at either end is not allowed",
}


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong, from one of pydantic's errors, in a sentence that shows no regular expression."""
    words = _PATTERNS_IN_WORDS.get(error.get("ctx", {}).get("pattern", ""))
    return f"{error['input']!r} {words}" if words else str(error["msg"]).removeprefix("Value error, ")


class Strict(BaseModel):
    """Refuses members that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(BaseModel):
    """Why a request was not done: one sentence."""

    detail: str


class TeamIn(Strict):
    """A team to be made."""

    name: Name


class TeamOut(BaseModel):
    """A team and how many keys it has."""

    name: str
    keys: int


class KeyIn(Strict):
    """A key to be issued; a team that does not exist is made."""

    team: Name
    name: OptionalText = ""
    project: OptionalText = ""


class IssuedKey(BaseModel):
    """A new key. `key` is shown here and never again."""

    key: str
    key_id: str
    team: str
    name: str
    project: str


class KeyOut(BaseModel):
    """A key as it can be listed."""

    key_id: str
    team: str
    name: str
    project: str
    issued_at: datetime


class ScopeIn(Strict):
    """What a budget covers: every dimension that is set must match. `tag` is `name=value`, or `name` for any value."""

    org: Name | None = None
    team: Name | None = None
    project: Name | None = None
    key: Name | None = None
    user: Name | None = None
    provider: Name | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    tag: Annotated[str, StringConstraints(min_length=1, max_length=401)] | None = None


class BudgetIn(Strict):
    """A budget to be set. Setting an existing name again changes it. What was spent stays spent, unless the window or the
    time zone changes: that begins a new balance."""

    name: Name
    scope: ScopeIn
    limit_usd: Money | Annotated[int, Field(ge=0, le=10**15, strict=True)]
    window: str = Field(
        "month", max_length=40, description="day, week, month, total, or an ISO 8601 duration"
    )
    timezone: str = Field("UTC", max_length=60)
    mode: BudgetMode = BudgetMode.SOFT
    warn_at: list[Annotated[float, Field(gt=0, le=10)]] = Field([0.5, 0.8, 1.0], max_length=20)


class BudgetOut(BaseModel):
    """A budget and where it stands in its current window. Money is USD as text."""

    name: str
    scope: dict[str, str]
    limit_usd: str
    window: str
    timezone: str
    mode: str
    warn_at: list[float]
    window_start: datetime
    window_end: datetime | None
    spent: str
    spent_usd: str
    reserved: str
    reserved_usd: str
    remaining: str
    remaining_usd: str
    overshoot_usd: str
    state: str
