"""The generated text of an answer, kept while it passes: what an estimate counts when the usage does not come.

It is bounded, lives in memory only, and goes with its answer.
"""

from __future__ import annotations

from io import StringIO

MOST_KEPT_BYTES = 1024 * 1024
"""Of one answer. What is longer is counted by its length, at the rate of the part that was kept."""


class KeptText:
    """Text in pieces, as events bring it."""

    __slots__ = ("_kept", "is_covered", "kept_bytes", "total_bytes", "uncovered_bytes")

    def __init__(self) -> None:
        self._kept = StringIO()
        self.kept_bytes = 0
        self.total_bytes = 0
        """Of all text that was generated, UTF-8."""
        self.uncovered_bytes = 0
        """Of the text since the last usage."""
        self.is_covered = False
        """Whether a usage has come that counts text which came before it."""

    def add(self, piece: str) -> None:
        """One more piece."""
        # Exact, and cheap for ASCII.
        size = len(piece) if piece.isascii() else len(piece.encode(errors="replace"))
        self.total_bytes += size
        self.uncovered_bytes += size
        if self.kept_bytes + size <= MOST_KEPT_BYTES:
            self._kept.write(piece)
            self.kept_bytes += size

    def cover(self) -> None:
        """A usage has come. It counts the text so far; one that comes before any text announces the first token."""
        if self.total_bytes:
            self.is_covered = True
            self.uncovered_bytes = 0
            if self.kept_bytes:
                self._kept = StringIO()
                self.kept_bytes = 0

    def uncovered(self) -> str:
        """The text since the last usage, as far as it was kept."""
        return self._kept.getvalue()
