"""Every word of the command `spendstream` reaches an owner that knows it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ingest.command import OWNERS
from tests.fixtures.processes import PROJECT_ROOT

pytestmark = pytest.mark.integration


def test_every_word_says_what_it_does() -> None:
    asked = {
        word: subprocess.Popen(
            [sys.executable, "-c", "from ingest.command import main; main()", word, "--help"],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for word in OWNERS
    }
    answers = {word: process.communicate(timeout=60)[0] for word, process in asked.items()}
    assert {word: process.returncode for word, process in asked.items()} == dict.fromkeys(OWNERS, 0), answers
    assert [word for word, answer in answers.items() if f"spendstream {word}" not in answer] == []
