"""The server as a whole: models, gRPC and REST put together, started and stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tfsclient.errors import Unavailable
from tfsclient.server.config import to_config
from tfsclient.server.examples import ExampleInference
from tfsclient.server.execution import LoadedModel, import_tensorflow
from tfsclient.server.grpc_service import make_grpc_server
from tfsclient.server.http_server import HttpServer
from tfsclient.server.inference import Inference
from tfsclient.server.lifecycle import ModelManager
from tfsclient.server.rest import RestApi

_log = logging.getLogger("tfsclient.server")


@dataclass(frozen=True, slots=True)
class Options:
    """What TF Serving's flags of these names say.

    Ports: None is off, 0 takes a free one.
    """

    port: int | None = 0
    rest_api_port: int | None = 0
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    allow_version_labels_for_unavailable_models: bool = False
    saved_model_tags: frozenset[str] = frozenset({"serve"})
    grpc_max_threads: int = 4 * (os.cpu_count() or 1)
    grpc_channel_arguments: tuple[tuple[str, Any], ...] = ()
    rest_api_num_threads: int = 4 * (os.cpu_count() or 1)
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    enable_signature_method_name_check: bool = False


class Server:
    """A local TF Serving: real TensorFlow behind TF Serving's gRPC and REST interfaces.

        with Server({"half_plus_two": "/models/half_plus_two"}) as server:
            Client(server.grpc_target).predict("half_plus_two", [1.0])

    Args:
        models: base paths (folders of version folders) by model name, or a ModelServerConfig.
        options: what TF Serving's flags say.
    """

    def __init__(
        self, models: Mapping[str, str | Path] | Any, options: Options | None = None
    ) -> None:
        self._options = options or Options()
        self._config = to_config(models) if isinstance(models, Mapping) else models
        self._models = ModelManager(
            lambda folder: LoadedModel(folder, tags=self._options.saved_model_tags),
            poll_wait_seconds=self._options.file_system_poll_wait_seconds,
            max_load_retries=self._options.max_num_load_retries,
            load_retry_seconds=self._options.load_retry_interval_micros / 1e6,
            allow_labels_for_unavailable_models=(
                self._options.allow_version_labels_for_unavailable_models
            ),
        )
        self._grpc: Any = None
        self._port: int | None = None
        self._rest: HttpServer | None = None
        self._rest_port: int | None = None

    def start(self) -> None:
        """Load the models, then open the ports: once each model has an available version.

        Raises:
            MissingExtra: TensorFlow is not installed.
            TFSError: the configuration is wrong, or a model could not be loaded.
            Unavailable: a port is taken.
        """
        import_tensorflow()
        try:
            self._models.start(self._config)
            self._open_ports()
        except BaseException:
            self.stop()
            raise

    def _open_ports(self) -> None:
        options = self._options
        check = options.enable_signature_method_name_check
        inference = Inference(self._models, check_method_names=check)
        examples = ExampleInference(self._models, check_method_names=check)
        if options.port is not None:
            self._grpc = make_grpc_server(
                self._models,
                inference,
                examples,
                max_threads=options.grpc_max_threads,
                options=[("grpc.so_reuseport", 0), *options.grpc_channel_arguments],
            )
            try:
                self._port = self._grpc.add_insecure_port(f"0.0.0.0:{options.port}")
            except RuntimeError as error:
                raise Unavailable(f"gRPC cannot listen on port {options.port}") from error
            self._grpc.start()
        if options.rest_api_port is not None:
            api = RestApi(
                self._models,
                inference,
                examples,
                timeout=options.rest_api_timeout_in_ms / 1000,
                cors=options.rest_api_enable_cors_support,
            )
            self._rest = HttpServer(
                options.rest_api_port, api.handle, max_requests=options.rest_api_num_threads
            )
            self._rest_port = self._rest.port
            self._rest.start()
        if self._port is not None:
            _log.info("serving gRPC on %s", self.grpc_target)
        if self._rest_port is not None:
            _log.info("serving REST on %s", self.rest_target)

    def stop(self, grace: float = 30.0) -> None:
        """Close the ports, let running calls finish, unload the models.

        Args:
            grace: how many seconds running calls may still take.
        """
        closed = None if self._grpc is None else self._grpc.stop(grace)
        if self._rest is not None:
            self._rest.stop(grace)
            self._rest = None
        if closed is not None:
            closed.wait()
            self._grpc = None
        self._models.stop()

    def reload(self, config: Any) -> None:
        """Replace the list of models by another ModelServerConfig; see ModelManager.reload."""
        self._models.reload(config)

    @property
    def port(self) -> int | None:
        """The gRPC port; None if there is none."""
        return self._port

    @property
    def grpc_target(self) -> str:
        """What a gRPC client connects to: "localhost:8500"."""
        return f"localhost:{self._port}"

    @property
    def rest_port(self) -> int | None:
        """The REST port; None if there is none."""
        return self._rest_port

    @property
    def rest_target(self) -> str:
        """What an HTTP client connects to: "http://localhost:8501"."""
        return f"http://localhost:{self._rest_port}"

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
