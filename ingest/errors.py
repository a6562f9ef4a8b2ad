"""Every error that Spendstream raises on purpose.

SpendstreamError
├── InvalidInput            what somebody sent cannot be used; the sentence says what and which limit
│   ├── InvalidSetting      a value of the environment
│   ├── InvalidMoney        an amount that is no finite decimal number
│   ├── InvalidUsage        token counts that contradict each other
│   └── DecodeError         bytes on the log that are no event we know; they go to dead.letters
├── Unavailable             something we need is not there (yet); worth another try
│   └── LogUnavailable      Kafka does not answer
└── Halted                  a process cannot go on without breaking a promise; its supervisor restarts it
"""

from __future__ import annotations


class SpendstreamError(Exception):
    """The root. Its text is one sentence that may be shown to a person."""


class InvalidInput(SpendstreamError):
    """What somebody sent cannot be used; trying again with the same input cannot help."""


class InvalidSetting(InvalidInput):
    """A variable of the environment has a value that cannot be used."""


class InvalidMoney(InvalidInput):
    """An amount is no finite decimal number, or came as a float."""


class InvalidUsage(InvalidInput):
    """Token counts are negative, or a part exceeds its whole."""


class DecodeError(InvalidInput):
    """Bytes on the log are no event of a type and version that we know."""


class Unavailable(SpendstreamError):
    """Something that we need does not answer now; trying again later can help."""


class LogUnavailable(Unavailable):
    """Kafka did not take or give an event in time."""


class Halted(SpendstreamError):
    """Going on would break a promise. Let it end the process; a restart begins from what was stored."""
