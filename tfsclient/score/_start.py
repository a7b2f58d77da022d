"""From options to a job: the client, the pinned version, the output."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tfsclient._client.sync import Client
from tfsclient.errors import InvalidInput, NotFound, Unimplemented
from tfsclient.schema import Model, Signature
from tfsclient.score._files import find_sources
from tfsclient.score._job import Job
from tfsclient.score._options import Options
from tfsclient.score._parts import Folder
from tfsclient.score._stream import Stream
from tfsclient.score._summary import Progress, Summary


def _fingerprint(spec: Signature) -> str | None:
    """What changes when inputs are to be made in another way; None if nothing is said of them."""
    told = sorted((name, repr(t.meaning)) for name, t in spec.inputs.items() if t.meaning)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16] if told else None


def _find_model(client: Client, options: Options) -> tuple[Model, int | None]:
    """The model's signatures, and the version to call; None for the latest at each call.

    Where signatures were given the server is asked for the version alone, and need not know of
    metadata.
    """
    name, version = options.model, options.version
    given = client._sender.flows.given(name)  # noqa: SLF001
    if given is not None and (version is not None or options.latest):
        return given, version
    try:
        found = client.metadata(name, version=version, label=options.label)
    except (NotFound, Unimplemented):
        if given is None:
            raise
        return given, None
    return given or found, None if options.latest else found.version


def run_job(
    target: str | Sequence[str] | Client,
    options: Options,
    progress: Callable[[Progress], object] | None,
    settings: Mapping[str, Any],
    started: Callable[[Job], object] | None = None,
) -> Summary:
    """Run a job; see :func:`tfsclient.score.score_files`.

    Args:
        target: a server or a client.
        options: what to do.
        progress: hears how far it is.
        settings: of a client that is made here.
        started: is given the job before it runs, to stop it by.
    """
    sources = find_sources(options.inputs, options.out)
    if options.resume and sources[0].kind == "stdin":
        raise InvalidInput("standard input cannot be read again, so there is nothing to resume")
    with ExitStack() as stack:
        if isinstance(target, Client):
            if settings:
                raise InvalidInput(f"{next(iter(settings))} is for a target: this is a client")
            client = target
        else:
            client = stack.enter_context(Client(target, **{"retries": 0, **settings}))
        model, version = _find_model(client, options)
        out: Folder | Stream = Stream()
        if not options.streams:
            meaning = _fingerprint(model.signature(options.signature))
            out = Folder(options, [source.fingerprint() for source in sources], meaning)
            stack.callback(out.close)
        if out.version is not None and out.version != version:
            version = out.version  # the job's own, though the label or the latest moved on
            model, _ = _find_model(client, replace(options, version=version, label=None))
        spec = model.signature(options.signature)
        job = Job(client, spec, version, options, sources, out, progress)
        out.pin(version, spec.name)  # what could be refused by now has been
        if started is not None:
            started(job)
        return job.run()
