"""Health, metrics and docs, and how everything outside the hot path words its errors: `{"detail": "one sentence"}`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from gateway_shim.admin.changes import NotFound
from gateway_shim.admin.docs_page import docs_page
from gateway_shim.admin.shapes import in_words
from gateway_shim.health import health
from gateway_shim.parts import Parts
from ingest.errors import InvalidInput, Unavailable

# Of where pydantic found an error: what is no name of a member.
_NO_PLACES = ("body", "constrained-str", "constrained-int")
_NO_ADDRESS = (
    "there is nothing at {path}; calls go to /openai/v1/…, /anthropic/v1/…, /mistral/v1/…, /gemini/v1beta/… or /v1/…,"
    " the admin API is described at /docs"
)


def service_router(parts: Parts, api: FastAPI) -> APIRouter:
    """`/health…`, `/metrics` and `/docs`."""
    router = APIRouter(tags=["service"])

    @router.get("/health", summary="How every part is")
    async def show_health() -> dict[str, Any]:
        return health(parts)

    @router.get("/health/live", summary="200 as long as the process runs")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get(
        "/health/ready",
        summary="200 once traffic can be judged and metered",
        responses={503: {"description": "Not yet, or not at the moment"}},
    )
    async def ready() -> JSONResponse:
        return JSONResponse(health(parts), 200 if parts.is_ready else 503)

    @router.get("/metrics", summary="For Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(api.openapi()))

    return router


def add_error_answers(api: FastAPI) -> None:
    """One shape for every error."""

    @api.exception_handler(InvalidInput)
    async def invalid(_: Request, reason: InvalidInput) -> JSONResponse:
        return _problem(404 if isinstance(reason, NotFound) else 422, str(reason))

    @api.exception_handler(Unavailable)
    async def unavailable(_: Request, reason: Unavailable) -> JSONResponse:
        return _problem(503, str(reason), {"retry-after": "1"})

    @api.exception_handler(RequestValidationError)
    async def malformed(_: Request, reason: RequestValidationError) -> JSONResponse:
        first = reason.errors()[0]
        if first["type"] == "json_invalid":
            return _problem(422, f"the body is no JSON: {first['ctx']['error']}")
        where = ".".join(str(part) for part in first["loc"] if part not in _NO_PLACES)
        sentence = in_words(first)
        return _problem(422, f"{where}: {sentence}" if where else sentence)

    @api.exception_handler(HTTPException)
    async def other(request: Request, reason: HTTPException) -> JSONResponse:
        is_unknown = reason.status_code == 404
        detail = _NO_ADDRESS.format(path=request.url.path) if is_unknown else reason.detail
        return _problem(reason.status_code, detail, dict(reason.headers or {}))


def _problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status, headers)
