"""What can go wrong, as one tree.

    TFSError                        .code .details .model .signature .hint .http_status
    ├── InvalidInput (ValueError)   refused before anything was sent
    ├── DecodeError                 the answer is not a TF Serving answer
    ├── MissingExtra (ImportError)  an optional dependency is not installed
    └── by status code, whether the server or the transport reported it:
        ├── InvalidArgument         also FailedPrecondition, OutOfRange
        ├── NotFound
        ├── Aborted                 also AlreadyExists
        ├── Internal                also Unknown, DataLoss
        ├── Unavailable
        ├── DeadlineExceeded        also a TimeoutError
        ├── ResourceExhausted
        ├── PermissionDenied
        ├── Unauthenticated
        ├── Unimplemented
        └── Cancelled

REST has fewer statuses than gRPC has codes: where several codes share an HTTP status, the class for
that status is their common base, so ``except InvalidArgument`` means the same on both transports.
The class follows from the code or the HTTP status alone, never from an error's text.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from reprlib import Repr
from typing import Any, Final

__all__ = [
    "Aborted", "AlreadyExists", "Cancelled", "Code", "DataLoss", "DeadlineExceeded", "DecodeError",
    "FailedPrecondition", "Internal", "InvalidArgument", "InvalidInput", "MissingExtra", "NotFound",
    "OutOfRange", "PermissionDenied", "ResourceExhausted", "TFSError", "Unauthenticated",
    "Unavailable", "Unimplemented", "Unknown",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


class Code(str, Enum):
    """A gRPC status code, by name."""

    OK = "OK"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    UNAUTHENTICATED = "UNAUTHENTICATED"

    def __str__(self) -> str:
        return self.value

    @property
    def number(self) -> int:
        """The number that gRPC and ``tensorflow.error.Code`` give it (0 to 16)."""
        return _NUMBERS[self]

    @staticmethod
    def of_number(number: int) -> Code:
        """The code with this number; UNKNOWN for a number that gRPC does not define."""
        return _CODES[number] if 0 <= number < len(_CODES) else Code.UNKNOWN


_CODES = list(Code)  # gRPC numbers them in this order
_NUMBERS = {code: number for number, code in enumerate(_CODES)}


class Hint(str):
    """What to do about an error, with a key by which the same advice can be found in other words.

    Attributes:
        key: the advice's name, as in "validate".
    """

    __slots__ = ("key",)
    key: str

    def __new__(cls, key: str, text: str) -> Hint:
        """Advice in the words of the library's own users."""
        self = super().__new__(cls, text)
        self.key = key
        return self

    def __reduce__(self) -> tuple[type[Hint], tuple[str, str]]:
        return type(self), (self.key, str(self))


class TFSError(Exception):
    """Base of every error that tfsclient raises.

    Attributes:
        code: what kind of failure it is, or None for errors that have no status code.
        details: the reason, as the server or the transport gave it.
        model: the model that was asked for, if any.
        signature: the signature that was asked for, if any.
        hint: what to do about it, if that is known.
        http_status: the HTTP status of the answer; None off REST.
        attempts: what earlier attempts at the same call failed with, oldest first; gRPC's own
            retries do not tell.
    """

    code: Code | None = None
    attempts: tuple[TFSError, ...] = ()

    def __init__(
        self,
        details: str,
        *,
        code: Code | None = None,
        model: str | None = None,
        signature: str | None = None,
        hint: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(details)
        if code is not None:
            self.code = code
        self.details = details
        self.model = model
        self.signature = signature
        self.hint = hint
        self.http_status = http_status

    def __str__(self) -> str:
        where = [f"model {self.model!r}"] if self.model is not None else []
        if self.signature is not None:
            where.append(f"signature {self.signature!r}")
        code = [self.code.value] if self.code else []
        text = self.details or f"{type(self).__name__} without details"
        message = ": ".join([*code, *([", ".join(where)] if where else []), text])
        return f"{message}\n  hint: {self.hint}" if self.hint else message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive Exception's own pickling; the state does.
        return (type(self), (self.details,), self.__dict__)


class InvalidInput(TFSError, ValueError):
    """The inputs do not fit the signature, or the transport cannot carry them; nothing was sent."""


class DecodeError(TFSError):
    """The answer could not be understood: it is not what a TF Serving answers."""


class MissingExtra(TFSError, ImportError):
    """A feature needs an optional dependency; the text names the extra to install."""


class InvalidArgument(TFSError):
    """The server refused the request: a wrong name, dtype, shape or value."""

    code = Code.INVALID_ARGUMENT


class FailedPrecondition(InvalidArgument):
    """gRPC's code for, among others, a signature that the model does not have."""

    code = Code.FAILED_PRECONDITION


class OutOfRange(InvalidArgument):
    """The graph was asked for something outside its range."""

    code = Code.OUT_OF_RANGE


class NotFound(TFSError):
    """The server has no such model, version or label, or it is not (yet) loaded."""

    code = Code.NOT_FOUND


class Aborted(TFSError):
    """The operation met a conflict."""

    code = Code.ABORTED


class AlreadyExists(Aborted):
    """What was to be created already exists."""

    code = Code.ALREADY_EXISTS


class Internal(TFSError):
    """The server, or something on the way to it, failed."""

    code = Code.INTERNAL


class Unknown(Internal):
    """A failure of a kind that the server did not name."""

    code = Code.UNKNOWN


class DataLoss(Internal):
    """Data were lost or are corrupt."""

    code = Code.DATA_LOSS


class Unavailable(TFSError):
    """The server cannot be reached or does not take requests now; trying again may help."""

    code = Code.UNAVAILABLE


class DeadlineExceeded(TFSError, TimeoutError):
    """The call took longer than its timeout."""

    code = Code.DEADLINE_EXCEEDED


class ResourceExhausted(TFSError):
    """A quota, a queue or a message size limit was exceeded."""

    code = Code.RESOURCE_EXHAUSTED


class PermissionDenied(TFSError):
    """The caller is known but may not do this."""

    code = Code.PERMISSION_DENIED


class Unauthenticated(TFSError):
    """The caller did not say, or not rightly, who they are."""

    code = Code.UNAUTHENTICATED


class Unimplemented(TFSError):
    """The server or the transport cannot do this at all.

    Attributes:
        sent: whether it was the server that said so; False where we knew it before.
    """

    code = Code.UNIMPLEMENTED
    sent: bool = True
    _of_values: bool = False  # it is these values that cannot be sent: others can


class Cancelled(TFSError):
    """The call was cancelled."""

    code = Code.CANCELLED


_BY_CODE: dict[Code, type[TFSError]] = {
    cls.code: cls
    for cls in (
        InvalidArgument, FailedPrecondition, OutOfRange, NotFound, Aborted, AlreadyExists, Internal,
        Unknown, DataLoss, Unavailable, DeadlineExceeded, ResourceExhausted, PermissionDenied,
        Unauthenticated, Unimplemented, Cancelled,
    )
    if cls.code is not None
}  # fmt: skip

# The statuses that TF Serving writes, each with the code that covers all codes folded into it.
_BY_HTTP_STATUS = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


class _Short(Repr):
    def repr_bytes(self, value: bytes, level: int) -> str:
        """A long one's beginning; the whole would be written out before it is cut."""
        del level
        cut = self.maxother // 2
        return repr(value) if len(value) <= cut else f"{value[:cut]!r}... ({len(value)} bytes)"


_repr = _Short()
_repr.maxlevel, _repr.maxstring, _repr.maxother = 3, 60, 60


def shown(value: object) -> str:
    """A value for an error's text: short, whatever its size and depth."""
    try:
        return _repr.repr(value)
    except (ValueError, RecursionError):  # Python does not print integers of thousands of digits
        bits = f" of {value.bit_length()} bits" if isinstance(value, int) else ""
        return f"{of_type(value)}{bits}"


def counted(count: int, noun: str) -> str:
    """How many there are, as in "1 row" and "2 rows"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The guess that ends a sentence about a misspelt name; "" where nothing comes close."""
    import difflib  # which only a wrong name needs

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {close[0]!r}?)" if close else ""


def of_type(value: object) -> str:
    """What a value is: its type's name, with an article."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def left_out(error: ImportError) -> MissingExtra:
    """The error for what an installation for REST alone does not do."""
    return MissingExtra(
        "gRPC, SavedModel folders and protobuf's messages need packages that this installation "
        f"leaves out ({error}): pip install grpcio protobuf"
    )


USE_GRPC: Final = Hint("use_grpc", "use gRPC")  # where nothing was sent, for REST cannot do it
NOT_RESTORED: Final = Hint(
    "not_restored",
    "loading the model does not restore its variables: save Keras 3 models with model.export(DIR), "
    "not with tf.saved_model.save; tfsclient inspect DIR shows what is missing",
)
REDEPLOYED: Final = Hint(
    "redeployed",
    "was another model deployed under this name? tfsclient-gen drift shows the difference",
)


def cannot_send(details: str, *, of_values: bool = False, **where: Any) -> Unimplemented:
    """The error for what REST, or a profile's server, cannot do; nothing was sent."""
    error = Unimplemented(details, **where)
    error.sent = False
    error._of_values = of_values  # noqa: SLF001
    return error


def missing_outputs(wanted: Iterable[str], came: Iterable[str]) -> DecodeError:
    """The error for an answer that lacks outputs which the signature promises."""
    missing = ", ".join(sorted(set(wanted) - set(came)))
    found = ", ".join(sorted(came)) or "none at all"
    return DecodeError(
        f"the answer lacks the output {missing}; the outputs in it are {found}",
        hint=REDEPLOYED,
    )


def from_code(code: Code, details: str, **where: Any) -> TFSError:
    """The error of the class that belongs to ``code``; ``where`` are TFSError's keywords."""
    return _BY_CODE.get(code, Unknown)(details, code=code, **where)


def from_http_status(status: int, details: str, **where: Any) -> TFSError:
    """The error for an HTTP status; one that TF Serving never writes is a gateway's."""
    code = _BY_HTTP_STATUS.get(status)
    if code is None:
        code = {408: Code.DEADLINE_EXCEEDED, 502: Code.UNAVAILABLE}.get(
            status, Code.INVALID_ARGUMENT if 400 <= status < 500 else Code.UNKNOWN
        )
    return from_code(code, details, http_status=status, **where)
