"""A client on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.fixtures.clickhouse import connect


@pytest.fixture
def client(clickhouse_database: str) -> Iterator[Client]:
    found = connect(clickhouse_database)
    yield found
    found.close()


@pytest.fixture
def calls(client: Client) -> Client:
    """The client, with a table `calls`."""
    client.command(
        "CREATE TABLE calls (id UInt64, team String, cost Decimal(38, 12), at DateTime64(3, 'UTC')) "
        "ENGINE = ReplacingMergeTree ORDER BY id"
    )
    return client
