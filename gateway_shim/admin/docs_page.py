"""`/docs`: the admin API described in one page of plain HTML. Nothing is loaded from anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{margin-bottom:0}h2{margin-top:2.5rem;text-transform:capitalize}code,pre{font:13px/1.5 ui-monospace,monospace}
details{border:1px solid #d0d7de;border-radius:8px;margin:.5rem 0;padding:.5rem .8rem}summary{cursor:pointer}
.verb{display:inline-block;min-width:4.2rem;font-weight:700}.what{color:#57606a;margin-left:.6rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;
border-top:1px solid #d0d7de}pre{background:#f6f8fa;border-radius:6px;padding:.6rem;overflow:auto}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}.what{color:#9198a1}
details,td,th{border-color:#30363d}pre{background:#161b22}}
"""


def docs_page(openapi: Json) -> str:
    """The page for an OpenAPI 3.1 document."""
    info = openapi["info"]
    sections = "".join(_section(openapi, tag, operations) for tag, operations in _by_tag(openapi))
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>The same for machines: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>'
        f"{sections}</body></html>"
    )


def _by_tag(openapi: Json) -> Iterator[tuple[str, list[tuple[str, str, Json]]]]:
    grouped: dict[str, list[tuple[str, str, Json]]] = {}
    for path, verbs in openapi["paths"].items():
        for verb, operation in verbs.items():
            grouped.setdefault(operation.get("tags", ["other"])[0], []).append((verb, path, operation))
    yield from grouped.items()


def _section(openapi: Json, tag: str, operations: list[tuple[str, str, Json]]) -> str:
    return f"<h2>{escape(tag)}</h2>" + "".join(_operation(openapi, *operation) for operation in operations)


def _operation(openapi: Json, verb: str, path: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    sends = f"<p>Sends</p>{_members(openapi, body)}" if body else ""
    return (
        f"<details><summary><code><span class=verb>{verb.upper()}</span>{escape(path)}</code>"
        f"<span class=what>{escape(operation.get('summary', ''))}</span></summary>"
        f"{sends}<pre>{escape(_curl(verb, path, body is not None))}</pre>"
        f"<p>Answers</p><table>{''.join(_answers(openapi, operation))}</table></details>"
    )


def _answers(openapi: Json, operation: Json) -> Iterator[str]:
    for status, answer in sorted(operation.get("responses", {}).items()):
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        members = _members(openapi, schema) if schema else ""
        yield f"<tr><th>{escape(status)}</th><td>{escape(answer.get('description', ''))}{members}</td></tr>"


def _members(openapi: Json, schema: Json) -> str:
    target = _resolved(openapi, schema)
    if target.get("type") == "array":
        return "<p>A list of</p>" + _members(openapi, target["items"])
    required = target.get("required", [])
    rows = []
    for name, member in target.get("properties", {}).items():
        default = (
            f", default <code>{escape(json.dumps(member['default']))}</code>" if "default" in member else ""
        )
        needed = " (required)" if name in required and "default" not in member else ""
        text = escape(_resolved(openapi, member).get("description", member.get("description", "")))
        rows.append(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(openapi, member))}{needed}{default}"
            f"<br>{text}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _type(openapi: Json, schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(openapi, choice) for choice in schema["anyOf"]))
    target = _resolved(openapi, schema)
    if "enum" in target:
        return " or ".join(map(str, target["enum"]))
    if target.get("type") == "object" and target.get("properties"):
        return "{" + ", ".join(target["properties"]) + "}"
    if target.get("type") == "array":
        return f"list of {_type(openapi, target['items'])}"
    return str(target.get("format") or target.get("type", "anything"))


def _resolved(openapi: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = openapi["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _curl(verb: str, path: str, has_body: bool) -> str:
    method = "" if verb == "get" else f" -X {verb.upper()}"
    body = " -H 'content-type: application/json' -d '{…}'" if has_body else ""
    auth = ' -H "Authorization: Bearer $SPENDSTREAM_ADMIN_TOKEN"' if path.startswith("/admin") else ""
    return f"curl{method}{auth}{body} $GATEWAY{path}"
