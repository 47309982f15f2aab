"""`exporter.simulator.change_simulator`: a running simulator is asked to change its campaigns."""

from __future__ import annotations

import socket
import threading

import pytest

from exporter.errors import InputError
from exporter.simulator.change_simulator import change_running
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.serving import serving


def test_a_running_simulator_changes_its_campaigns_on_request() -> None:
    behaviour = Behaviour(sample_campaigns(5))
    with serving(behaviour) as url:
        before = set(behaviour.campaigns)
        port = int(url.rpartition(":")[2])
        changes = change_running(port, 2)
        assert changes is not None
        assert (len(changes.changed), len(changes.gone), len(changes.new)) == (2, 1, 1)
        assert set(behaviour.campaigns) == before - set(changes.gone) | set(changes.new)
        assert not behaviour.arrivals, "a change is not a request of the API"
    assert change_running(port, 1) is None


def test_what_is_no_simulator_is_an_error_that_names_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def hang_up() -> None:
            connection, _ = other.accept()
            connection.recv(1000)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(InputError, match=f"--port {port}: what listens there"):
            change_running(port, 1)
        thread.join(10)
