"""A store that cannot be opened says why, and lets go of the folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from warehouse.embedded.engine import Store
from warehouse.embedded.errors import EngineMissing, StoreBroken, StoreHeld
from warehouse.embedded.lock import FolderLock


def test_without_chdb_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chdb", None)
    with pytest.raises(
        EngineMissing, match=r"install spendstream\[embedded\], or set SPENDSTREAM_CLICKHOUSE"
    ):
        Store(tmp_path).open()
    FolderLock(tmp_path / "lock").acquire()


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(StoreHeld, match=r"another process holds the warehouse .*process id \d+"):
        second.acquire()
    first.release()
    second.acquire()


@pytest.mark.parametrize("name", ["a?b", "a&b"])
def test_a_folder_whose_name_the_engine_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreBroken, match=r"\? or &"):
        Store(tmp_path / name).open()
    assert not (tmp_path / name).exists()
