"""Counting with tiktoken, and without it: its vocabularies come from a pinned artifact or not at all."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest

from gateway_shim import token_files
from gateway_shim.estimate import request_tokens
from gateway_shim.token_files import JAR, VOCABULARIES, bring, file_of, is_there
from gateway_shim.tokenizer import Tokenizer, encoding_name
from ingest.broker.errors import BrokerError, JarRefused
from ingest.broker.jars import Fetch, Jar

# OpenAI's cookbook, "How to count tokens with tiktoken", section 6: for these messages its API answered
# `prompt_tokens` 129 for gpt-3.5-turbo and gpt-4, and 124 for gpt-4o and gpt-4o-mini.
MESSAGES = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-5.1", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("openai/gpt-4", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("davinci", "cl100k_base"),
        ("claude-haiku-4-5", "o200k_base"),
        ("gemini-2.5-flash", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_each_model_has_a_vocabulary_of_ours(model: str, name: str) -> None:
    assert encoding_name(model) == name


@pytest.mark.integration
@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-3.5-turbo", 129), ("gpt-4", 129), ("gpt-4o", 124), ("gpt-4o-mini", 124)]
)
def test_a_prompt_counts_what_the_provider_counted(tokenizer: Tokenizer, model: str, tokens: int) -> None:
    body = msgspec.json.encode({"model": model, "messages": MESSAGES, "temperature": 0})
    assert request_tokens(tokenizer, model, body) == tokens


@pytest.mark.integration
@pytest.mark.parametrize("text", [" ", "\n", "a", "漢字", "!?", "\ud800", "<|endoftext|>"])
def test_no_text_overflows_or_stops_it(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.count("gpt-4o", [text * (2**18 // len(text))]) > 1000


def _never() -> Fetch:
    raise AssertionError("nothing is to be fetched")


def fetch_nothing() -> Fetch:
    def fetch(_coordinate: str, _scratch: Path) -> Path:
        raise OSError(101, "Network is unreachable")

    return fetch


def test_without_vocabularies_length_counts_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = Tokenizer(tmp_path / "tiktoken", fetch_nothing)
    tokenizer.prepare().join()
    assert [tokenizer.count("gpt-4o", ["12345678", "123"]) for _ in range(3)] == [3, 3, 3]
    assert caplog.text.count("estimated by length") == 1
    assert caplog.text.count("Network is unreachable") == 1
    assert [path.name for path in (tmp_path / "tiktoken").iterdir()] == [".lock"]


def test_a_vocabulary_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    for name in VOCABULARIES:
        file_of(tmp_path, name).write_bytes(b"damaged")
        assert not is_there(tmp_path, name)
    with pytest.raises(OSError, match="unreachable"):
        bring(tmp_path, fetch_nothing)


def test_a_file_that_goes_missing_is_not_fetched_by_tiktoken(tmp_path: Path) -> None:
    tokenizer = Tokenizer(tmp_path, _never)
    tokenizer._is_ready = True  # it was there at the start
    assert tokenizer.count("gpt-4o", ["12345678"]) == 2


def make_jar(path: Path, contents: dict[str, bytes]) -> Jar:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"com/knuddels/jtokkit/{name}.tiktoken", content)
    content = path.read_bytes()
    return Jar(JAR.coordinate, len(content), hashlib.sha256(content).hexdigest())


def test_another_jar_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    make_jar(tmp_path / "other.jar", dict.fromkeys(VOCABULARIES, b"x"))
    with pytest.raises(JarRefused, match=r"jtokkit:1\.1\.0"):
        bring(tmp_path / "in", lambda: lambda _coordinate, _scratch: tmp_path / "other.jar")
    assert [path.name for path in (tmp_path / "in").iterdir()] == [".lock"]


def test_other_content_than_tiktoken_knows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = make_jar(tmp_path / "a.jar", dict.fromkeys(VOCABULARIES, b"x"))
    monkeypatch.setattr(token_files, "JAR", jar)
    with pytest.raises(BrokerError, match="another o200k_base"):
        bring(tmp_path / "in", lambda: lambda _coordinate, _scratch: tmp_path / "a.jar")


def test_it_is_fetched_once_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {name: name.encode() for name in VOCABULARIES}
    jar = make_jar(tmp_path / "a.jar", contents)
    monkeypatch.setattr(token_files, "JAR", jar)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(token_files, "VOCABULARIES", digests)
    fetched: list[str] = []

    def fetch(coordinate: str, _scratch: Path) -> Path:
        fetched.append(coordinate)
        return tmp_path / "a.jar"

    folder = tmp_path / "in"
    threads = [threading.Thread(target=bring, args=(folder, lambda: fetch)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [JAR.coordinate]
    assert {name: file_of(folder, name).read_bytes() for name in contents} == contents
    bring(folder, _never)
