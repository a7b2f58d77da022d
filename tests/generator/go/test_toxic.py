"""Whatever a server does, calls of generated Go end in time, in an error, and leave nothing."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviour import toxic
from tests.conftest import tool
from tests.generator.go.clients import PROGRAMS, run
from tfsclient import errors

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]


def test_calls_end_in_time_with_the_right_error(go_clients: Path, tmp_path: Path) -> None:
    shutil.copytree(PROGRAMS / "toxic", go_clients / "programs" / "toxic")
    told = []
    with ExitStack() as running:
        servers = [
            (name, running.enter_context(toxic.http_server(behave)), wanted)
            for name, (behave, wanted) in toxic.HTTP.items()
        ] + [
            (name, running.enter_context(toxic.grpc_server(answer)), wanted)
            for name, (answer, wanted) in toxic.GRPC.items()
        ]
        for name, target, wanted in servers:
            # Go takes headers of up to 10 MB, and no body follows these.
            bad = wanted == "DecodeError" or name == "sends a huge header"
            code = "INTERNAL" if bad else str(getattr(errors, wanted)("").code)
            call = {"Name": name, "Target": target, "Large": name == "reads slowly"}
            told.append(call | {"Code": code, "BadAnswer": bad})
        (tmp_path / "toxic.json").write_text(json.dumps(told), "utf-8")
        run(
            *(tool("go"), "test", "-count=1", "./programs/toxic"),
            cwd=go_clients,
            env={"TFSCLIENT_TOXIC": str(tmp_path / "toxic.json")},
        )
