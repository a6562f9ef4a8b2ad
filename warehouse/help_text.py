"""Help of the command line, written with line breaks for those who read the code and shown as flowing paragraphs."""

from __future__ import annotations

import re


def flowing(text: str) -> str:
    """`text` with each paragraph in one line; blank lines stay."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip())
