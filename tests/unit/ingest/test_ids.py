from __future__ import annotations

import uuid

from hypothesis import given, strategies as st

from ingest.ids import derived_id

NAMESPACE = uuid.UUID("6f0a3b1e-58c1-5d0e-9a55-0c2f5c0d7a11")
TEXT = st.text(st.characters(codec="utf-8"))


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_a_derived_id_is_the_version_5_uuid_of_its_parts(parts: list[str]) -> None:
    assert derived_id(*parts) == str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))
