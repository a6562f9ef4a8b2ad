"""What `/health` says: part by part, and what each waits for."""

from __future__ import annotations

from typing import Any

from gateway_shim.parts import Parts


def health(parts: Parts) -> dict[str, Any]:
    """`status` is `ready` when traffic can be judged and metered, else `waiting`."""
    pieces = {
        "log": _piece(parts.is_log_connected, f"Kafka at {parts.settings.kafka}"),
        "governance": _piece(parts.governance_fold.is_current, "keys and budgets to be read to the end"),
        "budget_states": _piece(parts.states_fold.is_current, "budget states to be read to the end"),
        "recorder": _recorder(parts),
    }
    return {"status": "ready" if parts.is_ready else "waiting", "parts": pieces}


def _piece(is_ready: bool, waits_for: str) -> dict[str, Any]:
    return {"ready": True} if is_ready else {"ready": False, "waits_for": waits_for}


def _recorder(parts: Parts) -> dict[str, Any]:
    recorder = parts.recorder
    piece = _piece(recorder.is_accepting, "room for records of calls: the log and the disk take nothing more")
    return piece | {
        "spool_bytes": recorder.pending_bytes,
        "spool_limit_bytes": parts.settings.spool_max_bytes,
        "records_in_memory": recorder.pending_in_memory,
        "log_takes_records": not recorder.is_troubled,
    }
