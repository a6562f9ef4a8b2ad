"""Which try of one logical call a request is, as the client's SDK says."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The SDKs of OpenAI and Anthropic: 0 for the first (openai-python and anthropic-sdk-python, `_base_client.py`).
_RETRY_COUNT = b"x-stainless-retry-count"
# The SDKs of AWS: `attempt=1; max=3`, 1 for the first ("Retry behavior", AWS SDKs and Tools Reference Guide).
_AMZ_REQUEST = b"amz-sdk-request"
_AMZ_ATTEMPT = re.compile(rb"(?:^|;)\s*attempt=([0-9]{1,6})\s*(?:;|$)")
_COUNT = re.compile(rb"\s*[0-9]{1,6}\s*")


def attempt_of(headers: Mapping[bytes, bytes]) -> int:
    """0 for the first try, and where nothing is said: the SDKs of Mistral and Google repeat a request as it was."""
    count = headers.get(_RETRY_COUNT, b"")
    if _COUNT.fullmatch(count):
        return int(count)
    found = _AMZ_ATTEMPT.search(headers.get(_AMZ_REQUEST, b""))
    return max(0, int(found[1]) - 1) if found else 0
