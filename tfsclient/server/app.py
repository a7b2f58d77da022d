"""The server as a whole: models, gRPC and REST put together, started and stopped."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tfsclient._calls.options import read_count
from tfsclient.errors import InvalidArgument, InvalidInput, TFSError
from tfsclient.server import metrics
from tfsclient.server.addresses import LOOPBACK
from tfsclient.server.flag_files import read_flag_file
from tfsclient.server.interface import Runnable
from tfsclient.server.models.batching import BatchedModel, Batching, read_batching
from tfsclient.server.models.config import to_config
from tfsclient.server.models.manager import ModelManager
from tfsclient.server.models.ops import check_importable, import_registering
from tfsclient.server.models.tensorflow import LoadedModel, import_tensorflow
from tfsclient.server.models.warmup import warm_up
from tfsclient.server.ports import Ports

_log = logging.getLogger("tfsclient.server")

_METRICS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True, slots=True)
class Options:
    """What TF Serving's flags of these names say.

    A port of None is off; the system chooses a port of 0.  A file or socket of None is not used.

    Two are not TF Serving's: ``host`` is the name or address to listen on, by default both loopback
    addresses; and ``imports`` are Python modules that register operations which models use.
    """

    host: str = LOOPBACK
    imports: tuple[str, ...] = ()
    port: int | None = 0
    rest_api_port: int | None = 0
    grpc_socket_path: str | None = None
    ssl_config_file: str | None = None
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    allow_version_labels_for_unavailable_models: bool = False
    saved_model_tags: frozenset[str] = frozenset({"serve"})
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    enable_batching: bool = False
    batching_parameters_file: str | None = None
    grpc_max_threads: int = 4 * (os.cpu_count() or 1)
    grpc_channel_arguments: tuple[tuple[str, Any], ...] = ()
    rest_api_num_threads: int = 4 * (os.cpu_count() or 1)
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    enable_signature_method_name_check: bool = False
    enable_grpc_healthcheck_service: bool = False
    monitoring_config_file: str | None = None


class Server:
    """A local TF Serving: real TensorFlow behind TF Serving's gRPC and REST interfaces.

        with Server({"half_plus_two": "/models/half_plus_two"}) as server:
            Client(server.grpc_target).predict("half_plus_two", [1.0])

    Args:
        models: base paths (folders of version folders) by model name, or a ModelServerConfig.
        options: what TF Serving's flags say.

    Raises:
        InvalidInput: an option is not what it should be.
        TFSError: a file that the options name is not what it should be.
    """

    def __init__(
        self, models: Mapping[str, str | Path] | Any, options: Options | None = None
    ) -> None:
        options = options or Options()
        self._options = options
        self._config = to_config(models) if isinstance(models, Mapping) else models
        places = {
            name: read_count(getattr(options, name), name)
            for name in ("grpc_max_threads", "rest_api_num_threads")
        }
        self._started = False
        self._batching = _batching(options)
        self._models = ModelManager(
            self._load,
            poll_wait_seconds=options.file_system_poll_wait_seconds,
            max_load_retries=options.max_num_load_retries,
            load_retry_seconds=options.load_retry_interval_micros / 1e6,
            allow_labels_for_unavailable_models=(
                options.allow_version_labels_for_unavailable_models
            ),
        )
        self._ports = Ports(
            self._models,
            around=metrics.count_call,
            host=options.host,
            port=options.port,
            rest_port=options.rest_api_port,
            socket=options.grpc_socket_path or None,
            ssl=(
                read_flag_file("SSLConfig", options.ssl_config_file)
                if options.ssl_config_file
                else None
            ),
            health=options.enable_grpc_healthcheck_service,
            metrics_path=_metrics_path(options),
            max_grpc_calls=places["grpc_max_threads"],
            max_rest_calls=places["rest_api_num_threads"],
            grpc_options=options.grpc_channel_arguments,
            rest_timeout=options.rest_api_timeout_in_ms / 1000,
            cors=options.rest_api_enable_cors_support,
            check_method_names=options.enable_signature_method_name_check,
        )

    def _load(self, folder: Path) -> Runnable:
        model: Runnable = LoadedModel(folder, tags=self._options.saved_model_tags)
        if self._batching is not None:
            model = BatchedModel(model, self._batching)
        if self._options.enable_model_warmup:
            times = self._options.num_request_iterations_for_warmup
            try:
                warm_up(model, folder, iterations=times if times > 0 else 1)
            except TFSError:
                model.close()
                raise
        return model

    def start(self) -> None:
        """Take the ports, load the models, then open the ports.

        Calls are answered once each model has an available version, and refused until then.

        Raises:
            InvalidInput: this server has been started before, the host is not this machine, there
                can be no such port or socket, all of them are off, or a module cannot be imported.
            Unavailable: a port or the socket is taken.
            MissingExtra: TensorFlow is not installed.
            TFSError: the configuration is wrong, or a model could not be loaded.
        """
        if self._started:
            raise InvalidInput("a Server can be started only once: make another one")
        self._started = True
        try:
            self._ports.reserve()
            self._models.check(self._config)
            check_importable(self._options.imports)
            import_tensorflow()  # which takes seconds
            for name in self._options.imports:
                import_registering(name)
            self._models.start(self._config)
            self._ports.open()
            _log.info("ready: %s", self._summary())
        except BaseException:
            self.stop()
            raise

    def _summary(self) -> str:
        """Where clients find it, and what it serves."""
        served = [
            f"{name if name.isprintable() else repr(name)}: version{'s'[: len(numbers) - 1]}"
            f" {', '.join(map(str, numbers))}"
            for name, numbers in self._models.available().items()
        ]
        text = ", ".join(self._ports.targets)
        return f"{text} ({served[0]})" if len(served) == 1 else "\n  ".join([text, *served])

    def stop(self, grace: float = 30.0) -> bool:
        """Close the ports, let running calls finish, unload the models.

        When this returns, no connection is open.

        Args:
            grace: how many seconds running calls may still take; then they are cancelled.

        Returns:
            Whether every thread has ended, too: a run that cannot be cancelled keeps its thread.
        """
        if sys.is_finalizing():  # nobody closed it, and no thread can be started that would
            return False
        self._ports.close(grace)
        self._models.stop()
        return self._ports.join()

    def reload(self, config: Any) -> None:
        """Replace the list of models by another ModelServerConfig; see ModelManager.reload."""
        self._models.reload(config)

    def folders(self) -> dict[str, Path]:
        """The base paths of the models that it serves now, by name."""
        return self._models.folders()

    @property
    def is_open(self) -> bool:
        """Whether it takes calls."""
        return self._ports.is_open

    @property
    def port(self) -> int | None:
        """The gRPC port; None if gRPC is off."""
        return self._ports.grpc_port

    @property
    def grpc_target(self) -> str:
        """What a gRPC client on this machine connects to, with or without TLS: "localhost:8500"."""
        return self._ports.grpc_target

    @property
    def rest_port(self) -> int | None:
        """The REST port; None if REST is off."""
        return self._ports.rest_port

    @property
    def rest_target(self) -> str:
        """What an HTTP client on this machine connects to: "http://localhost:8501"."""
        return self._ports.rest_target

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _batching(options: Options) -> Batching | None:
    if options.enable_batching:
        file = options.batching_parameters_file
        return read_batching(file) if file else Batching()
    if options.batching_parameters_file:
        raise InvalidArgument(
            "server_options.batching_parameters_file is set without setting"
            " server_options.enable_batching to true."
        )
    return None


def _metrics_path(options: Options) -> str | None:
    if not options.monitoring_config_file:
        return None
    config = read_flag_file("MonitoringConfig", options.monitoring_config_file).prometheus_config
    return (config.path or _METRICS_PATH) if config.enable else None
