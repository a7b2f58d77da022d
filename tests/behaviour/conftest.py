"""A client of the zoo on each transport; every test here runs on all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Zoo
from tfsclient import Client


@pytest.fixture(params=["grpc", "rest"])
def target(zoo: Zoo, request: pytest.FixtureRequest) -> str:
    return zoo.grpc if request.param == "grpc" else zoo.rest


@pytest.fixture
def client(target: str) -> Iterator[Client]:
    with Client(target) as made:
        yield made
