from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ingest.command import OWNERS, main


def test_an_unknown_word_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["spendstream", "conciliate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "no command 'conciliate'" in told
    assert all(f"  {word}" in told for word in OWNERS)


def test_the_command_table_fits_what_readme_promises() -> None:
    """Commands that the documentation shows exist."""
    root = Path(__file__).parents[3]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    shown = {
        line.split("spendstream ", 1)[1].split()[0]
        for page in pages
        for line in page.read_text().splitlines()
        if line.startswith(("$ spendstream ", "$ .venv/bin/spendstream "))
    }
    assert shown <= OWNERS.keys(), shown - OWNERS.keys()
