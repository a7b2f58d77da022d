"""What a benchmark came to, as one HTML file that asks nothing of anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from html import escape
from importlib.metadata import version
from typing import Final

from tfsclient._cli.load import text
from tfsclient._cli.load.plots import Axis, Line, plot
from tfsclient._cli.load.session import Report, Run, Searched, named
from tfsclient._cli.load.units import milliseconds, number, share

_MOST_TIMELINES: Final = 24

_WHY: Final = '<th class="words">why'
_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2024; --faint: #60646c;
  --grid: #e3e5e8; --card: #f7f8f9; --bad: #b42318; --good: #157347;
  --c0: #1f6feb; --c1: #c2410c; --c2: #15803d; --c3: #9333ea; --c4: #b45309; --c5: #0e7490; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e8eaed; --faint: #a3a9b1;
  --grid: #2d3238; --card: #1c2024; --bad: #ff8a80; --good: #6ee7a0;
  --c0: #6ea8fe; --c1: #fb923c; --c2: #4ade80; --c3: #c99bff; --c4: #facc15; --c5: #38d0e0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; margin: .3rem 0; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .3rem 0; } small, .faint { color: var(--faint); }
.plots { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); }
figure { margin: 0; padding: .6rem; background: var(--card); border-radius: 8px; max-width: 36rem; }
figcaption { font-weight: 600; } figcaption small { font-weight: 400; }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 11px; fill: var(--faint); }
.grid { stroke: var(--grid); } .line { fill: none; stroke: currentColor; stroke-width: 1.8; }
.dashed .line { stroke-dasharray: 5 3; }
circle { fill: currentColor; } path.limit { stroke: var(--bad); stroke-dasharray: 4 3; }
svg text.limit { fill: var(--bad); }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: 13px; }
.legend i { display: inline-block; width: .9em; height: .25em; margin-right: .35em;
  vertical-align: middle; background: currentColor; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 14px; }
th, td { padding: .25rem .7rem .25rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--grid); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, td.words, th.words { text-align: left; }
td.words { white-space: normal; }
.good { color: var(--good); } .bad { color: var(--bad); } ul { padding-left: 1.2rem; margin: 0; }
pre { overflow-x: auto; padding: .6rem; background: var(--card); border-radius: 8px; }
"""


def to_html(report: Report) -> str:
    """The report as one file."""
    title = f"Load on {report.model}, {report.signature}"
    endpoints = [run.endpoint for run in report.runs]
    endpoints += [searched.endpoint for searched in report.searches]
    targets = ", ".join(dict.fromkeys(map(str, endpoints)))
    ours = version("tfsclient")
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',  # else a browser asks for one
            f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f'<p class="faint">{_text(f"{targets}; {made}; tfsclient {ours}")}</p>',
            *(f'<p class="faint">{_text(line.strip())}</p>' for line in report.inputs),
            *_summary(report),
            '<h2>Plots</h2><div class="plots">',
            *_plots(report),
            "</div>",
            *_tables(report),
            *_reading(report),
            "</body></html>\n",
        ]
    )


def _text(text_: str) -> str:
    return escape("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text_))


def _summary(report: Report) -> Iterator[str]:
    """What it came to, in sentences."""
    yield "<h2>What it came to</h2><ul>"
    if report.interrupted:
        yield '<li class="bad">It was interrupted: this is what there was until then.</li>'
    for searched in report.searches:
        style = "bad" if searched.found.best is None else "good"
        sentence, more = text.outcome(searched)
        yield f'<li class="{style}">{_text(sentence)}</li>'
        if more:
            yield f"<li>{_text(more)}</li>"
    for against in report.against:
        first, second = against.first.endpoint, against.second.endpoint
        for one in against.differences:
            word = "slower" if one.seconds > 0 else "faster"
            by = f"{milliseconds(abs(one.seconds))} ms {word} than {first}"
            between = f"{milliseconds(one.low)} to {milliseconds(one.high)} ms"
            clear = "" if one.clear else "no clear difference: "
            load = named(against.first.load, against.first.batch)
            said = f"{load}, p{one.percent:g}: {clear}{second} is {by}; 95 of 100 times {between}"
            yield f"<li>{_text(said)}</li>"
    for run, kept, why in report.verdicts:
        style = "good" if kept else "bad"
        word = {True: "kept", False: "over the limit", None: "no verdict"}[kept]
        where = named(run.load, run.batch, run.endpoint)
        yield f'<li class="{style}">{_text(f"{where}: {word}: {why}")}</li>'
    for note in text.notes(report):
        yield f"<li>{_text(note)}</li>"
    if not (report.searches or report.verdicts or report.against):
        yield from (f"<li>{_text(_said(run))}</li>" for run in report.runs)
    yield "</ul>"
    if report.advice is not None:
        yield f"<h2>Batching</h2><p>{_text(report.advice.reason)}</p>"
        if report.advice.file is not None:
            yield "<p>A file for <code>--batching_parameters_file</code>:</p>"
            yield f"<pre>{escape(report.advice.file)}</pre>"


def _said(run: Run) -> str:
    s = run.summary
    return (
        f"{named(run.load, run.batch, run.endpoint)}: {number(s.rate)} answers a second, half "
        f"of them within {milliseconds(s.latency(50))} ms, 99 of 100 within "
        f"{milliseconds(s.latency(99))} ms, {share(s.errors_share)} failed"
    )


def _plots(report: Report) -> Iterator[str]:
    ms = Axis("ms")
    groups: dict[str, list[Run]] = {}
    for run in report.runs:
        groups.setdefault(f"{named(None, run.batch)} {run.endpoint}".strip(), []).append(run)
    for searched in report.searches:
        limit = searched.found.limit
        yield plot(
            "Latency against rate, " + named(None, searched.batch, searched.endpoint),
            Axis("calls a second that were asked for"),
            ms,
            [_percentiles_of(searched, p) for p in (50.0, limit.percent)],
            (limit.seconds * 1e3, str(limit)),
        )
    if not report.searches:
        for name, runs in groups.items():
            closed = runs[0].load.concurrency is not None
            yield plot(
                f"Latency against load, {name}",
                Axis("callers at a time" if closed else "calls a second that were asked for"),
                ms,
                [_line(runs, percent) for percent in (50, 90, 99)],
            )
    yield plot(
        "Percentiles",
        Axis("percent of calls within", _nines, [(p, f"{p:g}") for p in (0, 50, 90, 99, 99.9)]),
        ms,
        [
            Line(
                named(run.load, run.batch, run.endpoint),
                [(p, s * 1e3) for p, s in run.summary.curve() if not math.isnan(s)],
                [f"p{p:g}: {milliseconds(s)} ms" for p, s in run.summary.curve()],
            )
            for run in report.runs
        ],
    )
    for run in report.runs[:_MOST_TIMELINES]:
        timeline = run.summary.timeline()
        yield plot(
            "Over the time, " + named(run.load, run.batch, run.endpoint),
            Axis("second"),
            ms,
            [
                Line(
                    "half of the calls within", [(when, p50 * 1e3) for when, _, p50, _ in timeline]
                ),
                Line("the slowest", [(when, most * 1e3) for when, _, _, most in timeline]),
            ],
        )


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _line(runs: Sequence[Run], percent: float) -> Line:
    points = [
        (run.load.rate or float(run.load.concurrency or 0), run.summary.latency(percent) * 1e3)
        for run in runs
        if len(run.summary.latencies)
    ]
    return Line(f"p{percent:g}", sorted(points))


def _percentiles_of(searched: Searched, percent: float) -> Line:
    """What was measured at the rates that were tried, without those that are far over the limit."""
    limit = searched.found.limit
    most = 3 * limit.seconds
    points = [
        (trial.rate, trial.summary.latency(percent) * 1e3)
        for trial in searched.found.trials
        if len(trial.summary.latencies) and trial.summary.latency(limit.percent) <= most
    ]
    return Line(f"p{percent:g}", sorted(points))


def _tables(report: Report) -> Iterator[str]:
    if report.runs:
        yield "<h2>Runs</h2>"
        heads = "load,batch,target,calls,answers/s,p50,p90,p99,max,errors,lag p99,CPU"
        rows = []
        for run in report.runs:
            s = run.summary
            rows.append(
                [
                    str(run.load),
                    str(run.batch or ""),
                    str(run.endpoint),
                    str(s.calls),
                    number(s.rate),
                    *(milliseconds(s.latency(p)) for p in (50, 90, 99, 100)),
                    share(s.errors_share),
                    milliseconds(s.lag(99)),
                    share(s.cpu),
                ]
            )
        yield _table(heads.split(","), rows)
        yield "<h2>Where the time goes</h2>"
        rows = []
        for run in report.runs:
            server, model = run.server or (None, None)
            encode, wait, decode = run.summary.parts
            times = [milliseconds(t) for t in (encode, wait, server, model, decode)]
            rows.append([str(run.load), str(run.batch or ""), str(run.endpoint), *times])
        yield _table("load,batch,target,encode,wait,server,model,decode".split(","), rows)
    for searched in report.searches:
        found = searched.found
        what = named(None, searched.batch, searched.endpoint)
        yield f"<h2>Rates that were tried, {_text(what)}</h2>"
        percentile = f"p{found.limit.percent:g}"
        rows = [
            [
                number(trial.rate),
                str(trial.summary.calls),
                milliseconds(trial.summary.latency(50)),
                milliseconds(trial.summary.latency(found.limit.percent)),
                {True: "kept", False: "missed", None: "no verdict"}[trial.kept],
                trial.why + (", again with other arrivals" if trial.confirming else ""),
            ]
            for trial in sorted(found.trials, key=lambda trial: trial.rate)
        ]
        yield _table(["calls/s", "calls", "p50", percentile, "", "why"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in heads).replace("<th>why", _WHY)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text_: str) -> str:
    words = ' class="words"' if " " in text_ else ""
    return f"<td{words}>{_text(text_)}</td>"


def _reading(report: Report) -> Iterator[str]:
    """What the words mean."""
    yield "<h2>How to read this</h2><ul>"
    if report.runs:
        yield f"<li>{_text(text.method(report.runs[0].load))}.</li>"
    yield (
        "<li>p99 is the time within which 99 of 100 answered calls were. Failed calls are in no "
        "percentile; they are counted beside them, and in a search each of them is over the "
        "limit.</li>"
        "<li>lag is how late the sender itself was, and CPU the share of one that the busiest "
        "sending process used. Where either is too much, the numbers may be the sender's, and "
        "there is no verdict on the server.</li>"
        "<li>encode, wait and decode are means: making the request, the network and the server, "
        "reading the answer. server and model are what the server itself says of the same time, of "
        "all who called it: from the arrival of a request to its answer, and the model alone.</li>"
        "</ul>"
    )
