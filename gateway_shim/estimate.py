"""What a call used when the provider did not say, counted from its texts. Always marked as an estimate.

Only texts that people or models wrote count. Images, audio and files within a request do not, and neither does what a
provider adds by itself (its own system prompt, thoughts that it does not show): with those an estimate is too low.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec

from gateway_shim.kept_text import MOST_KEPT_BYTES, KeptText
from gateway_shim.tokenizer import ByLength, TokenCounter, tokens_of
from ingest.codec import NOT_JSON

_NOT_TEXT = frozenset(
    {"data", "url", "image_url", "file_data", "fileUri", "file_uri", "id", "type", "role", "model", "bytes"}
)
_ANSWER_TEXT = frozenset(
    {"content", "text", "thinking", "arguments", "refusal", "reasoning", "reasoning_content"}
)
_TOKEN_LISTS = ("input", "prompt")
_MESSAGE_LISTS = ("messages", "contents", "input")
_TOOLS = ("tools", "functions", "toolConfig")
# OpenAI's cookbook, "How to count tokens with tiktoken", section 6: three tokens frame a message, one is its role, one more
# goes with a name, and three begin the answer.
_TOKENS_A_MESSAGE = 4
_TOKENS_A_NAME = 1
_TOKENS_A_REPLY = 3


class Estimate(NamedTuple):
    """Tokens of the request, and of the answer's text that no usage covers."""

    input_tokens: int
    output_tokens: int


class Estimator:
    """Counts in one thread of its own, so that the event loop goes on; calls wait for one another there."""

    def __init__(self, counter: TokenCounter | None = None) -> None:
        self._counter = counter or ByLength()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="estimates")

    async def estimate(self, model: str, request: bytes | None, text: KeptText) -> Estimate:
        """`request` None: its tokens are known. Texts beyond 1 MiB each count at the rate of what was counted."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _count, self._counter, model, request, text)

    def close(self) -> None:
        """Give the thread up."""
        self._thread.shutdown(wait=False)


def rough(request: bytes | None, text: KeptText) -> Estimate:
    """The same by length alone, at once: for a process that is about to end."""
    return _count(ByLength(), "", request, text)


def request_tokens(counter: TokenCounter, model: str, body: bytes) -> int:
    """Tokens of a JSON request; 0 for anything else."""
    try:
        decoded = msgspec.json.decode(body)
    except NOT_JSON:
        return 0
    if not isinstance(decoded, dict):
        return 0
    framing = sum(_framing(decoded.get(name)) for name in _MESSAGE_LISTS)
    given = sum(_given_tokens(decoded.get(name)) for name in _TOKEN_LISTS)
    return given + framing + _bounded(counter, model, list(_request_texts(decoded)))


def answer_texts(body: Any) -> Iterator[str]:
    """The generated texts in a whole answer, decoded from JSON."""
    left = [body]  # no recursion: how deep an answer nests is not ours to say
    while left:
        value = left.pop()
        if isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            yield from (text for name in _ANSWER_TEXT & value.keys() if isinstance(text := value[name], str))
            left.extend(value.values())


def _count(counter: TokenCounter, model: str, request: bytes | None, text: KeptText) -> Estimate:
    sent = 0 if request is None else request_tokens(counter, model, request)
    kept = text.uncovered()
    counted = counter.count(model, [kept]) if kept else 0
    return Estimate(sent, _scaled(counted, text.kept_bytes, text.uncovered_bytes))


def _bounded(counter: TokenCounter, model: str, texts: list[str]) -> int:
    """Tokens of `texts`; what is beyond the limit counts at the rate of what is within."""
    sizes = [len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts]
    within, room = [], MOST_KEPT_BYTES
    for text, size in zip(texts, sizes, strict=True):
        piece = text if size <= room else text.encode(errors="replace")[:room].decode(errors="ignore")
        within.append(piece)
        room -= min(size, room)
        if not room:
            break
    return _scaled(counter.count(model, within), MOST_KEPT_BYTES - room, sum(sizes)) if texts else 0


def _scaled(tokens: int, counted_bytes: int, all_bytes: int) -> int:
    if all_bytes <= counted_bytes:
        return tokens
    return -(-tokens * all_bytes // counted_bytes) if counted_bytes else tokens_of(all_bytes)


def _framing(value: object) -> int:
    messages = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    if not messages:
        return 0
    names = sum("name" in message for message in messages)
    return len(messages) * _TOKENS_A_MESSAGE + names * _TOKENS_A_NAME + _TOKENS_A_REPLY


def _given_tokens(value: object) -> int:
    """How many tokens a request brings as such: numbers, in a list or in a list of lists."""
    if not isinstance(value, list):
        return 0
    lists = [member for member in value if isinstance(member, list)] or [value]
    return sum(isinstance(number, int) and not isinstance(number, bool) for one in lists for number in one)


def _request_texts(body: dict[str, Any]) -> Iterator[str]:
    for name in _TOOLS:
        if name in body:
            # Providers show the model a rendering of these, names of parameters included; as JSON they come near.
            yield msgspec.json.encode(body[name]).decode()
    left: list[Any] = [{name: value for name, value in body.items() if name not in _TOOLS}]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(member for name, member in value.items() if name not in _NOT_TEXT)
