"""Who a call belongs to: the key's team and project, and what the caller adds by `x-spendstream-*` headers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway_shim.rejection import Fault, Rejected
from ingest.attribution import Attribution
from ingest.events.governance import KeyIssued

USER = b"x-spendstream-user"
PROJECT = b"x-spendstream-project"
TAGS = b"x-spendstream-tags"
MAX_TEXT = 200
MAX_TAGS = 32
_TAGS = msgspec.json.Decoder(dict[str, str])


def attribution(key: KeyIssued, headers: Mapping[bytes, bytes]) -> Attribution:
    """Raises Rejected (400), naming the header, for one that cannot be used.

    A key's own project holds against the header: otherwise a caller could leave its project's budget at will.
    """
    return Attribution(
        team=key.team,
        project=key.project or _text(headers, PROJECT),
        key_id=key.key_id,
        user=_text(headers, USER),
        tags=_tags(headers.get(TAGS)),
    )


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    raw = headers.get(name)
    if raw is None:
        return ""
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise Rejected(Fault.BAD_HEADER, f"the header {name.decode()} is not UTF-8") from None
    if len(text) > MAX_TEXT:
        raise Rejected(
            Fault.BAD_HEADER, f"the header {name.decode()} has {len(text)} characters; {MAX_TEXT} are allowed"
        )
    return text


def _tags(raw: bytes | None) -> dict[str, str]:
    if not raw:
        return {}
    name = TAGS.decode()
    try:
        tags = _TAGS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise Rejected(
            Fault.BAD_HEADER,
            f'the header {name} must be a JSON object of texts such as {{"feature": "search"}}: {reason}',
        ) from None
    if len(tags) > MAX_TAGS:
        raise Rejected(Fault.BAD_HEADER, f"the header {name} has {len(tags)} tags; {MAX_TAGS} are allowed")
    if any(len(text) > MAX_TEXT for pair in tags.items() for text in pair):
        raise Rejected(
            Fault.BAD_HEADER, f"the header {name} has a name or value of more than {MAX_TEXT} characters"
        )
    return tags
