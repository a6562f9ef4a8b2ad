"""What is known of audio when the answer does not say it: the length of a WAV file, the end of captions."""

from __future__ import annotations

import io
import wave

import pytest

from gateway_shim.formats.answer import Answer
from gateway_shim.formats.openai_audio import OPENAI_SPEECH, OPENAI_TRANSCRIPTION, wav_milliseconds
from gateway_shim.settlement import Settled, settle
from ingest.events.calls import Outcome
from ingest.usage import TokenUsage


def wav(seconds: float, rate: int = 16_000) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(round(seconds * rate) * 2))
    return held.getvalue()


def form(content: bytes) -> bytes:
    head = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    model = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    return model + b"--B\r\n" + head + content + b"\r\n--B--\r\n"


@pytest.mark.parametrize("seconds", [0, 0.5, 2.25])
def test_how_long_a_wav_file_lasts(seconds: float) -> None:
    data = wav(seconds)
    assert wav_milliseconds(data[:4096], len(data)) == round(seconds * 1000)


def test_a_stream_of_unknown_length_lasts_as_long_as_what_came() -> None:
    data = bytearray(wav(1.0))
    data[40:44] = b"\xff\xff\xff\xff"  # written before the length was known
    assert wav_milliseconds(bytes(data[:4096]), len(data)) == 1000


@pytest.mark.parametrize(
    "head", [b"", b"RIFF", b"ID3\x04mp3", b"RIFF\0\0\0\0WAVEdata\x04\0\0\0", b"RIFF\0\0\0\0WAVEfmt "]
)
def test_what_is_no_wav_file_has_no_length(head: bytes) -> None:
    assert wav_milliseconds(head, len(head)) is None


def test_a_transcription_as_text_costs_what_was_sent_as_an_estimate() -> None:
    answer = Answer()
    assert OPENAI_TRANSCRIPTION.see_text is not None
    OPENAI_TRANSCRIPTION.see_text(answer, "Imagine the wildest idea")
    settled = settle(OPENAI_TRANSCRIPTION, Outcome.OK, answer, form(wav(2.0)))
    assert settled == Settled(TokenUsage(audio_ms=2000), is_estimated=True)


def test_of_other_files_the_length_is_not_known() -> None:
    answer = Answer()
    assert OPENAI_TRANSCRIPTION.see_text is not None
    OPENAI_TRANSCRIPTION.see_text(answer, "Imagine")
    assert not isinstance(settle(OPENAI_TRANSCRIPTION, Outcome.OK, answer, form(b"ID3 some mp3")), Settled)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"input":5,"model":"tts-1"}', b'{"input":"x"}'])
def test_speech_that_nobody_asked_for_in_words_has_no_count(body: bytes) -> None:
    answer = Answer()
    answer.is_over = True
    assert not isinstance(settle(OPENAI_SPEECH, Outcome.OK, answer, body), Settled)
