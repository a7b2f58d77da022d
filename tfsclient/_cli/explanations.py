"""What errors and hints mean, at length: plain data, for ``tfsclient explain`` and for the docs.

The texts are Markdown in lines that fit a terminal; code is indented, so that both can show it.
"""

from __future__ import annotations

from typing import Final

from tfsclient._cli.explained_hints import HINTS
from tfsclient._cli.explanation import Explanation, explain_as

__all__ = ["EXPLANATIONS", "Explanation"]

_CODES: Final[tuple[Explanation, ...]] = (
    explain_as(
        "UNAVAILABLE",
        "The server cannot be reached, or takes no requests now",
        """
Nothing answered at the target, or the server said that it cannot take requests.
Usual causes:

- The server is not running, or is still loading: TF Serving opens its ports only
  when every model of its configuration has a version that is available.
- The port is the other one: gRPC is usually on 8500 (`localhost:8500`), REST on
  8501 (`http://localhost:8501`). A container must publish both.
- One side expects TLS and the other does not: write `grpcs://` or `https://`, or
  neither. If a certificate is refused, see `tfsclient explain tls`.
- The environment sends calls through a proxy (`https_proxy`, `HTTP_PROXY`):
  put the server's host into `no_proxy`.
- The server's batching queue is full ("The batch scheduling queue ... is full"):
  send fewer calls at once, or raise `max_enqueued_batches`.

Find out which one it is, and wait for a server that is starting:

    tfsclient doctor localhost:8500 digits
    tfsclient wait localhost:8500 digits --timeout 120

The library has tried again already, `retries` times within the timeout.
""",
    ),
    explain_as(
        "DEADLINE_EXCEEDED",
        "The call took longer than its timeout",
        """
The server got the request, or may have, and did not answer in time. The call is
not tried again, for the server may still be working on it. Usual causes:

- The first call of a model that was just loaded takes many times longer than the
  next ones. Put a warm-up request beside the model: `tfsclient warmup`.
- The batch is too large for the timeout. Send less at once, or give it more time:
  `--timeout 300`, or `timeout=300` in Python.
- More calls come than the server can work off, so each waits for its turn.
- A firewall drops packets without a word, so that not even connecting ends.

See what a call costs, and whether the way to the server is free:

    tfsclient bench localhost:8500 digits --seconds 10
    tfsclient doctor localhost:8500 digits
""",
    ),
    explain_as(
        "NOT_FOUND",
        "The server has no such model or version, or it is not loaded",
        """
The server answered, so target and port are right. Usual causes:

- The name is not the server's. Case matters; it is `--model_name`, or the name in
  `--model_config_file`, and `default` where the server was started with neither.
- The model has no version that is available: it is still loading, or it failed to
  load. Its states say so, with the reason:

      tfsclient status localhost:8500 digits

- The version is not served. By default only the highest one is.
- Over REST, a gateway answered in the server's place: the target lacks the path
  under which that gateway has TF Serving.

A model that is loading can be waited for:

    tfsclient wait localhost:8500 digits
""",
    ),
    explain_as(
        "INVALID_ARGUMENT",
        "The server refused the request",
        """
The request arrived, and does not fit the model. Usual causes:

- A dtype, a shape or a name that the signature does not have. With validation on
  (the default) the client says so before it sends anything.
- Values that the model's own graph refuses: shapes that do not go together,
  an index out of bounds, bytes that are not the picture they should be, Examples
  without a feature that the model requires.
- "Unrecognized servable version label": the label is not set, or its version is
  not loaded.
- Over REST also what gRPC calls FAILED_PRECONDITION and OUT_OF_RANGE, among them
  a signature that does not exist: all three are HTTP 400.

See what the model wants, and send something that is known to fit:

    tfsclient inspect localhost:8500 digits
    tfsclient bench localhost:8500 digits --seconds 1
""",
    ),
    explain_as(
        "FAILED_PRECONDITION",
        "The server is not in the state that the request needs",
        """
Usual causes with TF Serving:

- "Serving signature key ... not found": the model has no signature of that name.
  `tfsclient inspect` shows which ones there are.
- "Could not find variable ..." or "Error while reading resource variable": the
  model was exported without its variables, as `tf.saved_model.save` does with a
  Keras 3 model. Export it with `model.export(folder)`.
- On a reload: a label points to a version that is not loaded yet. Load the version
  first, wait for it, and set the label with a second reload.

Over REST the same comes as INVALID_ARGUMENT, with HTTP status 400;
`except InvalidArgument` covers both.
""",
    ),
    explain_as(
        "OUT_OF_RANGE",
        "The model was asked for something outside of its range",
        """
The graph ran and met an end that the request lies beyond. With TF Serving it is
mostly a call of `__saved_model_init_op`, which is listed among the signatures but
is not one to be called ("does not have output 0"). `tfsclient inspect` shows which
signatures can be called.

Over REST the same comes as INVALID_ARGUMENT, with HTTP status 400.
""",
    ),
    explain_as(
        "RESOURCE_EXHAUSTED",
        "A quota, memory or the size of a message is exceeded",
        """
Usual causes:

- The model ran out of memory ("OOM when allocating tensor"): send smaller batches.
  `client.predict_batches(..., batch_size=32)` splits them and joins the answers.
- "Received message larger than max": a proxy on the way has a limit for messages.
  The client has none below protobuf's own 2 GiB.
- A gateway's quota, HTTP 429: call less often, as its answer says.

What TF Serving answers when all of its gRPC threads are busy ("Server Threadpool
Exhausted", or no text at all) is not among these: the client waits and sends such a
call again within its timeout. See `tfsclient explain too_busy`.
""",
    ),
    explain_as(
        "UNAUTHENTICATED",
        "The server requires credentials",
        """
No credentials were sent, or not the right ones. TF Serving itself asks for none
but a certificate (mTLS), so it is mostly a gateway or a service mesh that answers.

Give it what it asks for; a token is best kept in a file or in the environment,
since what stands on a command line is seen by everyone who can run `ps`:

    tfsclient status grpcs://models.example.com:443 digits --token-file token.txt
    TFSCLIENT_TOKEN=... tfsclient status https://models.example.com digits
    tfsclient status https://models.example.com digits --header x-api-key=...

In Python these are `token=` and `headers=`; `token=` also takes a function, which
is asked before each call and so can renew a token that expires.
""",
    ),
    explain_as(
        "PERMISSION_DENIED",
        "The caller is known, but may not do this",
        """
The credentials were understood, and do not cover this call. TF Serving has no
permissions of its own: it is a gateway or a service mesh that answers, by the
account, the path or the address that the call came from.

- Is it the right token? `--token-file`, TFSCLIENT_TOKEN or `token=` send it.
- Is this call allowed at all? Often predictions are, and reloads or gRPC are not.
- Over REST, HTTP 403 may also come from a proxy of the environment: `tfsclient
  doctor` says if calls go through one.
""",
    ),
    explain_as(
        "UNIMPLEMENTED",
        "The server, or the transport, cannot do this",
        """
Usual causes:

- REST cannot carry it, which the client says before it sends anything: float16,
  bfloat16, uint16, complex, quantized and other rare dtypes, signatures without
  inputs, multi-inference, and reloads. Use gRPC.
- The target is a gRPC server, but not TF Serving.
- The server is TF Serving's interface without all of its calls: some stand-ins have
  no metadata. See `tfsclient explain no_metadata`.

`tfsclient doctor` says what it is that answers:

    tfsclient doctor localhost:8500 digits
""",
    ),
    explain_as(
        "INTERNAL",
        "The server, or something on the way to it, failed",
        """
The fault is not one of the request, as far as the server can tell. It is not tried
again. Usual causes:

- An op of the model failed in a way that TensorFlow has no better code for; the
  details name it. Does the same call work in Python, on the loaded SavedModel?
- `--enable_signature_method_name_check` is on at the server, and the signature is
  of another method than the call.
- Something between client and server that does not understand HTTP/2 or gRPC
  ("RST_STREAM", "Received http2 header with status: 502").
- Over REST, HTTP 500: it also stands for UNKNOWN and DATA_LOSS.

The server's log at the time of the call says more than its answer.
""",
    ),
    explain_as(
        "UNKNOWN",
        "A failure of a kind that the server did not name",
        """
Usual causes:

- A reload with a model that does not load: "1 model(s) did not become available".
  The reason stands in the text; `tfsclient status` shows it, too.
- An HTTP status that TF Serving never writes, so a gateway's.
- An exception in a gRPC server that is not TF Serving, which gRPC reports so.

The server's log at the time of the call says more than its answer.
""",
    ),
    explain_as(
        "DATA_LOSS",
        "Data is lost or corrupt",
        """
With TF Serving it is a file that is not whole: a checkpoint whose checksum is wrong
or a warm-up file that was cut short, mostly by a copy that was interrupted. Export
or copy the version again, as a version of its own, and rename the folder into place
last, so that the server never sees half of it.
""",
    ),
    explain_as(
        "ABORTED",
        "The operation met a conflict",
        """
Something else was being done at the same time, such as another reload. TF Serving
hardly ever answers so; over REST, HTTP 409 stands for this code and for
ALREADY_EXISTS. Try again, if doing it twice does no harm.
""",
    ),
    explain_as(
        "ALREADY_EXISTS",
        "What was to be created already exists",
        """
TF Serving itself hardly ever answers so; gateways may. Over REST it comes as
ABORTED, with HTTP status 409.
""",
    ),
    explain_as(
        "CANCELLED",
        "The call was cancelled",
        """
Mostly by the caller: `future.cancel()`, a task of asyncio that was cancelled, a
client that was closed while the call was under way. A proxy that loses its
connection to the server, or shuts down, may cancel calls, too.

Whether the model has run is not known.
""",
    ),
    explain_as(
        "InvalidInput",
        "Refused before anything was sent",
        """
An argument makes no sense, or the inputs do not fit the signature: nothing was
sent. The error names the input, what was expected, what came and, where it can,
what to write in its place.

The signature is what counts:

    tfsclient inspect localhost:8500 digits

A signature may be wrong about what its model takes; see `tfsclient explain
validate`. In Python `InvalidInput` is a `ValueError`, too.
""",
    ),
    explain_as(
        "DecodeError",
        "The answer is not one that TF Serving gives",
        """
Something answered with success, and what it said could not be understood. Usual
causes:

- The target is not TF Serving, or a gateway put a page of its own in between, such
  as a sign-in form. The error shows how the answer begins.
- The answer lacks outputs that the signature promises: the model was deployed anew
  and is another one now. See `tfsclient explain redeployed`.
- The answer was cut short on the way.

`tfsclient doctor` says what it is that answers:

    tfsclient doctor http://localhost:8501 digits
""",
    ),
    explain_as(
        "MissingExtra",
        "An optional package is not installed",
        """
What was asked for needs a package that `pip install tfsclient` does not bring. The
error names the line to type, for example:

    pip install 'tfsclient[image]'

An installation without grpcio and protobuf still does everything over REST.
""",
    ),
)

EXPLANATIONS: Final[tuple[Explanation, ...]] = (*_CODES, *HINTS)
