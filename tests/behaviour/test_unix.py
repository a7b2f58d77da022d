"""Unix sockets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ZOO
from tfsclient import Unavailable
from tfsclient.testing import serve


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("socket") / "serving.sock"
    flags = [f"--grpc_socket_path={path}"]
    with serve({"linear": ZOO / "linear"}, flags=flags):
        yield path


@pytest.mark.parametrize("written", ["unix:{path}", "unix://{path}", "unix:{relative}"])
def test_a_unix_socket(socket: Path, make_client: Callable[..., Any], written: str) -> None:
    target = written.format(path=socket, relative=os.path.relpath(socket))
    with make_client(target) as client:
        assert client.predict("linear", [2.0]).only() == [4.5]
        assert client.status("linear")[0].available


def test_a_socket_that_is_not_there(tmp_path: Path, make_client: Callable[..., Any]) -> None:
    target = f"unix:{tmp_path / 'no.sock'}"
    with make_client(target, timeout=30) as client, pytest.raises(Unavailable, match=target):
        client.predict("linear", [2.0])
