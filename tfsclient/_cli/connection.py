"""How a command reaches a server: the options and environment variables that all of them share."""

from __future__ import annotations

import base64
import binascii
import functools
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from tfsclient._transports.target import parse
from tfsclient._transports.tls import TLS
from tfsclient.errors import InvalidInput

if TYPE_CHECKING:
    from tfsclient._client.sync import Client
    from tfsclient.schema import Model

_Command: TypeAlias = Callable[..., Any]

_HEADERS: Final = "TFSCLIENT_HEADERS"
# As _client.servers has it, which needs packages without which `doctor` is to live.
TF_SERVING: Final = "tfserving"
_LARGEST = 1 << 16  # bytes of a token file; servers refuse far shorter ones
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Connection:
    """What the user said about connections; nothing is read or checked before :meth:`client`.

    The token and the headers are secrets, which no repr, message or log may show.

    Attributes:
        timeout: seconds that a call may take.
        profile: what the server is, if it is not TF Serving itself.
        saved_model: the SavedModel of ``model``, or its schema, where that has to be given.
        given: the options that the command line has, as it spells them: what a command cannot use
            is refused, while the environment may hold what another command needs.
    """

    token: str | None = field(repr=False)
    token_file: str | None
    headers: tuple[str, ...] = field(repr=False)
    ca: str | None
    cert: str | None
    key: str | None
    server_name: str | None
    timeout: float
    profile: str | None
    given: tuple[str, ...]
    saved_model: str | None = None
    model: str | None = None

    def client(self, target: str, **options: Any) -> Client:
        """A client of the server ``target``; ``options`` are more of the client's own.

        Raises:
            InvalidInput: the target, a file, a header or a combination cannot be used.
        """
        # Else gRPC's own log of failed handshakes stands before our error.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        # Late, for it needs packages without which `doctor` is to live.
        from tfsclient._client.sync import Client

        return Client(target, **{**self.arguments(target), **options})

    def arguments(self, target: str) -> dict[str, Any]:
        """What a client of the server ``target`` is made with.

        Raises:
            InvalidInput: a file, a header or a combination cannot be used.
        """
        return {
            "timeout": self.timeout,
            "headers": self.read_headers(),
            "token": self.read_token(),
            "tls": self.read_tls(target),
            "profile": self.profile or None,
            "schemas": self.read_schemas(),
        }

    def is_other(self, target: str) -> bool:
        """Whether the server is something other than TF Serving itself."""
        return (self.profile or parse(target).profile or TF_SERVING) != TF_SERVING

    def read_schemas(self) -> dict[str, Model] | None:
        """The signatures of the model, where they are given.

        Raises:
            InvalidInput: they cannot be read.
        """
        if self.saved_model is None or self.model is None:
            return None
        from tfsclient._cli.options import read_signatures

        return {self.model: read_signatures(Path(self.saved_model))}

    def refuse(self, why: str) -> None:
        """Refuse the options of the command line, where no server is asked.

        Raises:
            click.UsageError: there are some.
        """
        if self.given:
            raise click.UsageError(f"{self.given[0]} can only be used with {why}")

    def read_token(self) -> str | None:
        """The bearer token, from where it was said to be.

        Raises:
            InvalidInput: it cannot be read, or is not a token.
        """
        if self.token and self.token_file:
            raise InvalidInput("give --token or --token-file, not both")
        typed = [option for option in ("--token", "--token-file") if option in self.given]
        if "authorization" in _read_headers("--header", self.headers):
            if typed:
                raise InvalidInput(f"give {typed[0]} or --header authorization=..., not both")
            return None  # the environment's
        if self.token and not typed and "authorization" in _environment_headers():
            raise InvalidInput(
                f"TFSCLIENT_TOKEN and {_HEADERS} both hold an authorization: unset one of them"
            )
        if not self.token_file:
            if not typed and self.token and not (self.token.isascii() and self.token.isprintable()):
                raise InvalidInput("TFSCLIENT_TOKEN must be printable ASCII without line breaks")
            return self.token or None
        if self.token_file == "-" and sys.stdin is None:  # noqa: S105  # as by <&-
            raise InvalidInput("--token-file: standard input is closed")
        try:
            with click.open_file(self.token_file, "rb") as file:
                text: bytes = file.read(_LARGEST + 1)
        except OSError as error:
            raise InvalidInput(
                f"--token-file: cannot read {self.token_file}: {error.strerror or error}"
            ) from None
        token = text.decode("latin-1").rstrip("\r\n")
        if not token:
            raise InvalidInput(f"--token-file: {self.token_file} is empty")
        if not _TOKEN.fullmatch(token) or len(text) > _LARGEST:
            raise InvalidInput(
                f"--token-file: {self.token_file} does not hold a token: one line of printable "
                "ASCII without spaces"
            )
        return token

    def read_headers(self) -> dict[str, str | bytes]:
        """The headers of the environment, and those of the command line, which win by name.

        Raises:
            InvalidInput: one is not of the form NAME=VALUE; its text is not shown.
        """
        return {**_environment_headers(), **_read_headers("--header", self.headers)}

    def read_tls(self, target: str) -> TLS | None:
        """What the options say about TLS; None where they say nothing.

        Raises:
            InvalidInput: the target is not one of TLS, a certificate lacks its key.
        """
        if not parse(target).tls:
            for option in ("--ca", "--cert", "--key", "--server-name"):
                if option in self.given:
                    raise InvalidInput(
                        f"{option} is for targets with TLS, but the target is {parse(target)}",
                        hint="write grpcs://host:port or https://host:port",
                    )
            return None
        if bool(self.cert) != bool(self.key):
            given, missing = ("--cert", "--key") if self.cert else ("--key", "--cert")
            raise InvalidInput(f"{given} needs {missing}, too: a certificate goes with its key")
        if not (self.ca or self.cert or self.server_name):
            return None
        return TLS(self.ca or None, self.cert or None, self.key or None, self.server_name or None)


def _environment_headers() -> dict[str, str | bytes]:
    lines = [line.strip() for line in os.environ.get(_HEADERS, "").splitlines()]
    return _read_headers(_HEADERS, [line for line in lines if line])


def _read_headers(where: str, lines: tuple[str, ...] | list[str]) -> dict[str, str | bytes]:
    read: dict[str, str | bytes] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        name = name.strip().lower()
        if not equals or not re.fullmatch(r"[0-9a-z_.-]+", name):
            raise InvalidInput(
                f"{where}: a header is written NAME=VALUE, as in x-request-id=42",
                hint="with a colon it is curl's form: write = in its place"
                if ":" in name
                else None,
            )
        if name in read:
            raise InvalidInput(f"{where}: {name} is given more than once")
        read[name] = _binary(where, name, value) if name.endswith("-bin") else value.strip()
    return read


def _binary(where: str, name: str, value: str) -> bytes:
    """The value of a header of bytes, which is base64 where it is written as text."""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(
            f"{where}: the value of {name} must be base64, for names that end in -bin hold bytes"
        ) from None


def connection_options(
    *,
    timeout: float = 60.0,
    about: str = "Seconds that a call may take.",
    signatures: bool = False,
) -> Callable[[_Command], _Command]:
    """Give a command the options of connections, as one argument ``connection``.

    Args:
        timeout: the default of ``--timeout``.
        about: its help.
        signatures: whether the signatures of the argument MODEL can be given.
    """
    options = [
        click.option(
            "--profile",
            metavar="NAME",
            envvar="TFSCLIENT_PROFILE",
            show_envvar=True,
            help="What the server is, if it is not TF Serving itself: docs/servers.md lists them.",
        ),
        click.option(
            "--token-file",
            metavar="FILE",
            help="A file with a bearer token; - is standard input.",
        ),
        click.option(
            "--token",
            metavar="TOKEN",
            envvar="TFSCLIENT_TOKEN",
            show_envvar=True,
            help="The bearer token itself, which `ps` shows: rather use a file or the variable.",
        ),
        click.option(
            "--header",
            "headers",
            multiple=True,
            metavar="NAME=VALUE",
            help="A header of every call; may be repeated; base64 for names that end in -bin.  "
            f"[env var: {_HEADERS}, a line each]",
        ),
        click.option(
            "--ca",
            metavar="FILE",
            envvar="TFSCLIENT_CA",
            show_envvar=True,
            help="TLS: the certificate authorities to trust (PEM).",
        ),
        click.option(
            "--cert",
            metavar="FILE",
            envvar="TFSCLIENT_CERT",
            show_envvar=True,
            help="TLS: our own certificate (PEM), for servers that ask for one.",
        ),
        click.option(
            "--key",
            metavar="FILE",
            envvar="TFSCLIENT_KEY",
            show_envvar=True,
            help="TLS: the key of --cert (PEM).",
        ),
        click.option(
            "--server-name",
            metavar="NAME",
            help="TLS: the name in the server's certificate, if it is not the target's.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=float,
            default=timeout,
            show_default=True,
            envvar="TFSCLIENT_TIMEOUT",
            show_envvar=True,
            help=about,
        ),
    ]
    if signatures:
        options.insert(1, _SAVED_MODEL)

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return command(*args, connection=_taken(kwargs), **kwargs)

        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


_SAVED_MODEL: Final = click.option(
    "--saved-model",
    "signatures_from",
    metavar="DIR|FILE",
    type=click.Path(exists=True),
    help="The SavedModel of MODEL, or its schema, for a server that does not tell signatures.",
)

_SPELLED = {
    "profile": "--profile",
    "token": "--token",
    "token_file": "--token-file",
    "headers": "--header",
    "ca": "--ca",
    "cert": "--cert",
    "key": "--key",
    "server_name": "--server-name",
    "timeout": "--timeout",
}


def _taken(arguments: dict[str, Any]) -> Connection:
    """The arguments that are a connection's, taken out of those of a command."""
    context = click.get_current_context()
    given = {
        name
        for name in _SPELLED
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    values = {name: arguments.pop(name) for name in _SPELLED}
    for name, option in _SPELLED.items():
        if name in given and values[name] == "":  # mostly a shell variable that is not set
            raise click.UsageError(f"{option} is empty", context)
    if "token_file" in given and "token" not in given:
        values["token"] = None  # the environment's
    options = tuple(_SPELLED[name] for name in _SPELLED if name in given)
    saved_model, model = arguments.pop("signatures_from", None), arguments.get("model")
    return Connection(**values, given=options, saved_model=saved_model, model=model)
