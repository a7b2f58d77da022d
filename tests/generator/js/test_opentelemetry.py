"""docs/javascript.md runs, and its hook makes spans of calls over either transport."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tfsclient_gen import Options

from tests.conftest import ZOO, missing, tool
from tests.generator.js.clients import ROOT, TOOLS, node, write
from tfsclient import sources
from tfsclient.testing import RunningServer, serve

pytestmark = pytest.mark.language("js")

BLOCKS = re.findall(
    r"^```js\n(.*?)^```$",
    (ROOT / "docs" / "javascript.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def packages() -> Path:
    """What npm installs for this, once for this checkout."""
    folder = ROOT / ".cache" / "npm-opentelemetry"
    lock = (TOOLS / "opentelemetry" / "package-lock.json").read_bytes()
    stamp = folder / "installed.json"
    if not stamp.is_file() or stamp.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / "opentelemetry" / name, folder / name)
        command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            missing("what npm installs (is there a network?)")
        stamp.write_bytes(lock)
    return folder / "node_modules"


@pytest.fixture(scope="module")
def digits() -> Iterator[RunningServer]:
    """A server of a model that is called as that of the page."""
    with serve({"digits": ZOO / "linear"}) as server:
        yield server


@pytest.fixture
def folder(packages: Path, tmp_path: Path) -> Path:
    """A folder where `models` can be imported, and what npm installed."""
    modules = tmp_path / "node_modules"
    model = sources.from_saved_model(ZOO / "linear", "digits")
    write(model, "js", modules / "models", Options(npm_name="models"))
    for name in ("@grpc", "@opentelemetry"):
        (modules / name).symlink_to(packages / name)
    return tmp_path


def page(digits: RunningServer, more: str = "") -> str:
    """The page as one module."""
    whole = "\n".join([*BLOCKS, more, "connection.close();"])
    return whole.replace("localhost:8500", digits.grpc_target).replace(
        "http://localhost:8501", digits.rest_target
    )


SETUP = """
const { context, trace } = await import("@opentelemetry/api");
const { AsyncLocalStorageContextManager } = await import("@opentelemetry/context-async-hooks");
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } =
  await import("@opentelemetry/sdk-trace-base");
export const exporter = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor(exporter)];
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
"""

SILENCE = """
import { exporter } from "./setup.mjs";
const { log } = console;
console.log = () => {};
"""

CALLS = """
console.log = log;
exporter.reset();
await tracer.startActiveSpan("request", async (parent) => {
  const servers = [connection, "http://localhost:8501"];
  for (const server of servers) {
    const call = (model) =>
      new DigitsClient(server, { onCall, model, version: 1 }).servingDefault({ x });
    await call("digits");
    await call("gone").catch(() => {});
  }
  parent.end();
});
const spans = exporter.getFinishedSpans();
const parent = spans.find(({ name }) => name === "request").spanContext().spanId;
for (const span of spans) {
  if (span.name === "request") continue;
  const { name, kind, status, attributes, events, parentSpanContext } = span;
  const isChild = parentSpanContext.spanId === parent;
  show({ name, kind, status, attributes, events: events.length, isChild });
}
"""


def test_spans_come_from_both_transports(folder: Path, digits: RunningServer) -> None:
    (folder / "setup.mjs").write_text(SETUP, "utf-8")
    spans = node(SILENCE + page(digits, CALLS), folder)
    assert len(spans) == 4
    for span, (model, code) in zip(
        spans, [("digits", "OK"), ("gone", "NOT_FOUND")] * 2, strict=True
    ):
        assert (span["name"], span["kind"], span["isChild"]) == ("serving_default", 2, True)
        attributes = span["attributes"]
        assert attributes["tfs.model"] == model
        assert attributes["tfs.version"] == ("1" if code == "OK" else "")
        assert attributes["rpc.response.status_code"] == code
        assert (attributes["tfs.response.bytes"] > 0) is (code == "OK")
        assert span["events"] == (code != "OK")
    paths = [span["attributes"]["rpc.method"] for span in spans[::2]]
    assert paths == [
        "/tensorflow.serving.PredictionService/Predict", "/v1/models/digits/versions/1:predict",
    ]  # fmt: skip
