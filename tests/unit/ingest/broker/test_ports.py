"""Ports: a taken one is named with advice, the controller's is remembered."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker.errors import PortInUse
from ingest.broker.ports import client_port, controller_port, free_port, why_taken


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port()
    assert client_port(port) == port


def test_zero_means_any_free_port() -> None:
    port = client_port(0)
    assert port > 0
    assert why_taken(port) == ""


def test_a_taken_port_names_itself_the_variable_and_a_way_out(taken: int) -> None:
    with pytest.raises(PortInUse) as refused:
        client_port(taken)
    message = str(refused.value)
    assert f"port {taken} on 127.0.0.1, wanted for Kafka, is used by another program" in message
    advice = re.search(r"SPENDSTREAM_KAFKA_PORT=(\d+)", message)
    assert advice is not None
    assert why_taken(int(advice[1])) == ""
    assert "\n" not in message


def test_a_port_that_listens_on_all_addresses_counts_as_taken() -> None:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        with pytest.raises(PortInUse):
            client_port(holder.getsockname()[1])


def test_the_controller_keeps_its_port(tmp_path: Path) -> None:
    memory = tmp_path / "controller.port"
    first = controller_port(memory, client_port=1)
    assert controller_port(memory, client_port=1) == first


def test_the_controller_moves_when_its_port_is_taken(tmp_path: Path, taken: int) -> None:
    memory = tmp_path / "controller.port"
    memory.write_text(f"{taken}\n")
    moved = controller_port(memory, client_port=1)
    assert moved != taken
    assert controller_port(memory, client_port=1) == moved


def test_the_controller_does_not_take_the_clients_port(tmp_path: Path) -> None:
    memory = tmp_path / "controller.port"
    first = controller_port(memory, client_port=1)
    assert controller_port(memory, client_port=first) != first


@pytest.mark.parametrize("content", ["", "ninety", "-1", "70000"])
def test_a_memory_that_cannot_be_read_is_replaced(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "controller.port"
    memory.write_text(content)
    port = controller_port(memory, client_port=1)
    assert memory.read_text() == f"{port}\n"
