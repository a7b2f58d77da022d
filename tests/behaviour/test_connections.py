"""Servers that are not there, or are something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.conftest import Zoo
from tfsclient import Client, DeadlineExceeded, InvalidInput, Unavailable


@pytest.fixture
def dead_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("localhost", 0)) as server:
        kept = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_dead_port_is_unavailable_within_the_timeout(scheme: str, dead_port: int) -> None:
    target = f"{scheme}localhost:{dead_port}"
    started = time.monotonic()
    with Client(target, timeout=10) as client, pytest.raises(Unavailable, match=target):
        client.predict("m", {"x": [1.0]})
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_mute_server_exceeds_the_deadline(scheme: str, mute_port: int) -> None:
    with Client(f"{scheme}localhost:{mute_port}") as client:
        with pytest.raises((DeadlineExceeded, Unavailable)):
            client.status("m", timeout=0.5)
        with pytest.raises(DeadlineExceeded):
            client.wait_until_ready("m", timeout=0.5)


def test_each_transport_on_the_other_ones_port_says_so(zoo: Zoo) -> None:
    grpc_at_rest = zoo.rest.removeprefix("http://")
    with Client(grpc_at_rest) as client, pytest.raises(Unavailable) as caught:
        client.status("half_plus_two")
    assert f"http://{grpc_at_rest}" in str(caught.value.hint)
    with Client(f"http://{zoo.grpc}") as client, pytest.raises(Unavailable) as caught:
        client.status("half_plus_two")
    assert "gRPC port" in str(caught.value.hint)


@pytest.mark.parametrize(
    "target", ["localhost", "http://", "ftp://a:1", "a:99999", [], ["a:1", "b:2"], "http://a?x=1"]
)
def test_a_target_that_names_no_server_is_refused_at_once(target: str | list[str]) -> None:
    with pytest.raises(InvalidInput):
        Client(target)


def test_a_closed_client_opens_again(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        client = Client(target)
        assert client.predict("linear", [2.0]).only() == [4.5]
        client.close()
        assert client.predict("linear", [2.0]).only() == [4.5]
        client.close()


def test_threads_share_a_client(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        answers: list[float] = []
        with Client(target) as client:

            def work(value: float, client: Client = client, answers: list[float] = answers) -> None:
                answers.append(float(client.predict("linear", [value]).only()[0]))

            threads = [threading.Thread(target=work, args=(float(i),)) for i in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(answers) == [3.0 * i - 1.5 for i in range(16)]
