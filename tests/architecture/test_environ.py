"""Every setting that the code reads stands in the README's configuration table, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.source import settings_in_code, text_of

_HEADING = "## Configuration"


def settings_in_readme() -> dict[str, str]:
    """Name -> the rest of its row, of the table below the heading `Configuration`. A row may name several settings."""
    section = text_of(Path("README.md")).partition(_HEADING)[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    found = {}
    for row in rows:
        first, _, rest = row[2:].partition("|")
        for name in re.findall(r"`(SPENDSTREAM_[A-Z0-9_]+(?:<NAME>)?)`", first):
            assert name not in found, f"{name} stands in the table twice"
            found[name] = rest.strip(" |")
    return found


def test_the_code_reads_settings() -> None:
    assert {"SPENDSTREAM_HOME", "SPENDSTREAM_KAFKA", "SPENDSTREAM_UPSTREAM_OPENAI"} <= settings_in_code()


def test_every_setting_is_documented() -> None:
    missing = sorted(settings_in_code() - settings_in_readme().keys())
    assert missing == [], "the code reads these; add them to the table under Configuration in README.md"


def test_every_documented_setting_exists() -> None:
    unknown = sorted(settings_in_readme().keys() - settings_in_code())
    assert unknown == [], "README.md promises these settings and no code reads them"


def test_every_documented_setting_has_a_default_and_a_meaning() -> None:
    for name, rest in settings_in_readme().items():
        default, _, meaning = rest.partition("|")
        assert default.strip(), f"{name} has no default in README.md"
        assert len(meaning.strip()) > 10, f"{name} has no meaning in README.md"
