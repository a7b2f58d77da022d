"""A server for tests that needs no model and no TensorFlow, only a schema."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tfsclient import sources
from tfsclient.errors import Code, InvalidInput, NotFound, TFSError, from_code
from tfsclient.schema import DEFAULT_SIGNATURE, Model
from tfsclient.server.interface import Call
from tfsclient.server.models.config import to_config
from tfsclient.server.models.manager import ModelManager
from tfsclient.server.ports import Ports
from tfsclient.testing._fake_model import Array, FakeModel, Program

# What REST's verbs are called in gRPC.
_METHODS = {
    "predict": "Predict",
    "classify": "Classify",
    "regress": "Regress",
    "metadata": "GetModelMetadata",
    "": "GetModelStatus",
}


@dataclass(slots=True)
class ReceivedCall:
    """A call that a FakeServer received.

    Attributes:
        method: gRPC's name of it, as in "Predict", also for REST.
        entrypoint: "GRPC" or "REST".
        model: the model's name; "" if it named none.
        version: the version asked for; None if none was.
        label: the version label asked for; None if none was.
        signature: the signature that ran; if none did, what the call says of it.
        inputs: the inputs by name, if it came to run; those that are Examples still serialized.
        headers: gRPC metadata or HTTP headers, names in lower case.
        error: what it was refused with; None if it succeeded, or is still running.
    """

    method: str
    entrypoint: str
    model: str
    version: int | None
    label: str | None
    signature: str
    headers: Mapping[str, str | bytes]
    inputs: Mapping[str, Array] = field(default_factory=dict[str, Array])
    error: TFSError | None = None


@dataclass(slots=True)
class _Trouble:
    """What befalls the next calls."""

    seconds: float
    failure: tuple[Code, str] | None
    method: str | None
    model: str | None
    left: int | None  # how many calls; None is all


class FakeServer:
    """Serves schemas over gRPC and REST: real protocol and checks, programmed answers.

        with FakeServer("models/digits") as server:
            server.answer("digits", {"scores": [[0.1] * 10]})
            Client(server.grpc_target).predict("digits", images)
            assert server.calls[-1].inputs["images"].shape == (1, 8, 8)

    Without a program, outputs are zeros or empty strings of the signature's shapes, with as many
    rows as the inputs.

    Args:
        models: each a schema, or where to read one: a SavedModel folder, a metadata file, a lock
            file.  A name may come several times, with several versions.
        labels: versions by label, by model name.

    Raises:
        InvalidInput: a schema cannot be read, or comes twice.
    """

    def __init__(
        self,
        *models: Model | str | Path,
        labels: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self._schemas: dict[str, dict[int, Model]] = {}
        for each in models:
            model = each if isinstance(each, Model) else _read(Path(each))
            versions = self._schemas.setdefault(model.name, {})
            number = 1 if model.version is None else model.version
            if number in versions:
                raise InvalidInput(f"version {number} of {model.name} is there twice")
            versions[number] = model
        self._config = to_config({name: f"/{name}" for name in self._schemas})
        for config in self._config.model_config_list.config:
            config.model_version_policy.all.SetInParent()
            config.version_labels.update((labels or {}).get(config.name, {}))
        self._lock = threading.Lock()  # guards the following
        self._calls: list[ReceivedCall] = []
        self._troubles: list[_Trouble] = []
        self._programs: dict[tuple[str, str], Program] = {}
        self._current = threading.local()
        self._manager = ModelManager(
            self._load,
            find=self._find,
            poll_wait_seconds=0,
            max_load_retries=0,
            allow_labels_for_unavailable_models=True,
        )
        self._ports = Ports(self._manager, around=self._around)

    # --- what a test says and asks -------------------------------------------------------------

    def answer(self, model: str, outputs: Program, *, signature: str = DEFAULT_SIGNATURE) -> None:
        """Program what a signature gives from now on.

        Args:
            model: the model's name.
            outputs: all outputs by name; or a function from the inputs by name to them, which may
                raise a TFSError for the caller to see.
            signature: the signature's key.

        Raises:
            InvalidInput: there is no such model or signature.
        """
        versions = self._schemas.get(model, {}).values()
        if not any(signature in version.signatures for version in versions):
            raise InvalidInput(
                "the FakeServer has no such model and signature", model=model, signature=signature
            )
        with self._lock:
            self._programs[model, signature] = outputs

    def fail(
        self,
        code: Code | str,
        details: str = "injected by the test",
        *,
        times: int | None = 1,
        method: str | None = None,
        model: str | None = None,
    ) -> None:
        """Let the next calls fail.

        Args:
            code: the error's code, as in "UNAVAILABLE".
            details: the error's text.
            times: how many calls; None is all from now on.
            method: only calls of this method, as in "Predict".
            model: only calls for this model.
        """
        self._trouble(_Trouble(0.0, (Code(code), details), method, model, times))

    def delay(
        self,
        seconds: float,
        *,
        times: int | None = None,
        method: str | None = None,
        model: str | None = None,
    ) -> None:
        """Let the next calls wait before they run; the other arguments are those of ``fail``."""
        self._trouble(_Trouble(seconds, None, method, model, times))

    def _trouble(self, trouble: _Trouble) -> None:
        with self._lock:
            self._troubles.append(trouble)

    @property
    def calls(self) -> list[ReceivedCall]:
        """What has been received, in the order of arrival."""
        with self._lock:
            return list(self._calls)

    def reset(self) -> None:
        """Forget programs, failures, delays and received calls."""
        with self._lock:
            self._calls.clear()
            self._troubles.clear()
            self._programs.clear()

    @property
    def grpc_target(self) -> str:
        """What a gRPC client connects to: "localhost:PORT"."""
        return f"localhost:{self._ports.grpc_port}"

    @property
    def rest_target(self) -> str:
        """What an HTTP client connects to: "http://localhost:PORT"."""
        return f"http://localhost:{self._ports.rest_port}"

    def __enter__(self) -> FakeServer:
        self._manager.start(self._config)
        self._ports.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ports.close(0)
        self._manager.stop()

    # --- what the server behind it asks --------------------------------------------------------

    def _find(self, config: Any) -> dict[int, Path]:
        versions = self._schemas.get(config.name, {1: None})
        return {number: Path(config.name) / str(number) for number in versions}

    def _load(self, folder: Path) -> FakeModel:
        schema = self._schemas.get(str(folder.parent), {}).get(int(folder.name))
        if schema is None:
            raise NotFound(f"the FakeServer was made without a model {str(folder.parent)!r}")
        return FakeModel(schema, program=self._program, receive=self._receive)

    def _program(self, model: str, signature: str) -> Program | None:
        with self._lock:
            return self._programs.get((model, signature))

    def _receive(self, signature: str, inputs: Mapping[str, Array]) -> None:
        call: ReceivedCall = self._current.call
        call.signature, call.inputs = signature, inputs

    @contextmanager
    def _around(self, call: Call) -> Iterator[None]:
        method = _METHODS.get(call.api, call.api)
        name = call.ref.name if call.ref else ""
        received = ReceivedCall(
            method,
            call.entrypoint,
            name,
            call.ref.version if call.ref else None,
            call.ref.label if call.ref else None,
            (call.ref.signature or "") if call.ref else "",
            call.headers,
        )
        with self._lock:
            self._calls.append(received)
            troubles = self._due(method, name)
        self._current.call = received
        try:
            for trouble in troubles:
                time.sleep(trouble.seconds)
                if trouble.failure is not None:
                    raise from_code(*trouble.failure)
            yield
        except TFSError as error:
            received.error = error
            raise

    def _due(self, method: str, model: str) -> list[_Trouble]:
        """What befalls a call: every delay, and the first failure."""
        due: list[_Trouble] = []
        failed = False
        for trouble in self._troubles:
            if trouble.method not in (None, method) or trouble.model not in (None, model):
                continue
            if trouble.left == 0 or (failed and trouble.failure is not None):
                continue
            failed = failed or trouble.failure is not None
            if trouble.left is not None:
                trouble.left -= 1
            due.append(trouble)
        # A call that fails slowly fails after its delays.
        return sorted(due, key=lambda trouble: trouble.failure is not None)


def _read(path: Path) -> Model:
    return sources.from_saved_model(path) if path.is_dir() else sources.from_file(path)
