"""Where a member cannot be found, nothing is changed by guess."""

from __future__ import annotations

import pytest

from gateway_shim.splice import CannotSplice, ask_for_usage, replace_member


@pytest.mark.parametrize(
    "body",
    [
        b'{"m\\u006fdel":"a/b"}',  # the name is written with an escape
        b'{"x":1}',
        b'{"inner":{"model":"a/b"}}',
    ],
)
def test_a_member_that_is_not_found_is_said(body: bytes) -> None:
    with pytest.raises(CannotSplice):
        replace_member(body, "model", b'"b"')


def test_a_repeated_member_is_replaced_where_it_counts() -> None:
    body = b'{"model":"a/b","x":"model","model":"a/b"}'
    assert replace_member(body, "model", b'"b"') == b'{"model":"a/b","x":"model","model":"b"}'


def test_an_escaped_value_is_found() -> None:
    assert replace_member(b'{"model":"a\\/b"}', "model", b'"b"') == b'{"model":"b"}'


def test_a_null_is_replaced() -> None:
    body = b'{"stream":true,"stream_options": null}'
    assert ask_for_usage(body, None) == b'{"stream":true,"stream_options": {"include_usage":true}}'


def test_a_lookalike_in_a_prompt_stays() -> None:
    body = b'{"messages":["\\"stream_options\\" ", {"stream_options":null}],"stream":true}'
    assert ask_for_usage(body, None) == b'{"stream_options":{"include_usage":true},' + body[1:]
