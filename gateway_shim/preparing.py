"""From a request to a call that may go out: what is asked, where it goes, who pays, whether the budgets allow it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from gateway_shim.admission import Refused, decide
from gateway_shim.attempts import attempt_of
from gateway_shim.attribution_headers import attribution
from gateway_shim.formats.answer import Asked, members
from gateway_shim.formats.forms import is_form, replace_text
from gateway_shim.headers import CALL_ID_HEADER, first_values
from gateway_shim.parts import Parts
from gateway_shim.providers.openai import OPENAI
from gateway_shim.rejection import Fault, Rejected
from gateway_shim.request_reading import asked_tier, read_request
from gateway_shim.routing import Route, Target
from gateway_shim.splice import CannotSplice, ask_for_usage, replace_member
from ingest.attribution import Attribution
from ingest.events.calls import BudgetRef, Call, CallFinished, Outcome
from ingest.events.governance import KeyIssued
from ingest.ids import new_id
from ingest.pricing.price import Question

_MAX_MODEL = 200
_MAX_PATH = 500


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request for a provider, its body read."""

    method: str
    headers: list[tuple[bytes, bytes]]
    query: bytes
    body: bytes
    key: KeyIssued


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call, and the body with which it goes out."""

    call: Call
    target: Target
    body: bytes
    withholds_usage: bool
    service_tier: str


def prepare(parts: Parts, route: Route, request: Request) -> Prepared:
    """The call that `request` makes.

    Raises Rejected for a request that cannot be used, and, after recording it, for one that a budget refuses.
    """
    format = route.target.format if route.target else OPENAI.format_of(f"/v1{route.rest}")
    headers = first_values(request.headers)
    encoding = headers.get(b"content-encoding", b"identity")
    if format.needs_json and encoding not in (b"", b"identity"):
        text = encoding.decode("latin-1")[:50]
        raise Rejected(Fault.BAD_ENCODING, f"the request body has content-encoding {text}; send it without")
    asked = read_request(request.body, format)
    target, model, body = _aim(parts, route, asked, request.body)
    who = attribution(request.key, headers)
    is_stream = asked.is_stream or target.format.always_streams
    withholds = (
        is_stream
        and target.format.wants_usage_option
        and target.provider.takes_usage_option(target.path, request.query)
        and "data_sources" not in asked.body  # Azure's answers over one's own data refuse it
        and members(asked.body.get("stream_options")).get("include_usage") is not True
    )
    if withholds:
        body, withholds = _with_usage(body, asked)
    at = parts.clock.now()
    subject = _Subject(who, target, model, is_stream, at, attempt_of(headers), len(request.body))
    budgets = _admit(parts, subject)
    question = Question(target.provider.name, model, at, who=who)
    hold = parts.holds.worst_case(target.format, asked, request.body, question)
    return Prepared(_call(subject, budgets, hold), target, body, withholds, asked_tier(asked))


@dataclass(frozen=True, slots=True)
class _Subject:
    who: Attribution
    target: Target
    model: str
    is_stream: bool
    at: datetime
    attempt: int
    request_bytes: int


def _aim(parts: Parts, route: Route, asked: Asked, body: bytes) -> tuple[Target, str, bytes]:
    """The target, the model's name there, and the body that says so."""
    if route.target is not None:
        return route.target, route.target.provider.model_in_path(route.target.path) or asked.model, body
    target, model = parts.routes.by_model(route, asked.model)
    if model != asked.model and is_form(body):
        body = replace_text(body, "model", model)
    elif model != asked.model:
        try:
            body = replace_member(body, "model", msgspec.json.encode(model))
        except CannotSplice as reason:
            raise Rejected(Fault.BAD_BODY, str(reason)) from None
    return target, model, body


def _with_usage(body: bytes, asked: Asked) -> tuple[bytes, bool]:
    try:
        return ask_for_usage(body, asked.body.get("stream_options")), True
    except CannotSplice:
        return body, False  # it goes out as it is; its usage will be an estimate


def _admit(parts: Parts, subject: _Subject) -> tuple[BudgetRef, ...]:
    balances = parts.registry.balances(subject.who, subject.target.provider.name, subject.model, subject.at)
    decision = decide(balances, parts.states, subject.at)
    if not isinstance(decision, Refused):
        return decision.budgets
    call = _call(subject, decision.budgets, None)
    finished = CallFinished(
        call=call,
        finished_at=parts.clock.now(),
        outcome=Outcome.REFUSED,
        http_status=Fault.BUDGET.status,
        latency_ms=0,
        error_type=Fault.BUDGET.word,
    )
    parts.recorder.finished(finished)
    parts.meter.finished(finished)
    headers = {"x-should-retry": "false", CALL_ID_HEADER: call.call_id}
    if decision.retry_after_s is not None:
        headers["retry-after"] = str(decision.retry_after_s)
    raise Rejected(Fault.BUDGET, decision.message, headers)


def _call(subject: _Subject, budgets: tuple[BudgetRef, ...], hold: Decimal | None) -> Call:
    return Call(
        call_id=new_id(),
        started_at=subject.at,
        who=subject.who,
        provider=subject.target.provider.name,
        model=subject.model[:_MAX_MODEL],
        operation=subject.target.format.operation[:_MAX_MODEL],
        path=subject.target.path[:_MAX_PATH],
        is_stream=subject.is_stream,
        budgets=budgets,
        hold_usd=hold,
        attempt=subject.attempt,
        request_bytes=subject.request_bytes,
    )
