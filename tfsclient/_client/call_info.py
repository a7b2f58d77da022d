"""What ``on_call`` is told."""

from __future__ import annotations

from dataclasses import dataclass

from tfsclient.errors import TFSError


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What became of one call, for ``on_call``.

    Attributes:
        path: the gRPC method or the URL path.
        model: the model's name; None where the call is about the server.
        signature: the signature's name; None where the call has none.
        version: the version that answered; None where that is not known, as of calls that are
            neither for predict nor for metadata.
        request_bytes: size of the request body.
        response_bytes: size of the answer; 0 if there was none.
        encode_seconds: time spent making the request body.
        wire_seconds: time between sending and having the answer, retries included.
        decode_seconds: time spent reading the answer.
        error: what went wrong; None if nothing did.
    """

    path: str
    model: str | None
    signature: str | None
    version: int | None
    request_bytes: int
    response_bytes: int
    encode_seconds: float
    wire_seconds: float
    decode_seconds: float
    error: TFSError | None
