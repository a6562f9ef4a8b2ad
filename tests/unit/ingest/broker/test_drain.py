from __future__ import annotations

import asyncio
import socket

from ingest.broker.drain import clients_gone, connections_to

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:2384 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0
   2: 0100007F:D431 0100007F:2384 01 00000000:00000000 00:00000000 00000000     0
   3: 0100007F:2384 0100007F:D432 06 00000000:00000000 00:00000000 00000000     0
"""


def test_only_established_connections_to_the_port_count() -> None:
    assert connections_to(0x2384, TABLE) == 1
    assert connections_to(9999, TABLE) == 0
    assert connections_to(9999, "") == 0


def test_the_last_client_is_waited_for_but_not_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        try:
            assert asyncio.run(clients_gone(port, 0.1)) is False
        finally:
            client.close()
            accepted.close()
        assert asyncio.run(clients_gone(port, 5.0)) is True
