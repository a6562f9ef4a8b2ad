"""The spool's edges: its limit, its lock, damage, and what dead processes left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.spool import Spool, SpoolFull, SpoolInUse, take_over


def _drain(spool: Spool) -> list[bytes]:
    found: list[bytes] = []
    while (batch := spool.read(2)).payloads:
        found += batch.payloads
        spool.acknowledge(batch.end)
    return found


def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", max_bytes=100)
    spool.append(b"x" * 60)
    with pytest.raises(SpoolFull, match="holds 68 bytes of its 100"):
        spool.append(b"y" * 60)
    assert _drain(spool) == [b"x" * 60]
    spool.close()


def test_room_returns_once_a_segment_is_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", max_bytes=150, segment_bytes=50)
    spool.append(b"x" * 60)
    spool.append(b"y" * 60)
    with pytest.raises(SpoolFull):
        spool.append(b"z" * 60)
    assert _drain(spool) == [b"x" * 60, b"y" * 60]
    spool.append(b"z" * 60)
    assert _drain(spool) == [b"z" * 60]
    spool.close()


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", max_bytes=1000)
    with pytest.raises(SpoolInUse):
        Spool(tmp_path / "s", max_bytes=1000)
    spool.close()
    Spool(tmp_path / "s", max_bytes=1000).close()


def test_a_new_process_takes_over_what_dead_ones_left(tmp_path: Path) -> None:
    dead = Spool(tmp_path / "dead", max_bytes=1000)
    dead.append(b"left behind")
    dead.close()
    alive = Spool(tmp_path / "alive", max_bytes=1000)
    alive.append(b"not yours")
    Spool(tmp_path / "ended in good order", max_bytes=1000).close()
    killed = Spool(tmp_path / "killed when all was sent", max_bytes=1000)
    killed.append(b"sent")
    _drain(killed)
    killed.close(keep=True)

    own, left = take_over(tmp_path, "new", max_bytes=1000)
    assert own.is_empty
    assert {spool.folder.name: _drain(spool) for spool in left} == {
        "dead": [b"left behind"],
        "killed when all was sent": [],
    }
    for spool in [*left, own]:
        spool.close()
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]
    alive.close()


def test_damage_costs_one_segment_at_most(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "s", max_bytes=1000, segment_bytes=20)
    for payload in (b"first....", b"second...", b"third...."):
        spool.append(payload)
    spool.close()
    damaged = sorted((tmp_path / "s").glob("*.seg"))[1]
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    spool = Spool(tmp_path / "s", max_bytes=1000)
    assert _drain(spool) == [b"first....", b"third...."]
    assert "damaged" in caplog.text
    assert spool.is_empty
    spool.close()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", max_bytes=1000)
    spool.append(b"payload")
    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "s").iterdir()}
    assert modes == {"0o600"}
    assert oct((tmp_path / "s").stat().st_mode & 0o777) == "0o700"
    spool.close()
