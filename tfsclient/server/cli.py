"""``tfsclient serve``: the local server under TF Serving's flag names."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import click

from tfsclient.errors import InvalidInput, MissingExtra, TFSError
from tfsclient.server.addresses import LOOPBACK
from tfsclient.server.app import Options, Server
from tfsclient.server.models.config import read_config, to_config
from tfsclient.server.process import Signals

_log = logging.getLogger("tfsclient.server")

_TENSORFLOW = "tensorflow"

_NUMBER = re.compile(r"-?[0-9]{1,9}")  # gRPC takes what fits into 32 bits
_PORT = click.IntRange(0, 65535)
_INT32 = click.IntRange(-(1 << 31), (1 << 31) - 1)
_MICROS = click.IntRange(-(1 << 52), 1 << 52)  # no thread can wait much longer

F = TypeVar("F", bound=Callable[..., Any])

# Flags of tensorflow_model_server that this server does not honour: refused by name, so that
# nobody believes they are in force.
_NOT_HONOURED = (
    "enable_per_model_batching_parameters",
    "enable_profiler",
    "enable_serialization_as_tensor_content",
    "flush_filesystem_caches",
    "mixed_precision",
    "num_load_threads",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "platform_config_file",
    "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_session_parallelism",
    "thread_pool_factory_config_file",
    "use_alts_credentials",
    "use_tflite_model",
)


def _boolean(name: str, *, default: bool, text: str) -> Callable[[F], F]:
    """A flag as TF Serving takes it: ``--name``, ``--name=true`` or ``--name=false``."""
    return click.option(
        f"--{name}", type=bool, is_flag=False, flag_value=True, default=default, help=text
    )


def _refuse(_: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(f"--{option.name} of TF Serving is not honoured by this server")


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        for name, package in (
            ("tfsclient serve", "tfsclient"),
            ("TensorFlow Library", _TENSORFLOW),
        ):
            click.echo(f"{name}: {_version(package)}")
        context.exit()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _not_honoured(function: F) -> F:
    for name in _NOT_HONOURED:
        function = click.option(
            f"--{name}",
            is_flag=False,
            flag_value="",
            hidden=True,
            expose_value=False,
            callback=_refuse,
        )(function)
    return function


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Name or address to listen on; 0.0.0.0 or :: means every interface.",
)
@click.option(
    "--port", type=_PORT, default=8500, show_default=True, help="gRPC port; 0 turns gRPC off."
)
@click.option(
    "--rest_api_port",
    type=_PORT,
    default=0,
    show_default=True,
    help="REST port; 0 turns REST off.",
)
@click.option(
    "--ui_port",
    type=_PORT,
    default=0,
    show_default=True,
    help="Port of a page to try the models in the browser; 0 turns it off.",
)
@click.option("--grpc_socket_path", help="A unix socket on which to serve gRPC as well.")
@click.option("--ssl_config_file", help="SSLConfig in text format: TLS for gRPC.")
@click.option("--model_name", default="default", show_default=True, help="The model's name.")
@click.option(
    "--model_base_path",
    default="",
    help="The model's folder, which holds a folder for each version.",
)
@click.option(
    "--model_config_file", default="", help="Several models: a ModelServerConfig in text format."
)
@click.option(
    "--model_config_file_poll_wait_seconds",
    type=_INT32,
    default=0,
    show_default=True,
    help="Seconds between reads of that file; 0 reads it only once.",
)
@click.option(
    "--file_system_poll_wait_seconds",
    type=_INT32,
    default=1,
    show_default=True,
    help="Seconds between looks for new versions; 0 looks only once, at start.",
)
@click.option("--max_num_load_retries", type=_INT32, default=5, show_default=True)
@click.option("--load_retry_interval_micros", type=_MICROS, default=60_000_000, show_default=True)
@click.option("--saved_model_tags", default="serve", show_default=True, help="Comma-separated.")
@click.option(
    "--grpc_max_threads",
    type=click.IntRange(min=1),
    default=Options().grpc_max_threads,
    show_default=True,
    help="gRPC calls answered at the same time; any more are refused.",
)
@click.option("--grpc_channel_arguments", default="", help="Comma-separated name=value pairs.")
@click.option(
    "--rest_api_num_threads",
    type=click.IntRange(min=1),
    default=Options().rest_api_num_threads,
    show_default=True,
    help="REST calls answered at the same time; any more wait.",
)
@click.option("--rest_api_timeout_in_ms", type=_INT32, default=30_000, show_default=True)
@click.option(
    "--import",
    "imports",
    metavar="NAME",
    multiple=True,
    help="A Python module that registers operations; may be repeated.",
)
@_boolean("enable_model_warmup", default=True, text="Replay a version's warm-up requests.")
@click.option(
    "--num_request_iterations_for_warmup", default=0, help="How often to replay each; 0 means once."
)
@_boolean("enable_batching", default=False, text="Run concurrent calls as one batch.")
@click.option("--batching_parameters_file", help="BatchingParameters in text format.")
@_boolean("enable_grpc_healthcheck_service", default=False, text="Offer gRPC's health service.")
@click.option(
    "--monitoring_config_file", help="MonitoringConfig in text format: metrics for Prometheus."
)
@_boolean("rest_api_enable_cors_support", default=False, text="Send CORS headers.")
@_boolean(
    "allow_version_labels_for_unavailable_models",
    default=False,
    text="Let a new label point to a version that is not loaded.",
)
@_boolean(
    "enable_signature_method_name_check",
    default=False,
    text="Refuse signatures without one of TF Serving's method names.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the versions of this server and of TensorFlow.",
)
@_not_honoured
def serve(
    port: int,
    rest_api_port: int,
    model_name: str,
    model_base_path: str,
    model_config_file: str,
    model_config_file_poll_wait_seconds: int,
    saved_model_tags: str,
    grpc_channel_arguments: str,
    ui_port: int,
    **flags: Any,
) -> None:
    """Serve SavedModels on this machine, as tensorflow_model_server does."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not model_config_file and not model_base_path:
        raise click.UsageError("--model_base_path or --model_config_file is required")
    if port and rest_api_port == port:
        _log.warning("REST is off: --rest_api_port is %d, as --port is", port)
        rest_api_port = 0
    options = Options(
        port=port or None,
        rest_api_port=rest_api_port or None,
        saved_model_tags=frozenset(saved_model_tags.split(",")),
        grpc_channel_arguments=_channel_arguments(grpc_channel_arguments),
        **flags,
    )
    models = {model_name: model_base_path}
    try:
        with Signals() as signals:
            server = Server(
                read_config(model_config_file) if model_config_file else to_config(models), options
            )
            page = _page(server, options, ui_port)
            signals.run(
                server,
                lambda: _wait(server, page, model_config_file, model_config_file_poll_wait_seconds),
            )
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except TFSError as error:
        raise click.ClickException(f"Failed to start server. Error: {error}") from error


def _page(server: Server, options: Options, port: int) -> AbstractContextManager[object]:
    """The page of the server, which begins when it is entered; its port is taken at once.

    Raises:
        MissingExtra: what it needs is not installed.
        TFSError: the port is taken, or the page could not reach the server.
    """
    if not port:
        return nullcontext()
    try:
        from tfsclient._cli.page.beside import OwnPage
    except ImportError as error:
        raise MissingExtra(
            f"--ui_port needs more packages ({error}): pip install 'tfsclient[ui]'"
        ) from error
    return OwnPage(server, options.host, port, tls=options.ssl_config_file is not None)


def _wait(
    server: Server, page: AbstractContextManager[object], config_file: str, poll_seconds: int
) -> None:
    """Serve until interrupted, following the configuration file."""
    with page:
        _follow(server, config_file, poll_seconds)


def _follow(server: Server, config_file: str, poll_seconds: int) -> None:
    never = threading.Event()
    interval = poll_seconds if config_file and poll_seconds > 0 else None
    while not never.wait(interval):
        try:
            server.reload(read_config(config_file))
        except TFSError as error:
            _log.error("%s was not applied: %s", config_file, error)


def _channel_arguments(text: str) -> tuple[tuple[str, Any], ...]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    return tuple((k, int(v) if _NUMBER.fullmatch(v) else v) for k, _, v in pairs)
