"""Writes the engine's own configuration below the folder of the store: limits, grants, settings nobody may change.

The grants are the wall behind `guard.py`: nothing that reads a source outside (`SOURCES`) or creates a table on one
(`TABLE ENGINE`), no SYSTEM statement that stops the server, no users, nothing in the database `default`, no writing in
`system`. `CREATE USER`, roles and row policies do not work in this engine at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

MIB = 1024**2
GRANTS = (
    "GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, CHECK, UNDROP TABLE, dictGet, KILL QUERY, "
    "SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM VIEWS, SYSTEM FLUSH, SYSTEM CLEANUP, SYSTEM DROP CACHE, "
    "SYSTEM RELOAD DICTIONARY, SYSTEM WAIT LOADING PARTS ON *.*",
    "REVOKE ALL ON default.*",
    "REVOKE INSERT, ALTER, CREATE, DROP, TRUNCATE ON system.*",
)
FROZEN_SETTINGS: dict[str, str] = {
    # another language than SQL, and SQL in settings: nobody could tell what a statement does
    "dialect": "clickhouse",
    "implicit_select": "0",
    "additional_result_filter": "",
    "additional_table_filters": "{}",
    "allow_experimental_eval_table_function": "0",
    # files and addresses in settings
    "format_schema": "",
    "output_format_schema": "",
    "format_template_row": "",
    "format_template_resultset": "",
    "format_avro_schema_registry_url": "",
    "input_format_record_errors_file_path": "",
    # programs and services
    "allow_python_table_function": "0",
    "allow_experimental_ai_functions": "0",
}


@dataclass(frozen=True)
class Limits:
    """What the engine may use. Memory in bytes, time in seconds."""

    memory_bytes: int = 4096 * MIB
    """All statements and caches together."""
    query_memory_bytes: int = 2048 * MIB
    """One statement; a client can lower it, or raise it up to the whole."""
    mark_cache_bytes: int = 256 * MIB
    query_seconds: int = 300
    """One statement (`max_execution_time`), unless the client sets another bound."""


def write_config(folder: Path, limits: Limits) -> Path:
    """Write config.xml and users.xml into `folder` and return the path of config.xml."""
    for name in ("files", "schemas", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    users = folder / "users.xml"
    users.write_text(_users(limits), encoding="utf-8")
    config = folder / "config.xml"
    config.write_text(_config(folder, users, limits), encoding="utf-8")
    return config


def _config(folder: Path, users: Path, limits: Limits) -> str:
    return _document(
        _tag("users_config", str(users)),
        f"<user_directories><users_xml>{_tag('path', str(users))}</users_xml></user_directories>",
        _tag("user_files_path", str(folder / "files")),
        _tag("format_schema_path", str(folder / "schemas")),
        _tag("tmp_path", str(folder / "tmp")),
        _tag("max_server_memory_usage", limits.memory_bytes),
        _tag("mark_cache_size", limits.mark_cache_bytes),
    )


def _users(limits: Limits) -> str:
    settings = {
        "max_memory_usage": str(limits.query_memory_bytes),
        "max_execution_time": str(limits.query_seconds),
        **{name: value for name, value in FROZEN_SETTINGS.items() if value},
    }
    values = "".join(_tag(name, value) for name, value in settings.items())
    frozen = "".join(f"<{name}><const/></{name}>" for name in FROZEN_SETTINGS)
    grants = "".join(_tag("query", grant) for grant in GRANTS)
    return _document(
        f"<profiles><default>{values}<constraints>{frozen}</constraints></default></profiles>",
        "<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile>",
        f"<quota>default</quota><grants>{grants}</grants></default></users>",
        "<quotas><default/></quotas>",
    )


def _document(*parts: str) -> str:
    return f"<clickhouse>{''.join(parts)}</clickhouse>\n"


def _tag(name: str, value: str | int) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"
