"""What every test can use."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.clickhouse",
    "tests.fixtures.kafka",
    "tests.fixtures.providers",
    "tests.fixtures.gateway",  # after what it imports
    "tests.fixtures.warehouse",
    "tests.fixtures.browser",
]
