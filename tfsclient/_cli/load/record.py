"""What a benchmark came to, as JSON."""

from __future__ import annotations

import math
from typing import Any, Final

import orjson

from tfsclient._cli.load.interface import Load
from tfsclient._cli.load.session import Against, Report, Run, Searched
from tfsclient._cli.load.statistics import Summary

FORMAT: Final = 1  # grows with each change that a reader would have to know of


def to_json(report: Report, settings: dict[str, Any]) -> bytes:
    """The report in strict JSON, in which NaN and the infinities are strings.

    Args:
        report: what it came to.
        settings: what was asked for.
    """
    advice = report.advice
    whole = {
        "format": FORMAT,
        "model": report.model,
        "signature": report.signature,
        "settings": settings,
        "runs": [_run(run) for run in report.runs],
        "searches": [_searched(searched) for searched in report.searches],
        "batching": None
        if advice is None
        else {
            "batch": advice.batch,
            "rows_per_second": advice.rows,
            "reason": advice.reason,
            "file": advice.file,
        },
        "against": [_against(against) for against in report.against],
        "fail_if": [
            {"run": report.runs.index(run), "kept": kept, "why": why}
            for run, kept, why in report.verdicts
        ],
        "interrupted": report.interrupted,
    }
    return orjson.dumps(strict(whole), option=orjson.OPT_INDENT_2) + b"\n"


def strict(value: Any) -> Any:
    """A value with the numbers that JSON does not have as strings."""
    if isinstance(value, dict):
        return {key: strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [strict(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _load(load: Load) -> dict[str, Any]:
    return {
        "rate": load.rate,
        "arrivals": load.arrivals if load.rate is not None else None,
        "concurrency": load.concurrency,
        "seed": load.seed,
        "seconds": load.seconds,
        "warmup_seconds": load.warmup,
    }


def _summary(summary: Summary) -> dict[str, Any]:
    s = summary
    encode, wait, decode = s.parts
    return {
        "seconds": s.measured.seconds,
        "calls": s.calls,
        "answered": len(s.latencies),
        "answers_per_second": s.rate,
        "errors": s.errors,
        "unanswered": s.measured.unanswered,
        "latency_seconds": {
            "mean": float(s.latencies.mean()) if len(s.latencies) else math.nan,
            **{f"p{p:g}": s.latency(p) for p in (50, 90, 95, 99, 99.9)},
            "max": s.latency(100),
        },
        "mean_seconds": {"encode": encode, "wait": wait, "decode": decode},
        "sender": {
            "lag_seconds": {"p50": s.lag(50), "p99": s.lag(99), "max": s.lag(100)},
            "cpu": s.measured.cpu,
            "bottleneck": s.bottleneck(),
        },
        "hidden_p99_seconds": s.hidden(),
        "percentiles": s.curve(),
        "timeline": [
            {"second": when, "calls_per_second": rate, "p50_seconds": middle, "max_seconds": most}
            for when, rate, middle, most in s.timeline()
        ],
    }


def _run(run: Run) -> dict[str, Any]:
    server, model = run.server or (None, None)
    found = _summary(run.summary)
    found["mean_seconds"] |= {"server": server, "model": model}
    return {
        "target": str(run.endpoint),
        "transport": run.endpoint.transport,
        "batch": run.batch,
        "load": _load(run.load),
        **found,
    }


def _searched(searched: Searched) -> dict[str, Any]:
    found = searched.found
    return {
        "target": str(searched.endpoint),
        "transport": searched.endpoint.transport,
        "batch": searched.batch,
        "slo": str(found.limit),
        "rate": None if found.best is None else found.best.rate,
        "sender_bound": found.sender_bound,
        "calls": found.calls,
        "trials": [
            {
                "rate": trial.rate,
                "kept": trial.kept,
                "why": trial.why,
                "confirming": trial.confirming,
                "calls": trial.summary.calls,
                "latency_seconds": {
                    "p50": trial.summary.latency(50),
                    f"p{found.limit.percent:g}": trial.summary.latency(found.limit.percent),
                },
            }
            for trial in found.trials
        ],
    }


def _against(against: Against) -> dict[str, Any]:
    return {
        "first": str(against.first.endpoint),
        "second": str(against.second.endpoint),
        "differences": [
            {
                "percentile": one.percent,
                "seconds": one.seconds,
                "low": one.low,
                "high": one.high,
                "clear": one.clear,
            }
            for one in against.differences
        ],
    }
