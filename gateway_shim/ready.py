"""What `make up` prints once everything runs: addresses, a first key, and one line to try."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from gateway_shim.admin.access import TOKEN_FILE
from gateway_shim.admin_client import AdminClient
from gateway_shim.secret_files import read_secret, write_secret
from gateway_shim.settings import GatewaySettings
from ingest.clock import Clock
from ingest.environ import WORKER_MARK

KEY_FILE = "first-key"
FIRST_TEAM = "default"
_CHAT = {
    "openai": ("/v1/chat/completions", "gpt-4o-mini"),
    "anthropic": ("/v1/chat/completions", "anthropic/claude-haiku-4-5"),
    "mistral": ("/v1/chat/completions", "mistral/mistral-small-latest"),
    "gemini": ("/v1/chat/completions", "gemini/gemini-2.5-flash"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that has to answer before all is ready."""

    name: str
    url: str
    """Answers with a status below 500 once it is ready."""


class Waiting:
    """Asks each part until it answers; says once, after a moment, what it waits for."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None], say: Callable[[str], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._say = say

    def wait(self, part: Part, patience_s: float = 2.0) -> None:
        """Returns once `part` answers, however long that takes."""
        self.until(lambda: _answers(part.url), f"{part.name} at {part.url}", patience_s)

    def until(self, is_ready: Callable[[], bool], what: str, patience_s: float = 2.0) -> None:
        """Returns once `is_ready`, however long that takes."""
        began, has_said = self._clock.monotonic(), False
        while not is_ready():
            if not has_said and self._clock.monotonic() - began > patience_s:
                has_said = True
                self._say(f"waiting for {what} …")
            self._sleep(0.1)


def first_key(home: Path, client: AdminClient) -> tuple[str, bool]:
    """The key that the printed line uses, and whether it was issued just now. Kept for its owner alone."""
    path = home / KEY_FILE
    key = read_secret(path)
    if key:
        return key, False
    key = client.post("admin", "keys", body={"team": FIRST_TEAM, "name": KEY_FILE})["key"]
    write_secret(path, key)
    return key, True


def worker_is_ready(home: Path) -> bool:
    """Whether the worker of this home has said that it works, and lives (it writes its process id to `worker.ready`)."""
    mark = home / WORKER_MARK
    try:
        os.kill(int(mark.read_text()), 0)
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return False  # PermissionError: the number belongs to somebody else's process by now
    return True


def without_credentials(address: str) -> str:
    """A warehouse's URL as it may be printed: scheme, host and port, no user, password or database."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def banner(settings: GatewaySettings, addresses: Mapping[str, str], key: str, is_first_time: bool) -> str:
    """What to print. `addresses` by name, in order."""
    rows = [f"  {name:<11}{address}" for name, address in addresses.items()]
    lines = ["", "Spendstream is ready", "", *rows, f"  {'key':<11}{key}   (team {FIRST_TEAM})"]
    if is_first_time and not settings.admin_token:
        token = read_secret(settings.home / TOKEN_FILE)
        lines.append(f"  {'admin':<11}{token}   (shown once; kept in {settings.home / TOKEN_FILE})")
    return "\n".join([*lines, "", "Try it:", "", *_trial(settings, addresses["gateway"], key), ""])


def _trial(settings: GatewaySettings, gateway: str, key: str) -> list[str]:
    """One line that works here and now: a call where a provider's credential is set, else the gateway's health."""
    configured = [name for name, upstream in settings.upstreams.items() if upstream.credential]
    if not configured:
        return [
            f"  curl {gateway}/health/ready",
            "",
            "No provider credential is set, so model calls would be answered by the provider's 401. To make some, set",
            "OPENAI_API_KEY, ANTHROPIC_API_KEY, MISTRAL_API_KEY or GEMINI_API_KEY and start again; `make demo` needs none.",
        ]
    path, model = _CHAT[configured[0]]
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
    return [
        f"  curl {gateway}{path} -H 'Authorization: Bearer {key}' -H 'content-type: application/json' -d '{body}'"
    ]


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0):
            return True
    except urllib.error.HTTPError as answer:
        answer.close()
        return answer.code < 500
    except (OSError, HTTPException):
        return False
