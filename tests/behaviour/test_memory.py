"""A client that has made many calls is no larger than one that has made a few."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfsclient import Client, DType, Model, Signature, TensorSpec
from tfsclient.testing import FakeServer

GROWTH = 4 << 20  # bytes that an allocator may waver
FLOATS = {name: TensorSpec(name, DType("float32"), (-1,)) for name in "xy"}
MODEL = Model(
    "m",
    1,
    {"serving_default": Signature("serving_default", {"x": FLOATS["x"]}, {"y": FLOATS["y"]})},
)

# In a process of its own, without the server: warm up, look, call, look again.
PROGRAM = """
import asyncio, json, os, sys
import numpy as np
from tfsclient import AsyncClient, Client

target, stack = sys.argv[1:]
x = np.arange(256, dtype=np.float32)

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

def run(call, count):
    for _ in range(count):
        assert call().only().shape == x.shape

async def arun(client, count):
    for _ in range(count):
        assert (await client.predict("m", x)).only().shape == x.shape

async def main():
    async with AsyncClient(target) as client:
        await arun(client, 1_000)
        before = resident()
        await arun(client, 10_000)
        return before, resident()

if stack == "aio":
    print(json.dumps(asyncio.run(main())))
else:
    with Client(target) as client:
        def call():
            if stack == "future":
                return client.predict_future("m", x).result()
            return client.predict("m", x)
        run(call, 1_000)
        before = resident()
        run(call, 10_000)
        print(json.dumps((before, resident())))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(MODEL) as running:
        yield running


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is looked up in /proc")
@pytest.mark.parametrize("stack", ["sync", "future", "aio"])
@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_ten_thousand_predicts_leave_nothing_behind(
    server: FakeServer, transport: str, stack: str
) -> None:
    target = server.grpc_target if transport == "grpc" else server.rest_target
    server.reset()  # it remembers every call
    command = [sys.executable, "-c", PROGRAM, target, stack]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    before, after = json.loads(done.stdout)
    assert after - before < GROWTH


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_future_is_in_no_circle(server: FakeServer, transport: str) -> None:
    """Else its request and its answer stay until the garbage collector comes along."""
    target = server.grpc_target if transport == "grpc" else server.rest_target
    with Client(target) as client:
        gc.collect()
        gc.disable()
        try:
            future = client.predict_future("m", [1.0])
            future.result()
            seen = weakref.ref(future)
            del future
            until = time.monotonic() + 30  # the transport's thread may still hold it
            while seen() is not None and time.monotonic() < until:
                time.sleep(0.01)
            assert seen() is None
        finally:
            gc.enable()
