"""A call that the simulated provider does not answer. Each provider words it in its own error shape."""

from __future__ import annotations


class Refusal(Exception):
    """The provider answers with an error. An empty `message` means the provider's usual wording for `status`."""

    def __init__(
        self, status: int, message: str = "", *, param: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message or f"status {status}")
        self.status = status
        self.message = message
        self.param = param
        """The field of the request that is at fault, where one is."""
        self.kind = kind
        """The provider's own error type or code, where it differs from the one that goes with the status."""


def bad_request(message: str, param: str | None = None) -> Refusal:
    """The request cannot be read: status 400."""
    return Refusal(400, message, param=param)
