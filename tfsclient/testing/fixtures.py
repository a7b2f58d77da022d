"""Fixtures for pytest: ``pytest_plugins = ["tfsclient.testing.fixtures"]`` in a conftest.py.

def test_digits(tfs_serve):
    server = tfs_serve({"digits": "models/digits"})
    ...

def test_the_program_survives_a_slow_server(tfs_fake):
    server = tfs_fake("models/digits")
    server.delay(2.0)
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tfsclient.testing import FakeServer, RunningServer, serve


@pytest.fixture(scope="session")
def tfs_serve() -> Iterator[Callable[[Mapping[str, str | Path]], RunningServer]]:
    """Serves base paths by model name on real TensorFlow; the same ones once for all tests."""
    servers: dict[tuple[tuple[str, str], ...], RunningServer] = {}
    with ExitStack() as stack:

        def get(models: Mapping[str, str | Path]) -> RunningServer:
            key = tuple(sorted((name, str(path)) for name, path in models.items()))
            if key not in servers:
                servers[key] = stack.enter_context(serve(models))
            return servers[key]

        yield get


@pytest.fixture
def tfs_fake() -> Iterator[Callable[..., FakeServer]]:
    """Makes a running FakeServer of the arguments of that class; it ends with the test."""
    with ExitStack() as stack:

        def make(*models: Any, **options: Any) -> FakeServer:
            return stack.enter_context(FakeServer(*models, **options))

        yield make
