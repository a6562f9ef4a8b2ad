"""Errors as ClickHouse writes them, with the HTTP status that fits."""

from __future__ import annotations

import pytest

from warehouse.embedded.errors import ClickHouseError, Code, from_engine


@pytest.mark.parametrize(
    ("text", "code", "name", "reason"),
    [
        (
            "Code: 60. DB::Exception: Table spendstream.nope does not exist. (UNKNOWN_TABLE)",
            60, "UNKNOWN_TABLE", "Table spendstream.nope does not exist",
        ),
        (
            "Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Nope. Maybe you meant: ['One','Npy']. "
            "(UNKNOWN_FORMAT) (version 26.9.2.1). (UNKNOWN_FORMAT)",
            73, "UNKNOWN_FORMAT", "Unknown format Nope. Maybe you meant: ['One','Npy']",
        ),
        (
            "Failed to create connection: Code: 36. DB::Exception: Error initializing EmbeddedServer: . (BAD_ARGUMENTS)",
            36, "BAD_ARGUMENTS", "Error initializing EmbeddedServer: ",
        ),
        (
            "Code: 27. DB::Exception: Cannot parse input: (at row 1)\n: While executing CSV. (CANNOT_PARSE_INPUT) (version 26.9.2.1)",
            27, "CANNOT_PARSE_INPUT", "Cannot parse input: (at row 1)\n: While executing CSV",
        ),
        ("something else went wrong", 1002, "UNKNOWN_EXCEPTION", "something else went wrong"),
        ("", 1002, "UNKNOWN_EXCEPTION", "the engine failed without a reason"),
    ],
)  # fmt: skip
def test_a_text_of_the_engine_is_read(text: str, code: int, name: str, reason: str) -> None:
    error = from_engine(text)
    assert (error.code, error.name, error.reason.strip(". ")) == (code, name, reason.strip(". "))


def test_a_reason_may_quote_another_error() -> None:
    error = from_engine(
        "Code: 36. DB::Exception: throwIf('Code: 1. DB::Exception: x. (A_B)') failed. (BAD_ARGUMENTS)"
    )
    assert (error.code, error.reason) == (36, "throwIf('Code: 1. DB::Exception: x. (A_B)') failed")


def test_the_text_has_clickhouses_form() -> None:
    assert (
        ClickHouseError(Code.READONLY, "no writing.").text
        == "Code: 164. DB::Exception: no writing. (READONLY)"
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (516, 403), (497, 403), (164, 403), (60, 404), (81, 404), (159, 408), (229, 413), (373, 423), (48, 501), (202, 503), (241, 500), (395, 500)],
)  # fmt: skip
def test_a_code_has_a_status(code: int, status: int) -> None:
    assert ClickHouseError(code, "x", name="X").status == status
