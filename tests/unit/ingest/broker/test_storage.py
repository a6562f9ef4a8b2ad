"""The KRaft format: what stands in both files, read with a decoder that is not ours."""

from __future__ import annotations

import struct
from pathlib import Path

from aiokafka.record.memory_records import MemoryRecords

from ingest.broker.storage import format_storage

FEATURE_LEVEL_RECORD = 12
SNAPSHOT_HEADER, SNAPSHOT_FOOTER = 3, 4


def meta(data: Path) -> dict[str, str]:
    lines = (data / "meta.properties").read_text("ascii").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_meta_properties_names_node_and_fresh_ids(tmp_path: Path) -> None:
    assert format_storage(tmp_path / "one")
    assert format_storage(tmp_path / "two")
    one, two = meta(tmp_path / "one"), meta(tmp_path / "two")
    assert (one["version"], one["node.id"]) == ("1", "1")
    ids = {values[name] for values in (one, two) for name in ("cluster.id", "directory.id")}
    assert len(ids) == 4
    assert all(len(text) == 22 and not text.startswith("-") for text in ids)


def test_a_formatted_folder_is_left_alone(tmp_path: Path) -> None:
    assert format_storage(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not format_storage(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == {"meta.properties", "bootstrap.checkpoint"}


def test_what_a_crash_left_half_done_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "bootstrap.checkpoint").write_bytes(b"")
    (tmp_path / "meta.properties.part").write_bytes(b"cluster.id=")
    assert format_storage(tmp_path)
    assert (tmp_path / "bootstrap.checkpoint").stat().st_size == 411
    assert not (tmp_path / "meta.properties.part").exists()


def test_the_checkpoint_holds_the_feature_levels_of_4_3(tmp_path: Path) -> None:
    format_storage(tmp_path)
    records = MemoryRecords((tmp_path / "bootstrap.checkpoint").read_bytes())
    levels: dict[str, int] = {}
    control = []
    while records.has_next():
        batch = records.next_batch()
        assert batch is not None
        assert batch.validate_crc()
        for record in batch:
            if batch.is_control_batch:
                control.append(struct.unpack(">hh", record.key)[1])
            else:
                name, level = feature_level(record.value)
                levels[name] = level
    assert control == [SNAPSHOT_HEADER, SNAPSHOT_FOOTER]
    assert levels == {
        "metadata.version": 30,
        "eligible.leader.replicas.version": 1,
        "group.version": 1,
        "share.version": 1,
        "streams.version": 1,
        "transaction.version": 2,
    }


def feature_level(value: bytes) -> tuple[str, int]:
    """A FeatureLevelRecord: frame version, record type and version, compact name, level, no tags."""
    frame, kind, version, length = value[:4]
    assert (frame, kind, version) == (1, FEATURE_LEVEL_RECORD, 0)
    name = value[4 : 3 + length].decode("ascii")
    (level,) = struct.unpack(">h", value[3 + length : 5 + length])
    return name, level
