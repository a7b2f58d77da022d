"""OpenTelemetry's own instrumentation sees our calls, as it sees any other of grpc and httpx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import missing
from tfsclient import Client, DType, InvalidArgument, Model, Signature, TensorSpec
from tfsclient.testing import FakeServer

try:
    from opentelemetry.instrumentation.grpc import GrpcAioInstrumentorClient, GrpcInstrumentorClient
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import SpanKind, StatusCode, set_tracer_provider
except ImportError:
    missing("opentelemetry-instrumentation-grpc or -httpx")

FLOATS = {name: TensorSpec(name, DType("float32"), (-1,)) for name in "xy"}
MODEL = Model(
    "m",
    1,
    {"serving_default": Signature("serving_default", {"x": FLOATS["x"]}, {"y": FLOATS["y"]})},
)


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    made = TracerProvider()
    set_tracer_provider(made)  # once in a process; the gRPC instrumentation looks nowhere else
    return made


class Spans:
    """What has been traced."""

    def __init__(self, provider: TracerProvider) -> None:
        self._exporter = InMemorySpanExporter()
        self._tracer = provider.get_tracer("test")
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def of(self, call: Callable[[], object]) -> list[ReadableSpan]:
        """The spans of the calls that this makes."""
        self._exporter.clear()
        with self._tracer.start_as_current_span("caller") as caller:
            call()
        spans = [s for s in self._exporter.get_finished_spans() if s.kind is SpanKind.CLIENT]
        for span in spans:
            assert span.parent == caller.get_span_context()
        return spans


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(MODEL) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def target(server: FakeServer, request: pytest.FixtureRequest) -> str:
    return server.grpc_target if request.param == "grpc" else server.rest_target


@pytest.fixture
def client(target: str, make_client: Callable[..., Any]) -> Iterator[Client]:
    with make_client(target, schemas={"m": MODEL}, retries=0) as made:
        yield made


@pytest.fixture
def spans(client: Client, provider: TracerProvider) -> Iterator[Spans]:
    """Instruments after the client was made, and before it was used."""
    del client
    kinds: list[Any] = [GrpcInstrumentorClient, GrpcAioInstrumentorClient, HTTPXClientInstrumentor]
    instrumentors = [kind() for kind in kinds]
    for instrumentor in instrumentors:
        instrumentor.instrument()
    yield Spans(provider)
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


def test_a_call_is_a_span_and_the_server_is_told(
    client: Client, server: FakeServer, spans: Spans
) -> None:
    [span] = spans.of(lambda: client.predict("m", [1.0]))
    assert span.status.status_code is not StatusCode.ERROR
    assert span.attributes is not None
    url_or_method = span.attributes.get("http.url") or span.attributes["rpc.method"]
    assert str(url_or_method).lower().endswith("predict")
    context = span.get_span_context()
    assert context is not None
    assert format(context.span_id, "016x") in str(server.calls[-1].headers["traceparent"])


def test_a_failed_call_is_a_failed_span(client: Client, server: FakeServer, spans: Spans) -> None:
    def fail() -> None:
        with pytest.raises(InvalidArgument, match="injected"):
            client.predict("m", [1.0])

    server.fail("INVALID_ARGUMENT")
    [span] = spans.of(fail)
    assert span.status.status_code is StatusCode.ERROR
