"""Who a call belongs to, and whether a budget's scope covers it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ingest.errors import InvalidInput

DEFAULT_ORG = "default"
# Behind a model's name: a date as OpenAI, Anthropic and Mistral write it, Gemini's three digits, or a moving alias.
_VERSION = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3}|latest)")
SCOPE_DIMENSIONS = ("org", "team", "project", "key", "user", "provider", "model", "tag")


class Attribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """Opaque names; an empty text means that nothing was said. `key` is a key's id, never the key."""

    org: str = DEFAULT_ORG
    team: str = ""
    project: str = ""
    key_id: str = ""
    user: str = ""
    tags: dict[str, str] = {}


class BudgetScope(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a budget covers: every dimension that is set must match (team and model: that team's calls of that model).

    `key` is a key's id; `tag` is `name=value`, or `name` for any value. `model` is the model that was asked for, with or
    without a dated version: a budget on `gpt-4o` covers `gpt-4o-2024-08-06` too (but not `gpt-4o-mini`), one on
    `gpt-4o-2024-08-06` covers that version alone.
    """

    org: str = ""
    team: str = ""
    project: str = ""
    key: str = ""
    user: str = ""
    provider: str = ""
    model: str = ""
    tag: str = ""

    def covers(self, who: Attribution, provider: str, model: str) -> bool:
        """Whether a call of `who` to `model` of `provider` falls under this scope."""
        return (
            self.org in ("", who.org)
            and self.team in ("", who.team)
            and self.project in ("", who.project)
            and self.key in ("", who.key_id)
            and self.user in ("", who.user)
            and self.provider in ("", provider)
            and (not self.model or _model_matches(self.model, model))
            and (not self.tag or _tag_matches(self.tag, who.tags))
        )

    def describe(self) -> str:
        """For people: `team search, model gpt-4o`."""
        return ", ".join(f"{name} {getattr(self, name)}" for name in SCOPE_DIMENSIONS if getattr(self, name))


def check_scope(scope: BudgetScope) -> BudgetScope:
    """`scope` itself; raises InvalidInput when it names no dimension."""
    if not scope.describe():
        raise InvalidInput(f"a budget's scope names at least one of {', '.join(SCOPE_DIMENSIONS)}")
    return scope


def _model_matches(wanted: str, asked: str) -> bool:
    """Providers take a model under several spellings; a budget must not be evaded by another one."""
    wanted, asked = _plain(wanted), _plain(asked)
    return asked == wanted or (
        asked.startswith(wanted) and _VERSION.fullmatch(asked, len(wanted)) is not None
    )


def _plain(model: str) -> str:
    return model.strip().lower().removeprefix("models/")


def _tag_matches(wanted: str, tags: Mapping[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in tags and (not equals or tags[name] == value)
