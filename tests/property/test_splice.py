"""A splice changes one member and not a byte besides."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from gateway_shim.splice import ask_for_usage, replace_member

# Prompts full of lookalikes of what is spliced.
tricky = st.sampled_from(
    [
        '"model": "a/b"',
        '"stream_options":null',
        '{"model":"a/b"}',
        "model",
        "\\",
        '"stream_options":{"x":1}',
        "ü",
    ]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | tricky | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "stream_options", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(["messages", "input", "metadata", "z"]), values, max_size=4)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])


def _written(
    members: dict[str, Any], name: str, value: Any, at: int, separator: tuple[str, str], is_ascii: bool
) -> bytes:
    pairs = list(members.items())
    pairs.insert(at % (len(pairs) + 1), (name, value))
    return json.dumps(dict(pairs), separators=separator, ensure_ascii=is_ascii).encode()


@given(bodies, st.integers(0, 9), separators, st.booleans())
def test_a_replaced_member_is_the_only_difference(
    members: dict[str, Any], at: int, separator: tuple[str, str], is_ascii: bool
) -> None:
    body = _written(members, "model", "a/b", at, separator, is_ascii)
    spliced = replace_member(body, "model", b'"b"')
    assert spliced == _written(members, "model", "b", at, separator, is_ascii)


options = st.none() | st.dictionaries(
    st.sampled_from(["include_obfuscation", "include_usage"]), st.booleans()
)


@given(bodies, options, st.integers(0, 9), separators)
def test_usage_is_asked_for_and_the_rest_stays(
    members: dict[str, Any], own: dict[str, bool] | None, at: int, separator: tuple[str, str]
) -> None:
    body = _written(members, "stream_options", own, at, separator, True)
    wanted = (own or {}) | {"include_usage": True}
    assert json.loads(ask_for_usage(body, own)) == members | {"stream_options": wanted}


@given(bodies, separators)
def test_usage_is_asked_for_where_nothing_was_said(
    members: dict[str, Any], separator: tuple[str, str]
) -> None:
    body = _written(members, "stream", True, 0, separator, True)
    spliced = ask_for_usage(b"\n " + body, None)
    assert spliced == b'\n {"stream_options":{"include_usage":true},' + body[1:]
    assert json.loads(spliced) == {"stream_options": {"include_usage": True}, "stream": True} | members
