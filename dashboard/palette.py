"""Colours: Okabe and Ito's set, which the colour-blind can tell apart, one for each team for ever.

A team's colour follows from its place in the order of first calls, so that neither a filter nor a new team changes it.
From the ninth team on the set comes again, mixed with the background; a chart shows names beside colours anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Okabe & Ito, Color Universal Design (2008), in an order in which neighbours differ in lightness too. Black is left
# out: it is invisible on a dark page.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
OTHER = "#8A8F98"
_MIX = 0.45


@dataclass(frozen=True)
class Scheme:
    """The colours of a chart on a light or a dark page. Texts have a contrast of 4.5:1 or more on `surface`."""

    name: str
    surface: str
    text: str
    muted: str
    grid: str
    accent: str
    limit: str
    outline: str
    """Drawn round areas of data: on a light page, light colours need an edge."""


LIGHT = Scheme(
    name="light",
    surface="#ffffff",
    text="#1f2329",
    muted="#59616b",
    grid="#e6e9ed",
    accent="#0072B2",
    limit="#B34700",
    outline="rgba(31,35,41,0.35)",
)
DARK = Scheme(
    name="dark",
    surface="#1b1e23",
    text="#e6e8eb",
    muted="#9aa3ad",
    grid="#2e333a",
    accent="#56B4E9",
    limit="#FF9A52",
    outline="rgba(0,0,0,0.25)",
)
SCHEMES: Mapping[str, Scheme] = MappingProxyType({"light": LIGHT, "dark": DARK})


def scheme_named(name: object) -> Scheme:
    """The scheme of that name; light for anything else."""
    return SCHEMES.get(name, LIGHT) if isinstance(name, str) else LIGHT


def team_colours(teams_by_seniority: Iterable[str], scheme: Scheme) -> dict[str, str]:
    """The colour of each team, given all teams in the order of their first calls."""
    colours = {}
    for place, team in enumerate(dict.fromkeys(teams_by_seniority)):
        base = OKABE_ITO[place % len(OKABE_ITO)]
        is_repeat = place // len(OKABE_ITO) % 2 == 1
        colours[team] = mix(base, scheme.surface, _MIX) if is_repeat else base
    return colours


def mix(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0 to 1) of `other`; both as `#rrggbb`."""
    channels = (
        round(int(colour[i : i + 2], 16) * (1 - share) + int(other[i : i + 2], 16) * share) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02X}" for channel in channels)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)
