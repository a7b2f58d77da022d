"""The bodies of TF Serving's REST interface, as inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Signature

_NAME: Final = "signature_name"
_VALUES: Final = ("instances", "inputs", "examples")
_ANSWER: Final = {"model", "version", "signature", "outputs"}


def is_body(value: Any, signature: Signature | None = None) -> bool:
    """Whether a JSON value is a body, and not inputs or features that happen to have its names."""
    if not isinstance(value, dict):
        return False
    keys = [key for key in _VALUES if key in value]
    if len(keys) != 1 or not value.keys() <= {_NAME, "context", keys[0]}:
        return False
    if signature is None or keys[0] not in signature.inputs:
        return True
    inner = value[keys[0]]
    first = inner[0] if isinstance(inner, list) and inner else inner
    return isinstance(first, Mapping) and bool(first) and first.keys() <= signature.inputs.keys()


def refuse_answer(value: Any, where: str) -> None:
    """Refuse what ``predict --json`` printed, which says more than the values of tensors.

    Raises:
        InvalidInput: it is an answer.
    """
    if isinstance(value, dict) and value.keys() == _ANSWER and isinstance(value["outputs"], dict):
        raise InvalidInput(
            f"{where} is an answer, as predict writes it with --json, and not inputs",
            hint="write the answer with --out ANSWER.npz or ANSWER.jsonl to send it on",
        )


def check_keys(value: Any, where: str, known: Collection[str] = ()) -> None:
    """Refuse what is not a body for its keys alone.

    Args:
        value: a JSON value that is not a body.
        where: what errors call it.
        known: the inputs' names.

    Raises:
        InvalidInput: it has instances, inputs or examples, and they are no inputs.
    """
    if not isinstance(value, dict):
        return
    keys = [key for key in _VALUES if key in value and key not in known]
    unknown = [key for key in value if key not in (*_VALUES, _NAME, "context")]
    if len(keys) > 1:
        raise InvalidInput(f"{where} holds both {' and '.join(map(repr, keys))}: give one of them")
    if keys and unknown:
        raise InvalidInput(
            f"{where}: {shown(unknown[0])} has no place beside {keys[0]!r}",
            hint=f"a request body of TF Serving holds {keys[0]!r} and, optionally, {_NAME!r}",
        )


def signature_of(value: Any) -> str | None:
    """The signature that a body names; None if it names none, or is not a body."""
    name = value.get(_NAME) if is_body(value) else None
    return name if isinstance(name, str) and name else None


def check_signature(body: Mapping[str, Any], called: str, where: str) -> None:
    """Refuse a body that is meant for another signature.

    Raises:
        InvalidInput: it is.
    """
    name = body.get(_NAME, "")
    if not isinstance(name, str):
        raise InvalidInput(f"{where}: signature_name is not text but {shown(name)}")
    if name and name != called:
        raise InvalidInput(
            f"{where} names the signature {name!r}, but {called!r} is called",
            hint="name the same, or none, by --signature",
        )


def predict_values(body: Mapping[str, Any], where: str) -> Any:
    """What a body holds for predict: rows in a list, columns in a dict, or a lone input's value.

    Raises:
        InvalidInput: it holds something else.
    """
    if "context" in body:
        raise InvalidInput(f"{where}: a context is for classify and regress")
    if "inputs" in body:
        return body["inputs"]
    return _listed(body, "instances" if "instances" in body else "examples", where)


def examples(body: Mapping[str, Any], where: str) -> tuple[list[Any], Any]:
    """The Examples in a body for classify or regress, and their context or None.

    Raises:
        InvalidInput: it holds something else.
    """
    if "examples" not in body:
        raise InvalidInput(
            f"{where} is a body for predict; for classify and regress it holds examples"
        )
    context = body.get("context")
    if context is not None and not isinstance(context, dict):
        raise InvalidInput(f"{where}: context is not an object but {shown(context)}")
    return _listed(body, "examples", where), context


def _listed(body: Mapping[str, Any], key: str, where: str) -> list[Any]:
    values = body[key]
    if not isinstance(values, list) or not values:
        raise InvalidInput(f"{where}: {key} must be a list of at least one, not {shown(values)}")
    return values
