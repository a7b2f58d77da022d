"""Servers for tests: real models without a container, and fake ones without TensorFlow.

    @pytest.fixture(scope="session")
    def server():
        with tfsclient.testing.serve({"digits": "models/digits"}) as server:
            yield server

    def test_digits(server):
        assert Client(server.grpc_target).predict("digits", images)["scores"].shape == (1, 10)

    def test_what_happens_when_it_is_down():
        with tfsclient.testing.FakeServer("models/digits") as server:
            server.fail("UNAVAILABLE", times=3)
            ...

``pytest_plugins = ["tfsclient.testing.fixtures"]`` gives both as fixtures.
"""

from tfsclient.testing._fake import FakeServer, ReceivedCall
from tfsclient.testing._serve import RunningServer, serve, server_process
from tfsclient.testing._transport import FakeTransport

__all__ = [
    "FakeServer",
    "FakeTransport",
    "ReceivedCall",
    "RunningServer",
    "serve",
    "server_process",
]


def __dir__() -> list[str]:
    return __all__
