"""``tfsclient ui``: a page on which models are tried, in the browser."""

from __future__ import annotations

import signal
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import exit_codes, missing_extra
from tfsclient._cli.options import meaning_option, meanings, read_signatures
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.target import parse
from tfsclient.schema import Model
from tfsclient.sources._base64 import base64_inputs

if TYPE_CHECKING:
    from tfsclient._cli.page.servers import Server
    from tfsclient.meaning import Meaning


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--model", "models", multiple=True, metavar="M", help="A model to offer; may be repeated."
)
@click.option(
    "--saved-model",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    help="The SavedModel of a model, or its schema: tells the features of its Examples, which no "
    "server does; may be repeated.",
)
@meaning_option
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--no-open", is_flag=True, help="Open no browser.")
@connection_options()
def ui(
    targets: tuple[str, ...],
    models: tuple[str, ...],
    folders: tuple[Path, ...],
    meaning: str | None,
    port: int,
    host: str,
    no_open: bool,
    connection: Connection,
) -> None:
    """Try the models of the servers TARGET in the browser.

    TensorFlow Serving does not say which models it has: name them by --model, or type their names
    on the page.  The address that is printed holds a token; who has it can call the models.

    Example: tfsclient ui localhost:8500 --model digits
    """
    with exit_codes():
        try:
            from tfsclient._cli.page.page import Page
            from tfsclient._cli.page.servers import Servers, rest_beside
        except ImportError as error:
            raise missing_extra("ui", "the page", error) from error
        known = [(read_signatures(folder), folder) for folder in folders]
        by_name = {model.name: model for model, _ in known}
        texts = {model.name: base64_inputs(folder) for model, folder in known if folder.is_dir()}
        names = [ModelRef(name).name for name in dict.fromkeys([*models, *by_name])]
        if meaning is not None and len(names) != 1:
            raise click.UsageError("--meaning is of one model: name that by --model")
        given = meanings(names[0], meaning) if names else None
        targets = tuple(dict.fromkeys(targets))
        servers = [
            _server(one, connection, given, by_name, rest_beside(one, targets)) for one in targets
        ]
        with Page(host, port) as page:
            page.start(
                Servers(servers, lambda: names, by_name.get, lambda name: texts.get(name, {}))
            )
            click.echo(page.address)
            click.echo("Ctrl-C ends it", err=True)
            if not no_open:
                webbrowser.open(page.address)
            _wait()


def _server(
    target: str,
    connection: Connection,
    given: Mapping[str, Meaning] | None,
    known: Mapping[str, Model],
    rest: str | None,
) -> Server:
    from tfsclient._cli.page.servers import MOST_BYTES, Server, on_call
    from tfsclient._client.aio import AsyncClient

    arguments, place = connection.arguments(target), parse(target)
    profile = None
    if connection.is_other(target):
        profile = connection.profile or place.profile
        arguments["schemas"] = known  # which count where the server does not tell any
    names = ("token", "headers", "tls", "schemas")
    hidden = [f"{name}=" for name in names if arguments[name]]
    if place.user is not None:
        hidden.append("user and password in the URL")
    if not place.rest:
        arguments["channel_options"] = [("grpc.max_receive_message_length", MOST_BYTES)]
    client = AsyncClient(target, **arguments, meanings=given, on_call=on_call)
    public = target if place.user is None else place.address
    return Server(public, client, rest, tuple(hidden), profile)


def _wait() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    over = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    over.wait()
