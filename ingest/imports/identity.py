"""Which call a row is: the same call gets the same id however often, and from whichever file, it is imported.

A row that brings an id is that id at that time (a numbering that starts again in each file is thus told apart). Any
other row is its own content: the facts of the call as they will be recorded, with its number among equal ones of the
file, since two calls can be equal in all that a file tells. Facts, not cells: the order of rows and of columns, the
name of the file, its format and its other columns do not matter; another team or model makes another call.

Ids that were given out must stay: the facts below are written in a form of their own that no other change of the code
alters, and a field that is added joins only where it is not empty. A test pins ids.
"""

from __future__ import annotations

import hashlib
import json

from ingest.errors import InvalidInput
from ingest.ids import derived_id
from ingest.imports.rows import PastCall

_USAGE_FIELDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
)
_OTHER_FIELDS = (
    "provider",
    "model",
    "response_model",
    "response_id",
    "operation",
    "is_stream",
    "outcome",
    "http_status",
    "service_tier",
    "latency_ms",
    "ttft_ms",
)
_WHO_FIELDS = ("org", "team", "project", "key_id", "user", "tags")
_DIGEST_BYTES = 16


class Identities:
    """Names the calls of one pass over one file. Holds about 120 bytes for each different row.

    `source` keeps apart what must not be taken for one another, such as the logs of two companies.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._equal: dict[bytes, int] = {}
        self._by_id: dict[bytes, bytes] = {}

    def name(self, past: PastCall) -> tuple[str, bool]:
        """The call's id, and whether this file has told of this very call before (a row with an id, repeated).

        Raises InvalidInput when rows of one id and one time tell different things.
        """
        content = hashlib.sha256(canonical(past)).digest()
        if past.row_id:
            return self._by_row_id(past, content)
        short = content[:_DIGEST_BYTES]
        occurrence = self._equal.get(short, 0)
        self._equal[short] = occurrence + 1
        return derived_id("import", self._source, "row", content.hex(), str(occurrence)), False

    def _by_row_id(self, past: PastCall, content: bytes) -> tuple[str, bool]:
        call_id = derived_id("import", self._source, "id", past.row_id, past.started_at.isoformat())
        key, short = hashlib.sha256(call_id.encode()).digest()[:_DIGEST_BYTES], content[:_DIGEST_BYTES]
        known = self._by_id.get(key)
        if known is None:
            self._by_id[key] = short
            return call_id, False
        if known != short:
            raise InvalidInput(f"call_id: {past.row_id!r} stands in an earlier row with other contents")
        return call_id, True


def canonical(past: PastCall) -> bytes:
    """The facts of a call, empty ones left out, in one fixed form."""
    facts: dict[str, object] = {"started_at": past.started_at.isoformat()}
    readers: tuple[tuple[object, tuple[str, ...]], ...] = (
        (past, _OTHER_FIELDS),
        (past.who, _WHO_FIELDS),
        (past.usage, _USAGE_FIELDS),
    )
    for holder, names in readers:
        facts |= {name: value for name in names if (value := getattr(holder, name)) not in (None, "", 0, {})}
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"
    )
