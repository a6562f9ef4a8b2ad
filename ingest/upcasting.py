"""Old events read for ever: the steps that turn the data of an older version of an event into the next one.

A field that is added with a default needs no new version. Whatever changes what is written (a name, a unit, a meaning)
gets one: the class's number grows by one, and a step is added here. A step is never changed or removed afterwards, and
works on plain JSON, not on today's classes. The golden files of each version stay, pinned by their digest.

Steps are taken where an event is decoded (`ingest.codec`), by every reader alike; what stands on the log is never
rewritten, and neither are rows that were made of old events: `spendstream replay` makes them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Json = dict[str, Any]
Step = Callable[[Json], Json]


def _components_say_per(costed: Json) -> Json:
    """Version 1 left out for how many a unit price is; only fees by the piece were not for 1,000,000."""
    cost = costed.get("cost", {})
    components = [
        component | {"per": 1000} if component.get("token_class") in ("web_search", "request") else component
        for component in cost.get("components", ())
    ]
    return costed | {"cost": cost | ({"components": components} if components else {})}


_STEPS: dict[str, tuple[Step, ...]] = {
    "CallCosted": (_components_say_per,),
    "CostCorrected": (_components_say_per,),
}
"""Event -> the step from version 1 to 2, from 2 to 3, and so on."""

_OBJECT = msgspec.json.Decoder(Json)


def current_version(name: str) -> int:
    """The version in which events of this class are written now."""
    return 1 + len(_STEPS.get(name, ()))


def upcast(name: str, version: int, data: bytes | msgspec.Raw) -> bytes:
    """`data` of `version`, as the current version writes it. Raises msgspec.DecodeError for what is no JSON object, or none
    of that version's shape."""
    value = _OBJECT.decode(data)
    try:
        for step in _STEPS.get(name, ())[version - 1 :]:
            value = step(value)
    except (AttributeError, LookupError, TypeError, ValueError) as reason:
        # A step may trust the shape of its version; what only claims to be of it must not end the reader.
        raise msgspec.ValidationError(f"data is not of version {version} ({reason})") from None
    return msgspec.json.encode(value)
