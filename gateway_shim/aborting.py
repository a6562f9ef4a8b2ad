"""What becomes of a call whose caller leaves before the end of its answer, by provider and kind of answer.

*cancel*: the connection to the provider is cut at once, and what was produced until then is charged: the provider's last
word where it has said one, and an estimate for the rest. Right where the provider stops and bills no further.

*drain*: the answer is read on to its end, for nobody, so that the provider's own count is charged. Right where it bills the
whole answer anyway, and where nothing of the answer can be seen before its end: what it has cost would be a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from gateway_shim.metrics import GatewayMetrics
from ingest.errors import InvalidSetting

ANY = "*"
STREAM, WHOLE = "stream", "whole"
DRAIN_S = 30.0
DRAIN_LIMIT = 100


class OnAbort(StrEnum):
    """See the module."""

    CANCEL = "cancel"
    DRAIN = "drain"


Rules = Mapping[tuple[str, str], OnAbort]
"""(provider or `*`, `stream` or `whole`) -> what to do."""

# Why, and where it is documented: docs/metering.md, "When a caller leaves".
_DEFAULTS: Rules = {
    (ANY, STREAM): OnAbort.CANCEL,
    (ANY, WHOLE): OnAbort.DRAIN,
    ("bedrock", STREAM): OnAbort.DRAIN,
    ("gemini", STREAM): OnAbort.DRAIN,
}


@dataclass(frozen=True, slots=True)
class AbortPolicy:
    """What an operator has set; the defaults hold for the rest."""

    rules: Rules = field(default_factory=dict)
    drain_s: float = DRAIN_S
    """The longest that an answer is read on, seconds."""
    drain_limit: int = DRAIN_LIMIT
    """How many answers are read on at once; beyond, calls are cancelled."""

    def of(self, provider: str, is_stream: bool) -> OnAbort:
        """An operator's word goes before the defaults, a provider's name before `*`."""
        kind = STREAM if is_stream else WHOLE
        for rules in (self.rules, _DEFAULTS):
            for name in (provider, ANY):
                found = rules.get((name, kind))
                if found is not None:
                    return found
        raise AssertionError("the defaults know every call")


def read_rules(text: str, variable: str, known: Collection[str] | None = None) -> Rules:
    """`openai=cancel,bedrock.stream=drain,*.whole=drain` as rules; without a kind both are meant.

    Raises InvalidSetting, naming `variable`, for anything else, and for a provider that is none of `known`.
    """
    rules: dict[tuple[str, str], OnAbort] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        who, _, word = map(str.strip, entry.partition("="))
        provider, _, kind = (
            who.rpartition(".") if who.endswith((f".{STREAM}", f".{WHOLE}")) else (who, "", "")
        )
        if not provider or word not in tuple(OnAbort):
            raise InvalidSetting(
                f"{variable} holds {entry!r}; write PROVIDER=cancel or PROVIDER=drain, where PROVIDER may be * and may end"
                f" in .{STREAM} or .{WHOLE}"
            )
        if known is not None and provider != ANY and provider not in known:
            raise InvalidSetting(
                f"{variable} speaks of {provider!r}, which is none of {', '.join(sorted(known))}"
            )
        for one in (kind,) if kind else (STREAM, WHOLE):
            rules[provider, one] = OnAbort(word)
    return rules


class Drains:
    """Counts the answers that are read on for nobody."""

    def __init__(self, policy: AbortPolicy, metrics: GatewayMetrics) -> None:
        self.policy = policy
        self._metrics = metrics
        self._count = 0
        metrics.draining.set_function(lambda: self._count)

    @property
    def has_room(self) -> bool:
        """Whether one more may begin."""
        return self._count < self.policy.drain_limit

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one while it lasts."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    def ended(self, provider: str, how: str) -> None:
        """Count how an abandoned call ended: `cancelled`, `drained`, `timeout`, `broken`, `stopped`, `no_room`."""
        self._metrics.abandoned.labels(provider, how).inc()
