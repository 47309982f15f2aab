"""How a running simulator is asked to change its campaigns."""

from __future__ import annotations

import http.client
import json

import msgspec

from exporter.errors import InputError
from exporter.simulator.changes import SimulatedChanges

CHANGE_PATH = "/simulator/change"
"""A POST here changes campaigns; it is not a request of the API and is not counted as one."""


def change_running(port: int, number: int) -> SimulatedChanges | None:
    """Ask the simulator at `port` for `number` changes; None where nothing listens. Raises `InputError`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", f"{CHANGE_PATH}?number={number}")
        return msgspec.convert(json.loads(connection.getresponse().read()), SimulatedChanges)
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException, ValueError):
        raise InputError(f"--port {port}: what listens there is no running `campaign-export simulate`.") from None
    finally:
        connection.close()
