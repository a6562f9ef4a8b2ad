"""The admin API from the command's side: one blocking HTTP call a question."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from ingest.errors import InvalidInput, Unavailable

_TIMEOUT_S = 30.0


class AdminClient:
    """Talks to the gateway at `url` (without a slash at the end)."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON answer. Raises InvalidInput with the gateway's sentence (4xx), or Unavailable."""
        return self._ask("GET", path, query=query)

    def post(self, *path: str, body: object = None) -> Any:
        """As `get`."""
        return self._ask("POST", path, body)

    def delete(self, *path: str) -> None:
        """As `get`."""
        self._ask("DELETE", path)

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        body: object = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        address = f"{self._url}/{'/'.join(quote(part, safe='') for part in path)}"
        request = urllib.request.Request(
            f"{address}?{urlencode(query)}" if query else address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/json"},
        )
        # Straight to the gateway, whatever proxies the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                content = answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                sentence = _sentence(answer.read(), answer.code)
            raise (InvalidInput if answer.code < 500 else Unavailable)(sentence) from None
        except (OSError, HTTPException) as reason:
            why = getattr(reason, "reason", reason)
            raise Unavailable(f"the gateway at {self._url} does not answer: {why}") from reason
        return json.loads(content) if content else None


def _sentence(content: bytes, status: int) -> str:
    try:
        detail = json.loads(content)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered with status {status}"
    return str(detail)


MakeClient = Callable[[], AdminClient]
"""Asked for when a command runs."""
