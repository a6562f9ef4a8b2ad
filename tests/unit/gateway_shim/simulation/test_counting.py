from __future__ import annotations

import json

import pytest

from gateway_shim.simulation.body import Body, parse_body, segment
from gateway_shim.simulation.chat_format import chat_prompt
from gateway_shim.simulation.refusals import Refusal
from gateway_shim.simulation.tokens import Prompt, text_prompt, text_tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("für", 1), ("🙂" * 9, 3)]
)
def test_a_token_for_each_four_characters_begun(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (None, 4),
        ("abcde", 4 + 2),
        ([{"type": "text", "text": "abcde"}, {"type": "text", "text": "ab"}], 4 + 2 + 1),
        ([{"type": "image_url", "image_url": {"url": "data:" + "x" * 10_000}}], 4 + 258),
        ([{"type": "document", "source": {}}, "abc"], 4 + 258 + 1),
        ([{"inlineData": {"data": "eHg="}}], 4 + 258),
        ([{"type": "tool_use", "input": {"a": 1}}], 4 + 9),  # its JSON has 35 characters
    ],
)
def test_a_message_counts_its_parts_and_four_more(content: object, tokens: int) -> None:
    assert segment("user", content).tokens == tokens


@pytest.mark.parametrize("content", [7, ["text", 7], [["nested"]]])
def test_a_message_of_another_shape_is_refused(content: object) -> None:
    with pytest.raises(Refusal, match="content: expected"):
        segment("user", content)


def test_a_request_counts_messages_tools_and_three_more() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = Body(
        {
            "tools": tools,
            "messages": [
                {"role": "system", "content": "abcd"},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]},
            ],
        }
    )
    compact = json.dumps(tools, separators=(",", ":"))
    expected = 3 + (4 + text_tokens(compact)) + (4 + 1) + (4 + text_tokens('{"id":"x"}'))
    assert chat_prompt(body).tokens == expected


def test_embeddings_count_their_texts_alone() -> None:
    assert text_prompt(["abcd", "abcde"]).tokens == 3
    assert Prompt(()).tokens == 3


@pytest.mark.parametrize(
    ("raw", "says"), [(b"", "parse"), (b"{", "parse"), (b"[]", "JSON object"), (b'{"a": \xff}', "parse")]
)
def test_a_body_that_is_no_json_object_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        parse_body(raw)


def test_fields_of_the_wrong_type_are_named() -> None:
    body = Body({"a": 5, "b": "x", "c": True, "d": [1], "e": -1, "n": None})
    for read in (
        lambda: body.text("a"),
        lambda: body.text("missing"),
        lambda: body.word("a"),
        lambda: body.count("b"),
        lambda: body.count("c"),
        lambda: body.count("e"),
        lambda: body.flag("a"),
        lambda: body.inner("d"),
        lambda: body.objects("d"),
    ):
        with pytest.raises(Refusal) as refused:
            read()
        assert refused.value.param
        assert refused.value.message.startswith(refused.value.param + ":")
    assert (body.word("n"), body.count("n", "a"), body.flag("n"), body.objects("n")) == ("", 5, False, [])
