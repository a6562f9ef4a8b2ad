"""Settings come from a mapping; the secret is made once and nobody else can read it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dashboard.settings import load_secret_key, load_settings
from ingest.environ import Environ
from ingest.errors import InvalidSetting


def test_defaults_listen_on_loopback(tmp_path: Path) -> None:
    settings = load_settings(Environ({"SPENDSTREAM_HOME": str(tmp_path)}))
    assert (settings.host, settings.port) == ("127.0.0.1", 8050)
    assert settings.clickhouse == "http://127.0.0.1:8123/spendstream"
    assert settings.gateway == "http://127.0.0.1:8080"


def test_the_secret_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    values = {"SPENDSTREAM_HOME": str(tmp_path), "SPENDSTREAM_DASHBOARD_PORT": "9999"}
    first, second = load_settings(Environ(values)), load_settings(Environ(values))
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 43
    (kept,) = (tmp_path / "dashboard").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert first.port == 9999


def test_a_home_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="the dashboard cannot keep its secret in"):
        load_secret_key(tmp_path / "file" / "dashboard" / "secret_key")


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="SPENDSTREAM_DASHBOARD_PORT is 70000"):
        load_settings(Environ({"SPENDSTREAM_DASHBOARD_PORT": "70000"}))
