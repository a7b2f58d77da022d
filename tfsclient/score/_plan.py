"""A job that the workers of another engine share: planned once, where its errors are told first.

The plan holds all that a worker needs: the signature and the version, so that a rolling deploy
mixes no models, and how to make a client.  It holds no token: each worker finds that for itself.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import isfunction
from inspect import signature as parameters
from typing import Any, Final
from uuid import uuid4

import numpy as np

from tfsclient._calls.headers import read_headers
from tfsclient._calls.options import Options as CallOptions
from tfsclient._calls.request import check_usable
from tfsclient._client.sync import Client
from tfsclient._codec.model_ref import ModelRef
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput, TFSError, did_you_mean, of_type
from tfsclient.results._forms import plain
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient.score._answers import Answers
from tfsclient.score._arrow import Schema, pa
from tfsclient.score._columns import Columns
from tfsclient.score._files import File, Source
from tfsclient.score._options import Auto, Options, read_options

TOKEN: Final = "TFSCLIENT_TOKEN"  # noqa: S105 (the name of an environment variable)
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OURS: Final = {"settings", "types", "folds"}  # of make_plan, and no options of users
_SECRETS: Final = re.compile(r"auth|cookie|token|secret|api-?key|password|signature")


@dataclass(frozen=True)
class Plan:
    """What workers are sent.

    Attributes:
        name: of this plan alone.
        client: the pickled client.
        spec: the signature.
        version: the version that all of them call; None where the server does not tell versions.
        options: what to do.
        binary: the outputs whose strings are bytes, and no text.
        types: the types of elements that an engine has instead of Arrow's own, if it must know all
            types before there are rows; else None.
    """

    name: str
    client: bytes
    spec: Signature
    version: int | None
    options: Options
    binary: frozenset[str]
    types: Mapping[str, Any] | None

    def columns(self, schema: Schema, where: str = "the table") -> Columns:
        """The mapping of columns to inputs.

        Raises:
            InvalidInput: an input has no column, or one that it can never take.
        """
        options = self.options
        columns = Columns(
            self.spec, schema.names, options.map, named(where), word="inputs", keep=options.keep
        )
        columns.check(schema)
        return columns

    def fields(self, schema: Schema, columns: Columns) -> Schema | None:
        """What comes of rows, dead letters' reasons excepted; None where ranks are not known.

        Raises:
            InvalidInput: a kept column or an output does not exist or has another's name, or an
                output has nothing for each row, or not a rank where that must be known.
        """
        options = self.options
        answers = Answers(self.spec, schema.names, options, columns.row_by_row, None)
        single = columns.row_by_row or options.batch == 1
        fields = [schema.field(name) for name in self.kept(schema.names)]
        for output, name in answers.names.items():
            kind = self._type(self.spec.outputs[output], single=single)
            if kind is None and self.types is None and options.stops:
                return None
            if kind is None:
                raise InvalidInput(
                    f"the signature does not say how many dimensions output {output!r} has, and "
                    "so not what a column of it holds",
                    model=options.model,
                    signature=self.spec.name,
                    hint="schemas={...} with its shape, or outputs=... without it",
                )
            fields.append(pa.field(name, kind))
        return pa.schema(fields)

    def _type(self, tensor: TensorSpec, *, single: bool) -> Any:
        if tensor.shape is None:
            return None
        depth = len(tensor.shape) - 1
        if not tensor.shape or tensor.shape[0] not in (-1, 1):
            if not single:
                raise InvalidInput(
                    f"output {tensor.name!r} is {tensor}: it cannot be told which row is whose",
                    model=self.options.model,
                    signature=self.spec.name,
                    hint="batch=1, or outputs=... without it",
                )
            depth += 1
        if tensor.dtype == STRING:
            kind = pa.binary() if tensor.name in self.binary else pa.string()
        else:
            kind = (self.types or {}).get(tensor.dtype) or _element(tensor.dtype)
        depth += tensor.dtype.kind == "complex"
        for _ in range(depth):
            kind = pa.list_(kind)
        return kind

    def output_names(self, columns: Sequence[str]) -> Mapping[str, str]:
        """What the column of each output is called beside these."""
        return Answers(self.spec, columns, self.options, False, None).names

    @property
    def outputs(self) -> int:
        """How many outputs are added."""
        return len(self.options.outputs or self.spec.fetchable().outputs)

    def kept(self, names: Sequence[str]) -> Sequence[str]:
        """Which of these columns are kept."""
        return names if self.options.keep is None else self.options.keep

    def error_name(self, names: Iterable[str]) -> str:
        """What the column of dead letters' reasons is called beside these."""
        name, taken = "error", set(map(self.options.fold, names))
        while self.options.fold(name) in taken:
            name = f"{self.options.prefix or '_'}{name}"
        return name


def _element(dtype: DType) -> Any:
    if dtype.kind == "complex":
        return pa.float32() if dtype == "complex64" else pa.float64()
    return pa.from_numpy_dtype(plain(np.zeros(1, dtype.numpy)).dtype)


def named(where: str) -> Source:
    """What errors call rows that an engine brings."""
    return Source("rows", (File(where, where, 0, None),), None)


def make_plan(
    target: str | Sequence[str],
    model: str,
    *,
    signature: str | Signature | None,
    version: int | None,
    label: str | None,
    inputs: Mapping[str, str] | None,
    keep: str | Sequence[str],
    outputs: Sequence[str] | None,
    prefix: str,
    binary: Sequence[str],
    batch: Auto,
    concurrency: Auto,
    on_error: str,
    settings: Mapping[str, Any],
    types: Mapping[str, Any] | None = None,
    folds: bool = False,
) -> Plan:
    """Ask the server for all that is to be known.

    Raises:
        InvalidInput: an option makes no sense, a signature or an output does not exist, or a
            setting cannot or must not be sent to workers.
        TFSError: the server does not tell, or does not know the model.
    """
    if version is not None and label is not None:
        raise InvalidInput("give version or label, and not both")
    known = {*parameters(Client).parameters, *parameters(make_plan).parameters} - _OURS
    if unknown := [name for name in settings if name not in parameters(Client).parameters]:
        raise InvalidInput(
            f"there is no option {unknown[0]!r}{did_you_mean(unknown[0], known - {unknown[0]})}"
        )
    options = read_options(
        model=model, inputs="-", out="-", signature=None, version=version, label=label,
        latest=False, map=inputs, keep=keep, outputs=outputs, prefix=prefix, batch=batch,
        concurrency=concurrency, rate=None, limit=None, on_error=on_error, max_errors=None,
        resume=False, format=None, folds=folds,
    )  # fmt: skip
    if isinstance(target, Client):
        raise InvalidInput("each worker makes a client of its own: give the target and its options")
    settings = {"retries": 0, **settings}
    place = _check_secrets(target, settings)
    own = place is None and settings.get("auth") is not None  # which goes with no token
    with Client(target, **settings, token=None if own else find_token(place)) as client:
        spec, version = _ask(client, model, signature, version, label)
    wanted = options.outputs or list(spec.fetchable().outputs)
    check_usable(ModelRef(model), spec, wanted, bool(settings.get("validate", True)))
    try:
        token = None if own else _FoundThere(place)
        sent = pickle.dumps(Client(target, **settings, token=token))
    except TFSError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"the client's options cannot be sent to workers: {error}",
            hint="use functions that a module defines",
        ) from error
    bytes_ = {name for name, tensor in spec.outputs.items() if _holds_bytes(tensor)}
    for name in [binary] if isinstance(binary, str) else binary:
        if name not in spec.outputs or spec.outputs[name].dtype != STRING:
            raise InvalidInput(f"binary names {name!r}, which is not an output of strings")
        bytes_.add(name)
    return Plan(uuid4().hex, sent, spec, version, options, frozenset(bytes_), types)


def _holds_bytes(tensor: TensorSpec) -> bool:
    """Whether strings are no text, by what is said of them or by TF Serving's rule for names."""
    picture = tensor.meaning is not None and tensor.meaning.kind == "image"
    return picture or tensor.name.endswith("_bytes")


def _ask(
    client: Client,
    name: str,
    signature: str | Signature | None,
    version: int | None,
    label: str | None,
) -> tuple[Signature, int | None]:
    """The signature, and the version to pin; what was given is not asked for."""
    found: Model | None = None
    if not isinstance(signature, Signature):
        sender = client._sender  # noqa: SLF001
        flow = sender.flows.described(ModelRef(name, version, label))
        found = sender.run(flow, CallOptions())
        signature = found.signature(signature)
        version = found.version if version is None else version
    if label is not None:
        version = client.metadata(name, label=label).version
    elif version is None:
        version = client.metadata(name).version
    return signature, version


def _check_secrets(target: object, settings: dict[str, Any]) -> str | None:
    """Where workers find the token; it is taken out of the settings.

    Raises:
        InvalidInput: a secret would be sent to the workers within the job's plan.
    """
    place = settings.pop("token", None)
    if place is not None and not (isinstance(place, str) and _FUNCTION.fullmatch(place)):
        raise InvalidInput(
            "token must be 'module:function', a function that each worker imports and calls: a "
            f"token itself{'' if isinstance(place, str) else ', or ' + of_type(place) + ','} would "
            "stand in the plan of the job, for many to read",
            hint=f"or set {TOKEN} in the environment of the workers",
        )
    if not (settings.get("auth") is None or isfunction(settings["auth"])):
        raise InvalidInput(
            "auth must be a function that a module defines: anything else would stand in the plan "
            "of the job, for many to read",
            hint="without auth, each worker finds the cloud's own credentials",
        )
    targets = [target] if isinstance(target, str) or not isinstance(target, Iterable) else target
    if any(_has_user(one) for one in targets):
        raise InvalidInput(
            "the user and the password in the target would stand in the plan of the job, for many "
            "to read",
            hint="auth=function, one that a module defines, sends them with each call",
        )
    names = read_headers(settings.get("headers"))
    secret = next((name for name in names if _SECRETS.search(name)), None)
    if secret is not None:
        raise InvalidInput(
            f"the header {secret!r} would stand in the plan of the job, for many to read",
            hint=f"token='module:function', or {TOKEN} in the environment of the workers",
        )
    return place


def _has_user(target: object) -> bool:
    """Whether it is ``http://user:password@host``; the client refuses all others with users."""
    scheme, _, rest = target.partition("://") if isinstance(target, str) else ("", "", "")
    return scheme.lower() in ("http", "https") and "@" in rest.partition("/")[0]


class _FoundThere:
    """A token that becomes what the worker finds, when it arrives there."""

    def __init__(self, place: str | None) -> None:
        self._place = place

    def __call__(self) -> str:
        raise AssertionError("the driver's own client has its token by find_token")

    def __reduce__(self) -> tuple[Any, ...]:
        return find_token, (self._place,)


def find_token(place: str | None) -> Callable[[], str] | str | None:
    """A function by its place, ``"module:function"``; None gives the environment's token, if any.

    Raises:
        InvalidInput: there is no such function.
    """
    if place is None:
        return os.environ.get(TOKEN) or None
    module, _, name = place.partition(":")
    try:
        function: Callable[[], str] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(
            f"token={place!r} cannot be imported: {error}",
            hint="the module must be installed on the driver and wherever workers run",
        ) from error
    if not callable(function):
        raise InvalidInput(f"token={place!r} is {of_type(function)}, and not a function")
    return function
