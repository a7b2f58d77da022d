"""What a benchmark came to, for people: text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfsclient._cli.load.interface import Load
from tfsclient._cli.load.limits import NOTHING
from tfsclient._cli.load.session import Against, Report, Run, Searched, named
from tfsclient._cli.load.units import milliseconds, number, share
from tfsclient._tables import WIDTH, table, visible, wrap

Row = list[str]


def head(report: Report) -> list[str]:
    """Which model is called, and with what."""
    return [visible(f"{report.model}, {report.signature}"), *map(visible, report.inputs)]


def lines(report: Report) -> Iterator[str]:
    """All of it, without the head."""
    yield from _method(report)
    for searched in report.searches:
        yield from _searched(searched)
    if report.runs:
        yield from runs_table(report.runs)
    for against in report.against:
        yield from _against(against)
    if report.advice is not None:
        yield ""
        yield from _wrapped(f"batching: {report.advice.reason}")
        if report.advice.file is not None:
            yield "For tensorflow_model_server --enable_batching --batching_parameters_file=FILE:"
            yield from (f"  {line}" for line in report.advice.file.splitlines())
    notes_ = list(notes(report))
    if notes_:
        yield ""
    for note in notes_:
        yield from _wrapped(note)
    for run, kept, why in report.verdicts:
        word = {True: "kept", False: "over the limit", None: "no verdict"}[kept]
        yield from _wrapped(f"{word}: {named(run.load, run.batch, run.endpoint)}: {why}")
    if report.interrupted:
        yield "interrupted: this is what there was until then"


def _method(report: Report) -> Iterator[str]:
    if report.runs:
        load = report.runs[0].load
        yield from _wrapped(f"{method(load)}.")


def method(load: Load) -> str:
    """How calls were sent, and what times mean."""
    loop = (
        f"Open loop: calls are sent when it is time, with {load.arrivals} arrivals"
        if load.rate is not None
        else "Closed loop: each caller sends its next call when it has its answer"
    )
    return (
        f"{loop}; {load.seconds:g} s after {load.warmup:g} s of warm-up.  Latency, in ms, counts "
        "from when a call was to be sent to when its answer was decoded"
    )


def runs_table(runs: Sequence[Run]) -> Iterator[str]:
    """The runs, and where their time went."""
    rows = ["", "batch", "load", "calls", "answers/s", "p50", "p90", "p99", "max", "errors"]
    parts = ["", "batch", "load", "encode", "wait", "server", "model", "decode", "lag", "CPU"]
    latencies, times = [rows], [parts]
    endpoints = list(dict.fromkeys(run.endpoint for run in runs))
    transports = len({endpoint.transport for endpoint in endpoints}) == len(endpoints)
    for run in runs:
        s = run.summary
        where = run.endpoint.transport if transports else visible(str(run.endpoint))
        batch = "" if run.batch is None else str(run.batch)
        label = [where if len(endpoints) > 1 else "", batch, str(run.load)]
        percentiles = [milliseconds(s.latency(p)) for p in (50, 90, 99, 100)]
        latencies.append(
            [*label, str(s.calls), number(s.rate), *percentiles, share(s.errors_share)]
        )
        encode, wait, decode = s.parts
        means = [milliseconds(t) for t in (encode, wait, *(run.server or (None, None)), decode)]
        times.append([*label, *means, milliseconds(s.lag(99)), share(s.cpu)])
    if all(run.batch is None for run in runs):
        rows[1] = parts[1] = ""  # a column without text takes no room
    if all(run.server is None for run in runs):
        for row in times:
            row[5:7] = "", ""
    yield ""
    yield from table(latencies)
    yield ""
    yield "Mean ms of a call, p99 of the sender's own lag, and the CPU that it used:"
    yield from table(times)


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    for line in wrap(visible(text), WIDTH - len(indent)):
        yield f"{indent}{line}".rstrip()


def outcome(searched: Searched) -> tuple[str, str]:
    """What a search came to, in a sentence, and what to know of it; "" for nothing."""
    found = searched.found
    what = f"{found.limit}, {named(None, searched.batch, searched.endpoint)}"
    if found.best is not None:
        rows = f", {number(found.best.rate * searched.batch)} rows/s" if searched.batch else ""
        more = (
            "with more, the sender was the bottleneck: the server may well take more; --processes "
            "sends from several"
            if found.sender_bound
            else ""
        )
        return f"{what}: {number(found.best.rate)} calls/s{rows} hold", more
    if not found.trials:
        return f"{what}: nothing was tried", ""
    trial = found.trials[-1]
    why = f"{number(trial.rate)} calls/s: {trial.why}"
    if trial.kept is None:
        return f"{what}: no verdict", f"at last {why}"
    if trial.confirming:
        return f"{what}: no rate holds", f"what was kept was not kept again; at last {why}"
    return f"{what}: no rate holds", f"the lowest was {why}; lower ones need more --seconds"


def _searched(searched: Searched) -> Iterator[str]:
    found = searched.found
    sentence, more = outcome(searched)
    yield ""
    yield from _wrapped(sentence)
    if more:
        yield from _wrapped(more, "  ")
    yield f"  {found.calls} calls in {len(found.trials)} trial{'s' * (len(found.trials) != 1)}:"
    rows_ = [["calls/s", "p50", f"p{found.limit.percent:g}", "", ""]]
    for trial in sorted(found.trials, key=lambda trial: trial.rate):
        s, limit = trial.summary, found.limit
        word = {True: "kept", False: "missed", None: "?"}[trial.kept]
        rows_.append(
            [
                number(trial.rate),
                milliseconds(s.latency(50)),
                milliseconds(s.latency(limit.percent)),
                word,
                f"{trial.why}{' (again)' if trial.confirming else ''}",
            ]
        )
    yield from table(rows_, "  ")


def _against(against: Against) -> Iterator[str]:
    if not against.differences:  # there were no answers of both
        return
    yield ""
    first, second = (visible(str(run.endpoint)) for run in (against.first, against.second))
    yield from _wrapped(
        f"{second} against {first}, {named(against.first.load, against.first.batch)}:"
    )
    rows = [["", "difference in ms", "95 of 100 times", ""]]
    for difference in against.differences:
        word = "slower" if difference.seconds > 0 else "faster"
        rows.append(
            [
                f"p{difference.percent:g}",
                milliseconds(difference.seconds),
                f"{milliseconds(difference.low)} to {milliseconds(difference.high)}",
                word if difference.clear else "no clear difference",
            ]
        )
    yield from table(rows, "  ")


def notes(report: Report) -> Iterator[str]:
    """What a reader must know to read the numbers right."""
    for run in report.runs:
        s, where = run.summary, named(run.load, run.batch, run.endpoint)
        if not s.calls and not report.verdicts and not report.interrupted:
            yield f"{where}: {NOTHING}"
        reason = s.bottleneck()
        judged = run.load.limit is not None or report.verdicts  # by a limit, which says more
        if reason is not None and not judged:
            yield (
                f"{where}: no verdict on the server, for the sender was the bottleneck: {reason}"
                f"{'; --processes sends from several' if s.busy else ''}"
            )
        hidden = s.hidden()
        if hidden is not None:
            yield (
                f"{where}: a closed loop hides stalls, for its callers wait meanwhile: at this "
                f"rate an open loop would have seen a p99 of about {milliseconds(hidden)} ms; "
                "measure it with --rate"
            )
        if 0 < len(s.latencies) < 100:
            yield f"{where}: {len(s.latencies)} answers are too few for a p99"
        for code, count in s.errors.items():
            times = "once" if count == 1 else f"{count} times, first"
            yield f"{where}: {code} {times}: {s.measured.errors[code]}"
        if s.measured.unanswered:
            calls = "call" if s.measured.unanswered == 1 else "calls"
            yield f"{where}: {s.measured.unanswered} {calls} had no answer yet"
