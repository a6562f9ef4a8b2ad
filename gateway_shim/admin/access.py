"""Who may use the admin API: whoever shows the admin token."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway_shim.secret_files import read_or_make

_BEARER = HTTPBearer(auto_error=False, description="The admin token")
TOKEN_FILE = "admin-token"


def admin_token(configured: str, home: Path) -> str:
    """The configured token, else the one kept under `home`, which is made when there is none."""
    return configured or read_or_make(home / TOKEN_FILE, lambda: secrets.token_urlsafe(32))


def guard(token: str) -> Callable[..., Awaitable[None]]:
    """A dependency that lets only the holder of `token` pass."""

    async def check(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        if shown is None or not secrets.compare_digest(shown.credentials.encode(), token.encode()):
            raise HTTPException(
                401,
                "the admin API needs the admin token as 'Authorization: Bearer'",
                {"www-authenticate": "Bearer"},
            )

    return check
