"""Numbers, amounts and times as people read them. Amounts stay `Decimal` until they are text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from ingest.money import show_usd, usd

MISSING = "–"
NO_NAME = "(none)"
_THOUSANDS = (
    (Decimal(10) ** 12, "T"),
    (Decimal(10) ** 9, "B"),
    (Decimal(10) ** 6, "M"),
    (Decimal(10) ** 3, "k"),
)
_PERCENT = Decimal("0.1")
_HUGE_CHANGE = 10


def exact_usd(value: Decimal) -> str:
    """The amount with all its 12 places, as the warehouse holds it: `1234.560000000000`."""
    return f"{usd(value):f}"


def exact_title(value: Decimal) -> str:
    """What a tooltip says about an amount that is shown rounded."""
    return f"exactly ${exact_usd(value)}"


def money(value: Decimal) -> str:
    """To the cent, finer below a dollar: `$1,234.56`, `$0.0032`."""
    return show_usd(value)


def short_money(value: Decimal) -> str:
    """For axes and tight places: `$1.2 M`, `$12.5 k`, else as `money`."""
    for size, unit in _THOUSANDS:
        if abs(value) >= size * 10 or (abs(value) >= size and unit != "k"):
            sign = "-" if value < 0 else ""
            return f"{sign}${abs(value) / size:,.1f} {unit}"
    return money(value)


def count(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def short_count(value: int) -> str:
    """`987`, `12.3 k`, `4.56 M`."""
    for size, unit in _THOUSANDS:
        if abs(value) >= size:
            scaled = Decimal(value) / size
            return f"{scaled:,.{1 if abs(scaled) >= 10 else 2}f} {unit}"
    return str(value)


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """`12.3 %`; a dash when there is no whole, and never `0.0 %` or `100.0 %` for what is not quite that."""
    if not whole:
        return MISSING
    share = Decimal(part) * 100 / Decimal(whole)
    shown = share.quantize(_PERCENT, ROUND_HALF_EVEN)
    if shown == 0 and share > 0:
        return "<0.1 %"
    if shown == 100 and share < 100:
        return ">99.9 %"
    return f"{shown:,f} %"


def change(now: Decimal, before: Decimal) -> str:
    """`+12 %`, `−8 %`, `×14` for large growth; `new` when there was nothing before, a dash when there is nothing."""
    if not before:
        return "new" if now else MISSING
    ratio = now / before
    if ratio >= _HUGE_CHANGE:
        return f"×{ratio:,.0f}"
    points = ((ratio - 1) * 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    sign = "+" if points > 0 else "−" if points < 0 else "±"
    return f"{sign}{abs(points):,f} %"


def name(text: str, nobody: str = NO_NAME) -> str:
    """A name, or what stands for a missing one."""
    return text or nobody


def clock_time(instant: datetime) -> str:
    """`10:42:07`, UTC."""
    return f"{instant.astimezone(UTC):%H:%M:%S}"


def day_and_time(instant: datetime) -> str:
    """`1 Dec 00:00`, UTC."""
    moment = instant.astimezone(UTC)
    return f"{moment.day} {moment:%b %H:%M}"


def day(instant: datetime) -> str:
    """`12 Nov`, UTC."""
    return f"{instant.astimezone(UTC).day} {instant:%b}"


def duration(length: timedelta) -> str:
    """The two largest units: `6 d 4 h`, `4 h 5 min`, `3 min`, `12 s`."""
    seconds = max(0, int(length.total_seconds()))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def age(then: datetime, now: datetime) -> str:
    """`just now`, `12 s ago`, `3 h 5 min ago`."""
    passed = now - then
    return "just now" if passed < timedelta(seconds=2) else f"{duration(passed)} ago"
