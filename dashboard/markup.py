"""What Dash's signatures do not say: attributes of HTML beyond the named, and callbacks that run in the browser."""

from __future__ import annotations

from typing import Any


def attrs(**values: str) -> dict[str, Any]:
    """`aria-…` and `data-…` attributes, to be spread into a component: `**attrs(aria_label="Pages")`."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def in_browser(app: Any, source: str, *parts: Any) -> None:
    """Register a callback written in JavaScript; `parts` are its outputs and inputs."""
    app.clientside_callback(source, *parts)
