"""OpenAI's audio: transcription and translation (speech to text), and speech (text to speech).

A transcription is billed by tokens or by time, as its `usage.type` says (API reference, "Transcription object"). As
plain text (`text`, `srt`, `vtt`) it has no usage: then the time is taken from the captions' last mark or from the
header of a WAV file that was sent, and the bill is marked as an estimate; of other files it is not known.
"""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from gateway_shim.formats.answer import Answer, Counts, Format, Json, members
from gateway_shim.formats.forms import form_parts
from ingest.codec import NOT_JSON

# `00:01:02,345` of SubRip, `01:02.345` of WebVTT.
_CAPTION_END = re.compile(r"-->\s*(?:(\d+):)?(\d\d):(\d\d)[.,](\d{3})")
_BILLED_BY_CHARACTER = ("tts-1",)
# gpt-4o-mini-tts is $0.015 a minute by OpenAI's own estimate and $12 for 1,000,000 audio tokens (platform.openai.com/
# docs/pricing, "Transcription and speech"), so 1,250 tokens a minute, of some 900 characters read aloud.
_AUDIO_TOKENS_OF_CHARACTERS = (1250, 900)
_CHARACTERS_A_TOKEN = 4


def see_transcription(answer: Answer, body: Json) -> None:
    """Whole answers, and the event that ends a stream."""
    answer.name(body)
    usage = members(body.get("usage"))
    seconds = usage.get("prompt_audio_seconds", usage.get("seconds"))  # Mistral's word, OpenAI's word
    if seconds is None and not usage:
        seconds = body.get("duration")  # `verbose_json` before there was a usage
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0:
        answer.counts["audio_ms"] = round(seconds * 1000)
        answer.has_final_usage = True
    elif usage:
        answer.merge_usage(usage)
        answer.has_final_usage = True
    else:
        answer.add_text(body.get("text"))
    answer.is_over = True


def see_transcription_event(answer: Answer, event: Json) -> None:
    kind = event.get("type")
    if kind == "error":
        answer.error_type = str(members(event.get("error")).get("code") or "error")
    elif isinstance(kind, str) and kind.endswith(".delta"):
        answer.add_text(event.get("delta") or event.get("text"))
    elif isinstance(kind, str) and kind.endswith(".done"):
        see_transcription(answer, event)


def see_text(answer: Answer, text: str) -> None:
    """An answer in plain text: captions say how long the audio is, at least as far as somebody speaks."""
    answer.add_text(text)
    answer.is_over = True
    ends = [_milliseconds(match) for match in _CAPTION_END.finditer(text)]
    if ends:
        answer.counts["audio_ms"] = max(ends)
        answer.has_final_usage = answer.is_estimate = True


def _milliseconds(mark: re.Match[str]) -> int:
    hours, minutes, seconds, rest = (int(part or 0) for part in mark.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def with_wav(answer: Answer, request_body: bytes) -> Counts:
    """The counts of a transcription; without any, the time that a WAV file in the request lasts."""
    if answer.is_over and answer.usage is None and not answer.counts:
        for _, start, end in form_parts(request_body):
            duration = wav_milliseconds(request_body[start : start + 4096], end - start)
            if duration is not None:
                answer.has_final_usage = answer.is_estimate = True
                return {"audio_ms": duration}
    return answer.counts


def wav_milliseconds(head: bytes, size: int) -> int | None:
    """How long a WAV file of `size` bytes lasts, by its beginning; None for what is none."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, rate = 12, 0
    while position + 8 <= len(head):
        kind, length = (
            head[position : position + 4],
            int.from_bytes(head[position + 4 : position + 8], "little"),
        )
        if kind == b"fmt ":
            rate = int.from_bytes(head[position + 16 : position + 20], "little")  # bytes a second
        elif kind == b"data":
            return round(min(length, size - position - 8) * 1000 / rate) if rate else None
        position += 8 + length + length % 2
    return None


def see_speech(answer: Answer, event: Json) -> None:
    """A stream of events ends with the usage (`stream_format` sse); audio itself says nothing."""
    if event.get("type") == "speech.audio.done":
        answer.merge_usage(event.get("usage"))
        answer.is_over = True
        answer.has_final_usage = answer.usage is not None


def with_characters(answer: Answer, request_body: bytes) -> Counts:
    """What was read aloud: characters, for models billed by them; else tokens, reckoned from the characters."""
    if answer.usage is not None or not answer.is_over:
        return answer.counts
    try:
        asked = msgspec.json.decode(request_body)
    except NOT_JSON:
        return answer.counts
    text, model = members(asked).get("input"), members(asked).get("model")
    if not isinstance(text, str) or not isinstance(model, str):
        return answer.counts
    answer.has_final_usage = True
    if model.startswith(_BILLED_BY_CHARACTER):
        return {"characters": len(text)}
    answer.is_estimate = True
    tokens, characters = _AUDIO_TOKENS_OF_CHARACTERS
    spoken = -(-len(text) * tokens // characters)
    return {
        "input_tokens": -(-len(text) // _CHARACTERS_A_TOKEN),
        "output_tokens": spoken,
        "audio_output_tokens": spoken,
    }


OPENAI_TRANSCRIPTION = Format(
    operation="transcription",
    see_body=see_transcription,
    see_event=see_transcription_event,
    extractor=(
        "openai",
        "realtime",
    ),  # the only one that knows `input_token_details`, as transcriptions say it
    needs_json=False,
    see_text=see_text,
    with_request=with_wav,
)
OPENAI_TRANSLATION = replace(OPENAI_TRANSCRIPTION, operation="translation")
OPENAI_SPEECH = Format(
    operation="speech",
    see_body=see_speech,
    see_event=see_speech,
    extractor=("openai", "realtime"),
    with_request=with_characters,
    tells_end=False,
)
