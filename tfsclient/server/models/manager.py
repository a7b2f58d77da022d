"""Which versions of which models are loaded: configuration, disk, labels, states.

One thread follows the disk and loads and unloads, by TF Serving's availability-preserving policy: a
new version is loaded before an old one goes.  A call holds a version while it runs; a version that
is to go is out of reach for new calls at once, and is closed when its last call ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import (
    Code,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    TFSError,
    Unknown,
    from_code,
)
from tfsclient.server.interface import Runnable, State, VersionStatus
from tfsclient.server.models.config import check_config, check_platforms
from tfsclient.server.models.versions import (
    base_folder,
    check_base,
    versions_on_disk,
    versions_to_serve,
    why_none,
)

_log = logging.getLogger("tfsclient.server")


@dataclass(eq=False, slots=True)
class Version:
    """One version of a model, from when it is first wanted to the end of the process.

    Attributes:
        name: the model's name.
        number: the version's number.
        path: its folder.
        state: how far it is.
        error: why it could not be loaded; None if it could, or has not been tried.
        model: what runs it; None unless it is AVAILABLE or UNLOADING.
        wanted: whether the configuration and the disk still ask for it.
        calls: how many calls are using it.
        attempts: how often loading has failed.
        next_attempt: when to try next, on the monotonic clock.
    """

    name: str
    number: int
    path: Path
    state: State = State.START
    error: TFSError | None = None
    model: Any = None
    wanted: bool = True
    calls: int = 0
    attempts: int = 0
    next_attempt: float = 0.0


class ModelManager:
    """The models being served.

    Args:
        load: makes a version's folder runnable, or raises TFSError.
        find: the existing versions of a ModelConfig's model, with their folders.
        poll_wait_seconds: how often to look for versions; 0 only when the configuration changes.
        max_load_retries: how often to try again to load a version.
        load_retry_seconds: how long to wait before that.
        allow_labels_for_unavailable_models: let a new label point to any version.
    """

    def __init__(
        self,
        load: Callable[[Path], Runnable],
        *,
        find: Callable[[Any], Mapping[int, Path]] = versions_on_disk,
        poll_wait_seconds: float = 1.0,
        max_load_retries: int = 5,
        load_retry_seconds: float = 60.0,
        allow_labels_for_unavailable_models: bool = False,
    ) -> None:
        self._load = load
        self._find_versions = find
        self._poll_wait = poll_wait_seconds
        self._max_retries = max_load_retries
        self._retry_seconds = load_retry_seconds
        self._allow_labels = allow_labels_for_unavailable_models
        self._config: Any = None  # the last one accepted
        self._followed: Any = None  # the one whose models are loaded
        self._labels: dict[str, dict[str, int]] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self._changed = threading.Condition()  # guards all of the above and what versions hold
        self._scan_at = float("inf")
        self._last_problem = ""
        self._stopping = False
        self._worker = threading.Thread(target=self._work, name="model-manager", daemon=True)

    # --- for calls -----------------------------------------------------------------------------

    @contextmanager
    def lease(self, ref: ModelRef) -> Iterator[Version]:
        """The version that a request is for, kept loaded while in use.

        Raises:
            InvalidArgument: no model is named, or the label is unknown.
            NotFound: the version does not exist, or is not available.
        """
        with self._changed:
            version = self._find(ref)
            version.calls += 1
        try:
            yield version
        finally:
            with self._changed:
                version.calls -= 1
                if version.state is State.UNLOADING and not version.calls:
                    self._close(version)
                self._changed.notify_all()

    def _find(self, ref: ModelRef) -> Version:
        if not ref.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        number = ref.version
        if ref.label is not None:
            number = self._labels.get(ref.name, {}).get(ref.label)
            if number is None:
                raise InvalidArgument(f"Unrecognized servable version label: {ref.label}")
        available = {
            version.number: version
            for version in self._versions.get(ref.name, {}).values()
            if version.state is State.AVAILABLE
        }
        if number is None:
            if available:
                return available[max(available)]
            raise NotFound(f"Servable not found for request: Latest({ref.name})")
        if number not in available:
            raise NotFound(f"Servable not found for request: Specific({ref.name}, {number})")
        return available[number]

    def statuses(self, name: str, number: int | None = None) -> list[VersionStatus]:
        """The states of a model's versions, newest first, unloaded ones included.

        Raises:
            NotFound: this server has never had the model, or the version.
        """
        with self._changed:
            versions = self._versions.get(name, {})
            if number is not None:
                if number not in versions:
                    raise NotFound(f"Could not find version {number} of model {name}")
                numbers = [number]
            elif not versions:
                raise NotFound(f"Could not find any versions of model {name}")
            else:
                numbers = sorted(versions, reverse=True)
            return [VersionStatus(n, versions[n].state, versions[n].error) for n in numbers]

    def available(self) -> dict[str, list[int]]:
        """The versions that take calls, by model."""
        with self._changed:
            return {
                name: sorted(n for n, v in versions.items() if v.state is State.AVAILABLE)
                for name, versions in sorted(self._versions.items())
            }

    def folders(self) -> dict[str, Path]:
        """The base paths of the models that the configuration lists now, by name."""
        with self._changed:
            if self._followed is None:
                return {}
            return {model.name: base_folder(model) for model in self._models()}

    # --- configuration -------------------------------------------------------------------------

    def check(self, config: Any) -> None:
        """Refuse at once what :meth:`start` could never serve.

        Raises:
            TFSError: the configuration is wrong, or the base path of a model is.
        """
        if config.WhichOneof("config") is None:
            return
        check_config(config, None)
        check_platforms(config)
        for model in config.model_config_list.config:
            if not model.name:
                raise InvalidArgument(
                    f"The model with base path {model.base_path} has no name, so no call could ask"
                    " for it"
                )
            self._check_can_come(model)

    def start(self, config: Any) -> None:
        """Serve the models of a ModelServerConfig; returns when each has an available version.

        A model without any version is waited for.

        Raises:
            TFSError: the configuration is wrong, or a model could not be loaded.
        """
        self._worker.start()
        self._apply(config, "servable(s)")

    def reload(self, config: Any) -> None:
        """Replace the list of models; returns when each new one has been loaded, or failed to.

        Raises:
            TFSError: the configuration is wrong, or a new model could not be loaded.
        """
        self._apply(config, "model(s)")

    def _apply(self, config: Any, noun: str) -> None:
        if config.WhichOneof("config") is None:
            return  # nothing to serve yet
        with self._changed:
            check_config(config, self._config)
            self._config = config
            self._labels = self._checked_labels(config)
            check_platforms(config)
            known = {} if self._followed is None else {m.name for m in self._models()}
            for model in config.model_config_list.config:
                if model.name not in known:
                    self._check_can_come(model)
            before = set(self._all_versions())
            self._followed = config
            new = {model.name for model in self._models()} - set(known)
            self._scan_at = 0.0
            self._changed.notify_all()

            def decisive(name: str) -> Version | None:
                """The newest version that came up or failed since, or came to stay, if any."""
                done = [
                    version
                    for version in self._versions.get(name, {}).values()
                    if (version.state is State.AVAILABLE and version.wanted)
                    or (version.state is State.END and version not in before)
                ]
                return max(done, key=lambda version: version.number, default=None)

            self._changed.wait_for(
                lambda: self._stopping or self._followed is not config or all(map(decisive, new))
            )
            failed = [
                version
                for name in sorted(new)
                if (version := decisive(name)) and version.state is State.END
            ]
        if failed:
            problems = "".join(
                f"{{{{name: {v.name} version: {v.number}}}{_due_to(v.error)}}}, " for v in failed
            )
            raise Unknown(f"{len(failed)} {noun} did not become available: {{{problems}}}")

    def _check_can_come(self, model: Any) -> None:
        """Refuse a new model that will never have a version; others are waited for.

        Raises:
            InvalidArgument: its base path is not a folder of versions.
            NotFound: there is no version, and nobody will look again.
        """
        try:
            found = self._find_versions(model)
        except NotFound as missing:
            problem = missing.details
        else:
            if versions_to_serve(model, found):
                return
            if not found:
                check_base(model)
            problem = why_none(model, found)
        if self._poll_wait > 0:
            self._report(problem)
        else:
            raise NotFound(
                f"{problem}; with a file_system_poll_wait_seconds of 0, the server does not look"
                " again"
            )

    def _models(self) -> list[Any]:
        return list(self._followed.model_config_list.config)

    def _checked_labels(self, config: Any) -> dict[str, dict[str, int]]:
        labels: dict[str, dict[str, int]] = {}
        for model in config.model_config_list.config:
            for label, number in model.version_labels.items():
                moves = self._labels.get(model.name, {}).get(label, number) != number
                version = self._versions.get(model.name, {}).get(number)
                if (moves or not self._allow_labels) and (
                    version is None or version.state is not State.AVAILABLE
                ):
                    raise FailedPrecondition(
                        f"Request to assign label to version {number} of model {model.name},"
                        " which is not currently available for inference"
                    )
                labels.setdefault(model.name, {})[label] = number
        return labels

    def stop(self) -> None:
        """Unload everything; calls that are still running are cancelled."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._worker.is_alive():
            self._worker.join()
        with self._changed:
            for version in self._all_versions():
                version.wanted = False
                if version.state is State.AVAILABLE:
                    self._unload(version)
                if version.state is State.UNLOADING:
                    version.model.close()  # which ends the calls that still use it

    def _all_versions(self) -> list[Version]:
        return [v for versions in self._versions.values() for v in versions.values()]

    # --- the worker ----------------------------------------------------------------------------

    def _work(self) -> None:
        with self._changed:
            while not self._stopping:
                if time.monotonic() >= self._scan_at:
                    self._scan()
                    wait = self._poll_wait
                    self._scan_at = time.monotonic() + wait if wait > 0 else float("inf")
                self._unload_stale()
                version = self._next_to_load()
                if version is not None:
                    self._load_version(version)
                    continue
                waiting = [v.next_attempt for v in self._all_versions() if _loads(v)]
                wake_at = min(self._scan_at, *waiting, float("inf"))
                timeout = None if wake_at == float("inf") else max(0.0, wake_at - time.monotonic())
                self._changed.wait(timeout)

    def _scan(self) -> None:
        """Compare what is wanted with the disk; one model that cannot be read stops all of them."""
        if self._followed is None:
            return
        try:
            found = {model.name: self._find_versions(model) for model in self._models()}
        except TFSError as error:
            self._report(error.details)
            return
        wanted = {
            model.name: {
                n: found[model.name][n] for n in versions_to_serve(model, found[model.name])
            }
            for model in self._models()
        }
        lacking = [model for model in self._models() if not wanted[model.name]]
        self._report("; ".join(why_none(model, found[model.name]) for model in lacking))
        for version in self._all_versions():
            if version.number not in wanted.get(version.name, {}):
                version.wanted = False
                if version.state in (State.START, State.LOADING):
                    version.state = State.END
        for name, paths in wanted.items():
            known = self._versions.setdefault(name, {})
            for number, path in paths.items():
                old = known.get(number)
                if old is None or (old.state is State.END and not old.wanted):
                    known[number] = Version(name, number, path)
                elif old.state is not State.UNLOADING:
                    old.wanted = True
        self._changed.notify_all()

    def _report(self, problem: str) -> None:
        if problem and problem != self._last_problem:
            _log.warning("waiting for versions: %s", problem)
        self._last_problem = problem

    def _unload_stale(self) -> None:
        for versions in self._versions.values():
            wanted = [v for v in versions.values() if v.wanted]
            ready = [v for v in versions.values() if v.state is State.AVAILABLE]
            stale = sorted((v for v in ready if not v.wanted), key=lambda v: v.number)
            keep = 1 if wanted and not any(v.wanted for v in ready) else 0
            for version in stale[: len(stale) - keep]:
                self._unload(version)

    def _next_to_load(self) -> Version | None:
        now = time.monotonic()
        due = [v for v in self._all_versions() if _loads(v) and v.next_attempt <= now]
        return max(due, key=lambda v: v.number, default=None)

    def _load_version(self, version: Version) -> None:
        version.state = State.LOADING
        self._changed.notify_all()
        self._changed.release()
        error: TFSError | None = None
        model = None
        try:
            model = self._load(version.path)
        except TFSError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 (one model's failure; the others go on)
            _log.exception("loading %s version %d failed", version.name, version.number)
            error = from_code(Code.INTERNAL, f"{type(failure).__name__}: {failure}")
        finally:
            self._changed.acquire()
        if error is None:
            version.model = model
            version.state = State.AVAILABLE
            _log.info("loaded %s version %d", version.name, version.number)
        else:
            version.attempts += 1
            version.next_attempt = time.monotonic() + self._retry_seconds
            last = version.attempts > self._max_retries
            then = "given up" if last else f"next attempt in {self._retry_seconds:g} s"
            hint = f" (hint: {error.hint})" if error.hint else ""
            what = f"{error.details}{hint}; {then}"
            _log.warning("%s version %d: %s", version.name, version.number, what)
            if last:
                version.error = error
                version.state = State.END
        self._changed.notify_all()

    def _unload(self, version: Version) -> None:
        version.state = State.UNLOADING
        if not version.calls:
            self._close(version)
        self._changed.notify_all()

    def _close(self, version: Version) -> None:
        version.model.close()
        version.model = None
        version.state = State.END
        self._scan_at = 0.0  # it may be wanted again by now
        _log.info("unloaded %s version %d", version.name, version.number)


def _loads(version: Version) -> bool:
    return version.wanted and version.state in (State.START, State.LOADING)


def _due_to(error: TFSError | None) -> str:
    return f" due to error: {error.code}: {error.details}" if error else ""
