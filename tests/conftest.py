"""What every test can use."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = [
    "tests.fixtures.clickhouse",
    "tests.fixtures.kafka",
    "tests.fixtures.providers",
    "tests.fixtures.gateway",  # after what it imports
    "tests.fixtures.warehouse",
    "tests.fixtures.browser",
    "tests.fixtures.vocabularies",  # after kafka
]

# How long an example takes says something of the machine's load and nothing of the code.
settings.register_profile("spendstream", deadline=None)
settings.load_profile("spendstream")
