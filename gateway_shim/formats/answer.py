"""What is learnt from an answer while it passes, and the description of an API that says how to learn it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway_shim.kept_text import KeptText
from ingest.errors import InvalidMoney
from ingest.money import usd

Json = Mapping[str, Any]
Counts = dict[str, int]
"""Fields of `TokenUsage` and how much of each."""


class Answer:
    """Filled in by the functions of a `Format`, from one whole body or event by event."""

    __slots__ = (
        "_finished",
        "_once",
        "cost_usd",
        "counts",
        "error_type",
        "goes_on",
        "has_final_usage",
        "is_estimate",
        "is_over",
        "model",
        "response_id",
        "service_tier",
        "text",
        "usage",
    )

    def __init__(self) -> None:
        self.usage: dict[str, Any] | None = None
        """The provider's usage object as far as it is known; later counts replace earlier ones (they are totals)."""
        self.has_final_usage = False
        """Whether `usage` is what the provider will bill."""
        self.goes_on = False
        """Whether the provider works on it whatever becomes of the connection (a background response)."""
        self.is_over = False
        """Whether the provider has said that nothing more will be generated."""
        self.model = ""
        self.response_id = ""
        self.service_tier = ""
        self.error_type = ""
        """The provider's word for an error that it reported within the answer."""
        self.text = KeptText()
        """The generated text seen in events: what an estimate counts when the usage is missing."""
        self.counts: Counts = {}
        """What stands beside the usage object: calls of tools, images, seconds of audio."""
        self.cost_usd: Decimal | None = None
        """What the provider says that the call costs, USD."""
        self.is_estimate = False
        """Whether the counts, though final, are no full account: several models worked on it, or a part was reckoned."""
        self._once: dict[str, set[str]] = {}
        self._finished: dict[int, bool] = {}

    def merge_usage(self, usage: object) -> None:
        """Take over the counts of `usage`, where it is an object; a null count says nothing, nor does an empty object."""
        known = {name: count for name, count in members(usage).items() if count is not None}
        if known:
            self.usage = known if self.usage is None else self.usage | known
            self.text.cover()

    def count_once(self, name: str, key: str) -> None:
        """Count one more of `name`, unless the same thing, known by `key`, was counted before."""
        keys = self._once.setdefault(name, set())
        keys.add(key)
        self.counts[name] = len(keys)

    def see_choice(self, index: object, is_finished: bool) -> None:
        """One of several choices (`n`) went on, or finished: the answer is over when all that have begun are."""
        number = whole(index) or 0
        self._finished[number] = is_finished or self._finished.get(number, False)
        self.is_over = all(self._finished.values())

    def see_cost(self, amount: object) -> None:
        """Take over the provider's own word for the cost, USD; anything but a sensible number says nothing."""
        if isinstance(amount, bool) or not isinstance(amount, int | float | str):
            return
        try:
            cost = usd(str(amount))  # the shortest text of a JSON number is that number
        except InvalidMoney:
            return
        if cost >= 0:
            self.cost_usd = cost

    def name(self, body: Json, model: str = "model", response_id: str = "id") -> None:
        """Take over the model, the answer's id and the service tier, where `body` has them."""
        self.model = _text(body, model) or self.model
        self.response_id = _text(body, response_id) or self.response_id
        self.service_tier = _text(body, "service_tier") or self.service_tier

    def add_text(self, *pieces: object) -> None:
        """Keep generated text; anything but a text is none. Before the usage of the same event, which counts it."""
        for piece in pieces:
            if isinstance(piece, str):
                self.text.add(piece)


@dataclass(frozen=True, slots=True)
class Format:
    """One API of a provider."""

    operation: str
    """As in OpenTelemetry's `gen_ai.operation.name`, where that names it."""
    see_body: Callable[[Answer, Json], None]
    """Learn from a whole answer."""
    see_event: Callable[[Answer, Json], None]
    """Learn from the data of one event of a stream."""
    usage_root: str = "usage"
    """The member of an answer that genai-prices' extractor looks for."""
    extractor: tuple[str, str] | None = None
    """genai-prices' provider and API flavour; None: told from the usage's own members."""
    normalise: Callable[[Json], Json] = field(default=lambda usage: usage)
    """The usage object in the words that the extractor knows, for servers that say it in their own."""
    other_models: Callable[[Answer], list[tuple[str, Json]]] = field(default=lambda _: [])
    """(model, usage object) of what other models than the one that answered have done within the call."""
    with_request: Callable[[Answer, bytes], Counts] = field(default=lambda answer, _: answer.counts)
    """(answer, request body) -> its counts, for what only the request tells: the characters that were read aloud."""
    see_headers: Callable[[Answer, Mapping[str, str]], None] | None = None
    """Learn from the headers of a whole answer, named in any case; after its body."""
    see_text: Callable[[Answer, str], None] | None = None
    """Learn from a whole answer that is plain text (`text/…`); None: such an answer tells nothing."""
    output_limit: Callable[[Asked], int | None] = field(default=lambda _: None)
    """The most output tokens that the request allows, all choices together; None: no limit was given."""
    needs_json: bool = True
    """Whether a request that is no JSON object is refused; otherwise it passes unread."""
    wants_usage_option: bool = False
    """Whether a stream tells its usage only when `stream_options.include_usage` asks for it."""
    always_streams: bool = False
    tells_end: bool = True
    """Whether a stream says that its answer is over; otherwise its own end says it."""
    is_free: bool = False
    """Whether the provider bills nothing for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, as far as it could be read."""

    model: str = ""
    is_stream: bool = False
    body: Json = field(default_factory=dict)
    """The members that formats look at (see `gateway_shim.request_reading`)."""


def output_limit(*names: str, choices: str = "n") -> Callable[[Asked], int | None]:
    """A reader of the first of `names` that is a count, times the number of choices."""

    def read(asked: Asked) -> int | None:
        limit = next((count for name in names if (count := whole(asked.body.get(name))) is not None), None)
        if limit is None:
            return None
        return limit * (whole(asked.body.get(choices)) or 1)

    return read


def whole(value: object) -> int | None:
    """`value` if it is a whole number of 0 or more."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def items(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def members(value: object) -> Json:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
