"""Which try a request is, by what SDKs send along."""

from __future__ import annotations

import pytest

from gateway_shim.attempts import attempt_of


@pytest.mark.parametrize(
    ("headers", "attempt"),
    [
        ({}, 0),
        ({b"x-stainless-retry-count": b"0"}, 0),
        ({b"x-stainless-retry-count": b"2"}, 2),
        ({b"x-stainless-retry-count": b" 11 "}, 11),
        ({b"x-stainless-retry-count": b"-1"}, 0),
        ({b"x-stainless-retry-count": b"two"}, 0),
        ({b"x-stainless-retry-count": b"99999999999999999999"}, 0),
        ({b"amz-sdk-request": b"attempt=1"}, 0),
        ({b"amz-sdk-request": b"attempt=1; max=3"}, 0),
        ({b"amz-sdk-request": b"ttl=20261124T101112Z; attempt=3; max=3"}, 2),
        ({b"amz-sdk-request": b"attempt=0"}, 0),
        ({b"amz-sdk-request": b"max=3"}, 0),
        ({b"amz-sdk-request": b"preattempt=3"}, 0),
        ({b"amz-sdk-request": b"attempt=x"}, 0),
    ],
)
def test_the_first_try_is_0_and_what_says_nothing_is_the_first(
    headers: dict[bytes, bytes], attempt: int
) -> None:
    assert attempt_of(headers) == attempt
