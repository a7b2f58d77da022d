"""Generated Java on real servers."""

from __future__ import annotations

import pytest

from tests.conftest import ZOO, Zoo, missing
from tests.generator.java.fixtures import Clients
from tfsclient import testing

pytestmark = pytest.mark.language("java")
pytest_plugins = ["tests.generator.java.fixtures"]


def test_it_works_on_a_real_server(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Live", zoo.grpc, zoo.rest)


@pytest.mark.slow
def test_a_server_with_few_threads_answers_many(java_clients: Clients) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    models = {"half_plus_two": ZOO / "half_plus_two"}
    with testing.serve(models, flags=["--grpc_max_threads=4"]) as server:
        assert java_clients.program("program.Busy", server.grpc_target) == ""
