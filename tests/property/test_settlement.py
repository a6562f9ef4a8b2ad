"""Wherever a stream is cut off, what is charged is consistent, marked, and loses nothing that was said before."""

from __future__ import annotations

import msgspec
from hypothesis import given, strategies as st

from gateway_shim.answer_reading import EventReader
from gateway_shim.estimate import Estimate
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.formats.anthropic_messages import ANTHROPIC_MESSAGES
from gateway_shim.formats.gemini_content import GEMINI_STREAM
from gateway_shim.formats.openai_chat import OPENAI_CHAT
from gateway_shim.settlement import Unsettled, settle, settle_at_once
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage, check_usage

REQUEST = b'{"messages":[{"role":"user","content":"four"}]}'
COUNTS = st.integers(0, 10**6)
TEXTS = st.lists(st.text(max_size=30), min_size=1, max_size=12)
Event = dict[str, object]


@st.composite
def anthropic(draw: st.DrawFn) -> tuple[Format, list[Event], int]:
    usage = {
        "input_tokens": draw(COUNTS),
        "cache_read_input_tokens": draw(COUNTS),
        "cache_creation_input_tokens": draw(COUNTS),
        "output_tokens": draw(st.integers(0, 30)),
    }
    events: list[Event] = [{"type": "message_start", "message": {"model": "m", "usage": usage}}]
    for text in draw(TEXTS):
        events.append({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}})
    return ANTHROPIC_MESSAGES, events, usage["cache_read_input_tokens"]


@st.composite
def gemini(draw: st.DrawFn) -> tuple[Format, list[Event], int]:
    prompt = draw(COUNTS)
    cached = draw(st.integers(0, prompt))
    events: list[Event] = []
    output = 0
    for text in draw(TEXTS):
        output += draw(st.integers(0, 9))
        event: Event = {"candidates": [{"content": {"parts": [{"text": text}]}}]}
        if not events or draw(st.booleans()):
            event["usageMetadata"] = {
                "promptTokenCount": prompt,
                "cachedContentTokenCount": cached,
                "candidatesTokenCount": output,
                "thoughtsTokenCount": 7,
            }
        events.append(event)
    return GEMINI_STREAM, events, cached


@st.composite
def openai(draw: st.DrawFn) -> tuple[Format, list[Event], int]:
    texts = draw(TEXTS)
    return OPENAI_CHAT, [{"model": "m", "choices": [{"delta": {"content": text}}]} for text in texts], 0


STREAMS = st.one_of(anthropic(), gemini(), openai())


def cut_off(format: Format, events: list[Event]) -> Answer:
    answer = Answer()
    reader = EventReader(answer, format)
    for event in events:
        reader.feed(b"data: " + msgspec.json.encode(event) + b"\n\n")
    return answer


@given(stream=STREAMS, data=st.data())
def test_wherever_it_is_cut_off(stream: tuple[Format, list[Event], int], data: st.DataObject) -> None:
    format, events, cached = stream
    cut = data.draw(st.integers(1, len(events)))
    settled = settle_at_once(format, Outcome.ABORTED, cut_off(format, events[:cut]), REQUEST)
    assert settled.is_estimated
    assert settled.usage is not None
    check_usage(settled.usage)
    assert settled.usage.input_tokens > 0 or format is not OPENAI_CHAT
    assert settled.usage.cache_read_tokens == cached, "known from the first chunk on"


@given(stream=st.one_of(anthropic(), openai()))  # Gemini's later counts replace our guesses
def test_more_text_never_costs_less(stream: tuple[Format, list[Event], int]) -> None:
    format, events, _ = stream
    outputs = []
    for cut in range(1, len(events) + 1):
        usage = settle_at_once(format, Outcome.ABORTED, cut_off(format, events[:cut]), REQUEST).usage
        outputs.append(usage.output_tokens if usage else 0)
    assert outputs == sorted(outputs)


@given(stream=STREAMS, sent=COUNTS, produced=COUNTS)
def test_what_the_provider_said_is_never_lowered(
    stream: tuple[Format, list[Event], int], sent: int, produced: int
) -> None:
    format, events, _ = stream
    unsettled = settle(format, Outcome.ABORTED, cut_off(format, events), REQUEST)
    assert isinstance(unsettled, Unsettled)
    settled = unsettled.with_estimate(Estimate(sent, produced))
    said = unsettled.said or TokenUsage()
    usage = settled.usage or TokenUsage()
    for name in TokenUsage.__struct_fields__:
        assert getattr(usage, name) >= getattr(said, name)
    if unsettled.has_input:
        assert usage.input_tokens == said.input_tokens
    assert usage.output_tokens >= produced
