"""Generated Java on real servers."""

from __future__ import annotations

import pytest

from tests.conftest import Zoo
from tests.generator.java.fixtures import Clients

pytestmark = pytest.mark.language("java")
pytest_plugins = ["tests.generator.java.fixtures"]


def test_it_works_on_a_real_server(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Live", zoo.grpc, zoo.rest)
