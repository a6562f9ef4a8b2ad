"""Counts tokens with tiktoken, where its vocabularies are there; by length, four bytes a token, where they are not.

A vocabulary is loaded when it is first needed: 0.1 to 0.2 s, in which the event loop stands still once for about 0.1 s
(tiktoken builds its tables without letting other threads run), and 80 MB (o200k_base) and 40 MB (cl100k_base) of memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from gateway_shim.token_files import VOCABULARIES, bring, is_there
from ingest.broker.errors import BrokerError
from ingest.broker.jars import Fetch
from ingest.environ import tell_library

if TYPE_CHECKING:
    import tiktoken

_LOG = logging.getLogger(__name__)
BYTES_PER_TOKEN = 4
DEFAULT_ENCODING = "o200k_base"
_SLICE = 16 * 1024
"""Characters at once. A longer run of blanks overflows the stack of tiktoken's regular expressions."""


class TokenCounter(Protocol):
    """Counts tokens. May take its time and need memory: call it in a thread."""

    def count(self, model: str, texts: Sequence[str]) -> int:
        """Tokens of all `texts` as `model` would count them."""
        ...


class ByLength(TokenCounter):
    """Four bytes a token, rounded up: near for English with most models, too few for code and other scripts."""

    @override
    def count(self, model: str, texts: Sequence[str]) -> int:
        return tokens_of(sum(len(text.encode(errors="replace")) for text in texts))


class Tokenizer(TokenCounter):
    """`folder` holds the vocabularies, or will once `prepare` has brought them."""

    def __init__(self, folder: Path, make_fetch: Callable[[], Fetch]) -> None:
        self._folder = folder
        self._make_fetch = make_fetch
        self._is_ready = False
        self._has_said_so = False
        self._encodings: dict[str, tiktoken.Encoding] = {}

    def prepare(self) -> threading.Thread:
        """See to it that the vocabularies are there, in the background; nobody waits for that."""
        thread = threading.Thread(target=self._bring, name="vocabularies", daemon=True)
        thread.start()
        return thread

    @override
    def count(self, model: str, texts: Sequence[str]) -> int:
        encoding = self._encoding(encoding_name(model)) if self._is_ready else None
        if encoding is None:
            if not self._has_said_so:
                self._has_said_so = True
                _LOG.warning(
                    "tokens that a provider did not count are estimated by length until tiktoken's vocabularies are"
                    " in %s",
                    self._folder,
                )
            return ByLength().count(model, texts)
        slices = (text[at : at + _SLICE] for text in texts for at in range(0, len(text), _SLICE))
        return sum(len(encoding.encode_ordinary(piece)) for piece in slices)

    def _encoding(self, name: str) -> tiktoken.Encoding | None:
        if name not in self._encodings:
            if not is_there(self._folder, name):  # tiktoken would go and fetch it
                return None
            import tiktoken

            tell_library("TIKTOKEN_CACHE_DIR", str(self._folder))
            self._encodings[name] = tiktoken.get_encoding(name)
        return self._encodings[name]

    def _bring(self) -> None:
        try:
            bring(self._folder, self._make_fetch)
        except (BrokerError, OSError, RuntimeError) as reason:
            _LOG.warning("tiktoken's vocabularies cannot be had: %s", reason)
        else:
            self._is_ready = True


def encoding_name(model: str) -> str:
    """The vocabulary of `model`: its own where tiktoken knows one of ours, else the one that comes nearest."""
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return DEFAULT_ENCODING
    if name in VOCABULARIES:
        return name
    # o200k_harmony is o200k_base with other special tokens; what is older than cl100k_base is nearest to it.
    return DEFAULT_ENCODING if name.startswith("o200k") else "cl100k_base"


def tokens_of(text_bytes: int) -> int:
    """Tokens of so much text by its length, rounded up."""
    return -(-text_bytes // BYTES_PER_TOKEN)
