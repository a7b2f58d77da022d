"""A server for tests that needs no model and no TensorFlow, only a schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from numbers import Real
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tfsclient import sources
from tfsclient._calls.options import read_count
from tfsclient.errors import (
    Code,
    Internal,
    InvalidInput,
    NotFound,
    TFSError,
    Unavailable,
    from_code,
)
from tfsclient.schema import DEFAULT_SIGNATURE, Model
from tfsclient.server.interface import Call
from tfsclient.server.models.config import to_config
from tfsclient.server.models.manager import ModelManager
from tfsclient.server.ports import Ports
from tfsclient.testing._fake_model import Array, FakeModel, Program

# What REST's verbs are called in gRPC.
_METHODS: Final = {
    "predict": "Predict",
    "classify": "Classify",
    "regress": "Regress",
    "metadata": "GetModelMetadata",
    "": "GetModelStatus",
}
_GRPC_METHODS: Final = (*_METHODS.values(), "MultiInference", "HandleReloadConfigRequest")
_CODES: Final = tuple(code.value for code in Code if code is not Code.OK)
_MAX_DELAY: Final = 86_400.0  # seconds
_MAX_VERSION: Final = (1 << 63) - 1


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
        error: what it failed with; None if it succeeded, or is still running.
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
    """What happens to the next calls."""

    seconds: float
    failure: tuple[Code, str] | None
    method: str | None
    model: str | None
    left: int | None  # how many calls; None is all of them


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
        InvalidInput: a schema cannot be read, a version is given twice, or the labels are not
            numbers of versions by label.
    """

    def __init__(
        self,
        *models: Model | str | Path,
        labels: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self._schemas: dict[str, dict[int, Model]] = {}
        for each in models:
            model = _read_model(each)
            versions = self._schemas.setdefault(model.name, {})
            number = 1 if model.version is None else model.version
            if number in versions:
                raise InvalidInput(f"version {number} of {model.name} is given twice")
            versions[number] = model
        numbers = _read_labels(labels)
        self._config = to_config({name: f"/{name}" for name in self._schemas})
        for config in self._config.model_config_list.config:
            config.model_version_policy.all.SetInParent()
            config.version_labels.update(numbers.pop(config.name, {}))
        if numbers:
            raise InvalidInput(f"labels: the FakeServer has no model {', '.join(sorted(numbers))}")
        self._lock = threading.Lock()  # guards the following
        self._calls: list[ReceivedCall] = []
        self._troubles: list[_Trouble] = []
        self._programs: dict[tuple[str, str], Program] = {}
        self._current = threading.local()
        self._started = False
        self._stopped = threading.Event()  # which ends delays
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
        """Program what a signature returns from now on.

        Args:
            model: the model's name.
            outputs: all outputs by name; or a function from the inputs by name to them, which may
                raise a TFSError for the caller to see.
            signature: the signature's key.

        Raises:
            InvalidInput: the model or the signature does not exist, the outputs are neither a dict
                nor a function, or the server has stopped.
        """
        self._check_not_stopped()
        if not callable(outputs) and not isinstance(outputs, Mapping):
            raise InvalidInput(
                "outputs must be a dict of outputs by name, or a function that returns one, not"
                f" {outputs!r:.50}"
            )
        models = self._schemas.get(model, {}) if isinstance(model, str) else {}
        if not any(signature in version.signatures for version in models.values()):
            raise InvalidInput(
                "the FakeServer does not have this signature", model=model, signature=signature
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

        Raises:
            InvalidInput: an argument is not what it should be, or the server has stopped.
        """
        if not isinstance(details, str):
            raise InvalidInput(f"details must be text, not {details!r:.50}")
        self._trouble(0.0, (_read_code(code), details), times, method, model)

    def delay(
        self,
        seconds: float | timedelta,
        *,
        times: int | None = None,
        method: str | None = None,
        model: str | None = None,
    ) -> None:
        """Let the next calls wait before they run.

        A call that is still waiting when the server stops fails with UNAVAILABLE.

        Args:
            seconds: how long.
            times: how many calls; None is all from now on.
            method: only calls of this method, as in "Predict".
            model: only calls for this model.

        Raises:
            InvalidInput: an argument is not what it should be, or the server has stopped.
        """
        self._trouble(_read_delay(seconds), None, times, method, model)

    def _trouble(
        self,
        seconds: float,
        failure: tuple[Code, str] | None,
        times: int | None,
        method: str | None,
        model: str | None,
    ) -> None:
        self._check_not_stopped()
        if times is not None:
            times = read_count(times, "times", 0)
        if method is not None and method not in _GRPC_METHODS:
            known = ", ".join(_GRPC_METHODS)
            raise InvalidInput(f"method must be one of {known}, not {method!r:.50}")
        if model is not None and not isinstance(model, str):
            raise InvalidInput(f"model must be a model's name, not {model!r:.50}")
        with self._lock:
            self._troubles.append(_Trouble(seconds, failure, method, model, times))

    def _check_not_stopped(self) -> None:
        if self._stopped.is_set():
            raise InvalidInput("this FakeServer has stopped: no call will reach it")

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
        """What a gRPC client connects to: "localhost:PORT".

        Raises:
            InvalidInput: the server has not been started.
        """
        return f"localhost:{self._port(self._ports.grpc_port)}"

    @property
    def rest_target(self) -> str:
        """What an HTTP client connects to: "http://localhost:PORT".

        Raises:
            InvalidInput: the server has not been started.
        """
        return f"http://localhost:{self._port(self._ports.rest_port)}"

    def _port(self, port: int | None) -> int:
        if port is None:
            raise InvalidInput(
                "this FakeServer has not been started, so it has no port yet: use it in a `with`"
                " statement"
            )
        return port

    def __enter__(self) -> FakeServer:
        with self._lock:
            if self._started:
                state = "has stopped" if self._stopped.is_set() else "is running already"
                raise InvalidInput(
                    f"this FakeServer {state}, and can be started only once: make another one"
                )
            self._started = True
        try:
            self._manager.start(self._config)
            self._ports.open()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop before the ``with`` statement ends, as a server that goes down.

        Calls under way fail, connections are closed, and the port is free.  What was received can
        still be read.
        """
        self._stopped.set()
        self._ports.close(0)
        self._manager.stop()
        self._ports.join()

    # --- what the server behind it asks --------------------------------------------------------

    def _find(self, config: Any) -> dict[int, Path]:
        versions = self._schemas.get(config.name, {1: None})
        return {number: Path(config.name) / str(number) for number in versions}

    def _load(self, folder: Path) -> FakeModel:
        schema = self._schemas.get(str(folder.parent), {}).get(int(folder.name))
        if schema is None:
            raise NotFound(f"the FakeServer was not given a model {str(folder.parent)!r}")
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
            self._undergo(troubles)
            yield
        except TFSError as error:
            received.error = error
            raise
        except BaseException as error:
            received.error = Internal(f"{type(error).__name__}: {error}")
            raise

    def _undergo(self, troubles: list[_Trouble]) -> None:
        for trouble in troubles:
            if self._stopped.wait(trouble.seconds):
                raise Unavailable("the FakeServer has stopped")
            if trouble.failure is not None:
                raise from_code(*trouble.failure)

    def _due(self, method: str, model: str) -> list[_Trouble]:
        """What happens to a call: every delay, and the first failure."""
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


def _read_model(model: object) -> Model:
    if isinstance(model, Model):
        return model
    if not isinstance(model, str | PathLike):
        raise InvalidInput(f"models must be schemas, or paths to read them from, not {model!r:.50}")
    path = Path(model)
    return sources.from_saved_model(path) if path.is_dir() else sources.from_file(path)


def _read_labels(labels: object) -> dict[str, dict[str, int]]:
    """Versions by label, by model name."""
    read: dict[str, dict[str, int]] = {}
    if labels is None:
        return read
    if not isinstance(labels, Mapping):
        raise InvalidInput(f"labels must be a dict by model name, not {labels!r:.50}")
    for model, versions in labels.items():
        if not isinstance(versions, Mapping) or not all(isinstance(key, str) for key in versions):
            raise InvalidInput(f"labels of {model!r} must be a dict of versions by label")
        read[str(model)] = {
            label: read_count(version, f"label {label!r} of {model!r}", 0, _MAX_VERSION)
            for label, version in versions.items()
        }
    return read


def _read_code(code: object) -> Code:
    known = code.value if isinstance(code, Code) else code
    if not isinstance(known, str) or known not in _CODES:
        raise InvalidInput(f"code must be one of {', '.join(_CODES)}, not {known!r:.50}")
    return Code(known)


def _read_delay(seconds: object) -> float:
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if not isinstance(seconds, Real) or isinstance(seconds, bool):
        raise InvalidInput(
            f"seconds must be a number of seconds or a timedelta, not {seconds!r:.50}"
        )
    if not 0 <= float(seconds) <= _MAX_DELAY:
        raise InvalidInput(f"seconds must be from 0 to {_MAX_DELAY:g}, not {float(seconds):g}")
    return float(seconds)
