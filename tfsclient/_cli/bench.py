"""``tfsclient bench``: calls of a model, several at a time for some seconds, and their times."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import click
import numpy as np

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import EXIT_NO, exit_codes, visible
from tfsclient._cli.options import input_option, signature_option, version_options
from tfsclient._client.observe import CallInfo
from tfsclient._client.sync import Client
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidArgument, InvalidInput, TFSError
from tfsclient.schema import Signature, TensorSpec

_LARGEST = 1 << 31  # bytes that a request may have


@click.command()
@click.argument("target")
@click.argument("model")
@input_option
@signature_option
@version_options
@click.option(
    "--concurrency",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Calls under way at once, each on a thread.",
)
@click.option(
    "--seconds",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="How long to measure.",
)
@connection_options()
def bench(
    target: str,
    model: str,
    inputs: tuple[str, ...],
    signature: str | None,
    version: int | None,
    label: str | None,
    concurrency: int,
    seconds: float,
    connection: Connection,
) -> None:
    """Measure how fast MODEL on the server TARGET answers; exit 1 if a call fails.

    Inputs are given as for predict; without any, zeros and empty strings of the signature's shapes
    are sent, where an open dimension is 1.  The first call, which connects, is not counted, and no
    call is tried again.

    Example: tfsclient bench localhost:8500 digits --concurrency 8 --seconds 10
    """
    infos: list[CallInfo] = []
    with exit_codes(), connection.client(target, retries=0, on_call=infos.append) as client:
        given = Given(inputs)
        spec = client.signature(
            model, signature or given.signature_name, version=version, label=label
        )
        values = given.inputs(spec) if inputs else _zeros(spec)
        request = client.build_predict(model, values, signature=spec, version=version, label=label)
        _print_request(request, zeros=not inputs)
        try:
            client.send(request)
        except InvalidArgument as error:
            if not inputs:
                error.hint = "these were zeros: --input gives real inputs"
            raise
        infos.clear()
        elapsed = _load(client, request, concurrency, seconds)
    _print_times(infos, elapsed, concurrency)
    if any(info.error is not None for info in infos):
        raise click.exceptions.Exit(EXIT_NO)


def _zeros(spec: Signature) -> dict[str, object]:
    return {name: _zero(name, tensor) for name, tensor in spec.inputs.items()}


def _zero(name: str, spec: TensorSpec) -> object:
    shape = [1 if size == -1 else size for size in spec.shape or ()]
    if not spec.dtype.sendable or math.prod(shape) * spec.dtype.numpy.itemsize >= _LARGEST:
        raise InvalidInput(f"no zeros can be sent for input {name!r}, {spec}", hint="use --input")
    if spec.dtype == STRING:
        return np.full(shape, b"", object)
    return np.zeros(shape, spec.dtype.numpy)


def _print_request(request: PredictRequest, *, zeros: bool) -> None:
    click.echo(visible(f"{request.ref.name}, {request.ref.signature}"))

    def show(name: str, tensor: Tensor) -> str:
        made = " of zeros" if tensor.dtype != STRING else " of empty strings"
        return f"  {name}  {tensor.dtype} {list(tensor.array.shape)}{made if zeros else ''}"

    for name, tensor in request.tensors.items():
        click.echo(visible(show(name, tensor)))


def _load(client: Client, request: PredictRequest, concurrency: int, seconds: float) -> float:
    """Send the request over and over; the seconds until the last answer."""
    stop = threading.Event()
    start = time.perf_counter()

    def repeat() -> None:
        while not stop.is_set() and time.perf_counter() - start < seconds:
            with suppress(TFSError):  # which on_call has seen
                client.send(request)

    with ThreadPoolExecutor(concurrency) as threads:
        try:
            for worker in [threads.submit(repeat) for _ in range(concurrency)]:
                worker.result()
        finally:
            stop.set()  # also when the user interrupts
    return time.perf_counter() - start


def _print_times(infos: Sequence[CallInfo], elapsed: float, concurrency: int) -> None:
    good = [info for info in infos if info.error is None]
    click.echo(f"{len(good)} calls in {elapsed:.2f} s, {concurrency} at a time")
    if good:
        parts = np.array([[i.encode_seconds, i.wire_seconds, i.decode_seconds] for i in good]) * 1e3
        p50, p90, p99 = np.percentile(parts.sum(axis=1), [50, 90, 99])
        encode, wire, decode = parts.mean(axis=0)
        click.echo(f"calls/s  {len(good) / elapsed:.1f}")
        click.echo(f"ms       p50 {p50:.3f}  p90 {p90:.3f}  p99 {p99:.3f}")
        click.echo(f"mean ms  encode {encode:.3f}  wire {wire:.3f}  decode {decode:.3f}")
    bad = [info.error for info in infos if info.error is not None]
    codes = Counter(str(error.code or type(error).__name__) for error in bad)
    for code, number in codes.most_common():
        click.echo(f"error    {code} {number} times")
    if bad:
        click.echo(visible(f"first    {bad[0]}"))
