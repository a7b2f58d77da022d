"""Whole files through a model: ``tfsclient score`` in Python; needs ``tfsclient[score]``.

from tfsclient.score import score_files

summary = score_files("localhost:8500", "digits", "scans/*.parquet", "scored", keep=["id"])
print(summary.rows, summary.errors)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfsclient.score._options import Auto, Path, read_options
from tfsclient.score._summary import Progress, Summary, TooManyErrors

if TYPE_CHECKING:
    from tfsclient._client.sync import Client

__all__ = ["Progress", "Summary", "TooManyErrors", "score_files"]


def __dir__() -> list[str]:
    return __all__


def score_files(
    target: str | Sequence[str] | Client,
    model: str,
    inputs: Path | Sequence[Path],
    out: Path,
    *,
    signature: str | None = None,
    version: int | None = None,
    label: str | None = None,
    latest: bool = False,
    map: Mapping[str, str] | None = None,  # noqa: A002
    keep: str | Sequence[str] = "all",
    outputs: Sequence[str] | None = None,
    prefix: str = "pred_",
    batch: Auto = "auto",
    concurrency: Auto = "auto",
    rate: float | None = None,
    limit: int | None = None,
    on_error: str = "stop",
    max_errors: int | str | None = None,
    resume: bool = False,
    format: str | None = None,  # noqa: A002
    progress: Callable[[Progress], object] | None = None,
    **client: Any,
) -> Summary:
    """Run a model on every row of files, and write its answers beside the columns that are kept.

    Rows are written in the order of the input, each once, in part files that a manifest lists;
    calls may be sent more than once.  While the server is busy, restarting or slow, the job slows
    down and tries again; it fails after five minutes without any answer.  Memory does not grow with
    the rows.

    Args:
        target: the server, as for :class:`tfsclient.Client`, or a client of it, whose own retries
            come on top.
        model: the model's name.
        inputs: files, folders or globs, local or of another file system that pyarrow knows
            (``s3://``, ``gs://``): Parquet, CSV, JSON lines, .npy and .npz, TFRecord of Examples,
            pictures; ``"-"`` is standard input, with JSON lines or CSV.
        out: the folder for parts and manifest; ``"-"`` is standard output, as JSON lines.
        signature: the signature to run; None as for :meth:`tfsclient.Client.predict`.
        version: the version to run.
        label: the version label to run.  Whichever version has it, or is the latest, when the job
            starts is called to the end.
        latest: rather call at each time the version that is the latest then.
        map: columns by input where they have other names; ``"@column"`` for cells that name files,
            ``"*"`` for an Example of the whole row.
        keep: the columns to keep; "all" of them.
        outputs: the outputs to write; None for all.
        prefix: what stands before the name of an output that a kept column has.
        batch: the most rows of a call; "auto" finds out what is fastest.
        concurrency: the most calls under way; likewise.
        rate: the most rows a second.
        limit: score so many rows only.
        on_error: "stop" at the first row that cannot be scored, which the error names; or
            "dead-letter" to write it to ``_errors``, with the reason in the column ``error``.
        max_errors: stop when more rows than that fail: a number, or a percentage like "1%".
        resume: go on with the job that began in ``out``, if there is one.
        format: "parquet", "jsonl" or "csv"; Parquet if left out.
        progress: is called a few times a second.
        client: more options of :class:`tfsclient.Client`.

    Returns:
        What was done; ``errors`` counts the dead letters.

    Raises:
        InvalidInput: inputs, options or output cannot be used, or a row does not fit.
        TooManyErrors: more rows failed than ``max_errors`` allows.
        MissingExtra: pyarrow is not installed.
        TFSError: calls failed for good.  What the manifest lists is kept, and ``resume`` goes on.
    """
    options = read_options(
        model=model, inputs=inputs, out=out, signature=signature, version=version, label=label,
        latest=latest, map=map, keep=keep, outputs=outputs, prefix=prefix, batch=batch,
        concurrency=concurrency, rate=rate, limit=limit, on_error=on_error, max_errors=max_errors,
        resume=resume, format=format,
    )  # fmt: skip
    from tfsclient.score._start import run_job

    return run_job(target, options, progress, client)
