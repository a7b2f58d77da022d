"""Many clients for a long time: no wrong answer, no crash, and no memory lost."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from tfsclient._codec.messages import message_class
from tfsclient._codec.protobuf import chunk, tag, varint
from tfsclient._codec.text_format import parse_text
from tfsclient.testing import RunningServer, serve

from .calls import PREDICT, predict_request
from .conftest import FLAGS, MODELS

SECONDS = float(os.environ.get("TFSCLIENT_SOAK_SECONDS", "600"))
CLIENTS = 16
RELOAD_EVERY = 20.0
ALLOWED_GROWTH = 48 << 20  # bytes, between the second quarter and the last one

MODEL_NAMES = ("linear", "half_plus_two", "dense15", "strings", "estimator", "failing")


def config(*, changed: bool) -> Any:
    """The models under load stay; another one comes and goes, and an idle version does."""
    names = (*MODEL_NAMES, *(["mlp"] if changed else []))
    models = "".join(
        f'config {{ name: "{name}" base_path: "{MODELS / name}" model_platform: "tensorflow" '
        f"{_policy(name, changed)} }}"
        for name in names
    )
    text = f"model_config_list {{ {models} }}"
    return parse_text("tensorflow.serving.ModelServerConfig", text.encode())


def _policy(name: str, changed: bool) -> str:
    if name != "half_plus_two":
        return ""
    versions = "versions: 1 versions: 2" if changed else "versions: 2"
    return f"model_version_policy {{ specific {{ {versions} }} }}"


class Caller:
    """One client, over gRPC and REST by turns, good and bad by chance."""

    def __init__(self, server: RunningServer, seed: int) -> None:
        self._random = random.Random(seed)
        self._channel = grpc.insecure_channel(
            server.grpc_target, [("grpc.use_local_subchannel_pool", 1)]
        )
        self._url = f"{server.rest_target}/v1/models"
        self._rest = httpx.Client(timeout=60)
        self.counts: Counter[str] = Counter()

    def run(self, until: float) -> None:
        kinds: list[Callable[[], None]] = [
            self.good_grpc,
            self.good_rest,
            self.examples,
            self.large,
            self.bad_grpc,
            self.bad_rest,
            self.status,
        ]
        with self._channel, self._rest:
            while time.monotonic() < until:
                kind = self._random.choice(kinds)
                kind()
                self.counts[kind.__name__] += 1

    def _grpc(self, method: str, data: bytes) -> tuple[grpc.StatusCode, Any]:
        future = self._channel.unary_unary(method).future(data, timeout=60)
        code = future.code()
        return code, future.result() if code is grpc.StatusCode.OK else future.details()

    def _rest_call(self, path: str, body: bytes) -> tuple[int, Any]:
        response = self._rest.post(f"{self._url}/{path}", content=body)
        return response.status_code, response.json()

    def good_grpc(self) -> None:
        value = float(self._random.randrange(1000))
        code, data = self._grpc(PREDICT, predict_request(value=value))
        assert code is grpc.StatusCode.OK, data
        response = message_class("tensorflow.serving.PredictResponse").FromString(data)
        assert list(response.outputs["y"].float_val) == [3 * value - 1.5]

    def good_rest(self) -> None:
        value = float(self._random.randrange(1000))
        got = self._rest_call("half_plus_two:predict", b'{"inputs": [[%f]]}' % value)
        assert got == (200, {"outputs": [[value / 2 + 3]]})

    def examples(self) -> None:
        body = b'{"signature_name": "classify_two", "examples": [{"x": 1.5}]}'
        want = {"results": [[["first", 3.75], ["second", 4.0]]]}
        assert self._rest_call("half_plus_two:classify", body) == (200, want)

    def large(self) -> None:
        values = np.arange(self._random.randrange(20_000), dtype=np.float32)
        shape = chunk(2, tag(1, 0) + varint(len(values)))
        tensor = tag(1, 0) + varint(1) + chunk(2, shape) + chunk(4, values.tobytes())
        data = chunk(1, chunk(1, b"linear")) + chunk(2, chunk(1, b"x") + chunk(2, tensor))
        code, answer = self._grpc(PREDICT, data)
        assert code is grpc.StatusCode.OK, answer
        response = message_class("tensorflow.serving.PredictResponse").FromString(answer)
        assert np.array_equal(response.outputs["y"].float_val, values * 3 - np.float32(1.5))

    def bad_grpc(self) -> None:
        request = predict_request()
        method, data, want = self._random.choice([
            (PREDICT, request[:-3], grpc.StatusCode.INTERNAL),
            (PREDICT, predict_request("nobody"), grpc.StatusCode.NOT_FOUND),
            (PREDICT, b"", grpc.StatusCode.INVALID_ARGUMENT),
            (PREDICT, request + chunk(3, b"z"), grpc.StatusCode.INVALID_ARGUMENT),
            (PREDICT, predict_request("failing"), None),
            ("/tensorflow.serving.PredictionService/Nothing", b"", grpc.StatusCode.UNIMPLEMENTED),
        ])  # fmt: skip
        code, details = self._grpc(method, data)
        assert code is not grpc.StatusCode.OK
        assert want in (None, code), details

    def bad_rest(self) -> None:
        path, body, want = self._random.choice([
            ("linear:predict", b'{"instances": [', 400),
            ("linear:predict", b'{"instances": ["x"]}', 400),
            ("linear:predict", b'{"instances": ' + b"[" * 10_000, 400),
            ("nobody:predict", b'{"instances": [1.0]}', 404),
            ("linear/versions/7:predict", b'{"instances": [1.0]}', 404),
            ("dense15:predict", b'{"instances": [[1.0]]}', 400),
        ])  # fmt: skip
        status, answer = self._rest_call(path, body)
        assert status == want, answer
        assert set(answer) == {"error"}

    def status(self) -> None:
        answer = self._rest.get(f"{self._url}/linear").json()
        assert answer["model_version_status"][0]["state"] == "AVAILABLE"
        assert (
            self._rest.get(f"{self._url}/dense15/metadata").json()["model_spec"]["version"] == "1"
        )


def memory(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_ten_minutes_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    # More threads than clients: how a full server refuses is tests/server/test_quota.py's concern.
    flags = (*FLAGS, f"--grpc_max_threads={4 * CLIENTS}")
    with serve({name: MODELS / name for name in MODEL_NAMES}, flags=flags) as server:
        until = time.monotonic() + SECONDS
        callers = [Caller(server, seed) for seed in range(CLIENTS)]
        failures: list[BaseException] = []

        def run(caller: Caller) -> None:
            try:
                caller.run(until)
            except BaseException as failure:
                failures.append(failure)
                raise

        threads = [threading.Thread(target=run, args=[caller]) for caller in callers]
        for thread in threads:
            thread.start()
        sizes: list[int] = []
        reloads = 0
        with grpc.insecure_channel(server.grpc_target) as channel:
            reload = channel.unary_unary(
                "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
            )
            next_reload = time.monotonic() + RELOAD_EVERY / 2
            while (now := time.monotonic()) < until and not failures:
                if now > next_reload:
                    request = message_class("tensorflow.serving.ReloadConfigRequest")()
                    request.config.CopyFrom(config(changed=reloads % 2 == 0))
                    reload(request.SerializeToString(), timeout=60)
                    reloads += 1
                    next_reload += RELOAD_EVERY
                sizes.append(memory(server.pid))
                time.sleep(0.5)
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    quarter = len(sizes) // 4
    early = statistics.median(sizes[quarter : 2 * quarter])
    late = statistics.median(sizes[3 * quarter :])
    counts = sum((caller.counts for caller in callers), Counter())
    with capsys.disabled():
        print(
            f"\nsoak: {counts.total():,} calls in {SECONDS:.0f} s, {reloads} reloads;"
            f" memory {early / 2**20:.1f} MiB, then {late / 2**20:.1f} MiB; {dict(counts)}"
        )
    assert late - early < ALLOWED_GROWTH
