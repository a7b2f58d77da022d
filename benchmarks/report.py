"""Measurements as ratios, as a table in text, and as a plot."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import CASES
from benchmarks.peers import LIMIT

_PACKAGES: Final = (
    "tfsclient numpy grpcio protobuf orjson httpx requests tensorflow tensorflow-serving-api"
).split()

_NOTES: Final = """\
Each cell is the time of a whole call, from numpy arrays to numpy arrays, by the clock / in CPU
time of the client's process, as a ratio to the limit: prepared bytes over a bare grpcio channel (or
a bare http.client), whose answer is not read. Lower is better; 1 is free. A cell is the median over
rounds, in each of which every peer took a turn beside a limit in its own process. The column
"limit" is the limit beside itself, by the clock: the band that half of the rounds lie in, within
which all is noise. The server is a canned one on the same machine that takes very little time, so
these ratios are the worst case: a real server, a model and a network all bring them closer to 1.
Signatures are known beforehand, as after a first call. With several threads or tasks, it is the
time of all calls divided by how many there were. Of 22 MB, most is the allocator: what it keeps
from one call helps the next, so that a peer may be below 1.
"""


def collect(
    cases: dict[str, Any], footprint: dict[str, Any], skipped: dict[str, str]
) -> dict[str, Any]:
    """All results as plain data."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(),
        "skipped": skipped,
        "footprint": footprint,
        "cases": {name: _ratios(name, case) for name, case in cases.items()},
    }


def machine() -> dict[str, Any]:
    """What was measured on, and with."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = models[0] if models else model
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "none"
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": versions,
    }


def _ratios(name: str, measured: dict[str, Any]) -> dict[str, Any]:
    case = CASES[name]
    ratios = {peer: _ratio(rounds) for peer, rounds in measured.items() if isinstance(rounds, list)}
    limits = [
        limit[0] for rounds in measured.values() if isinstance(rounds, list) for limit, _ in rounds
    ]
    result: dict[str, Any] = {
        "title": case.title,
        "limit_us": round(statistics.median(limits) * 1e6),
        "ratios": ratios,
        "goals": [],
        "errors": {peer: error for peer, error in measured.items() if isinstance(error, str)},
    }
    own = measured.get("tfsclient")
    for peer, at_most in case.goals.items():
        if isinstance(own, list) and peer in ratios:
            # The limit is measured in each process, other peers in the same round.
            reached = ratios["tfsclient"]["wall"] if peer == LIMIT else _beside(own, measured[peer])
            result["goals"].append({"beside": peer, "at_most": at_most, "reached": reached})
    return result


def _ratio(rounds: list[Any]) -> dict[str, float]:
    walls = sorted(own[0] / limit[0] for limit, own in rounds)
    return {
        "wall": round(statistics.median(walls), 3),
        "wall_low": round(walls[len(walls) // 4], 3),
        "wall_high": round(walls[-1 - len(walls) // 4], 3),
        "cpu": round(statistics.median(own[1] / limit[1] for limit, own in rounds), 3),
    }


def _beside(own: list[Any], other: list[Any]) -> float:
    pairs = zip(own, other, strict=True)
    return float(round(statistics.median(mine[1][0] / theirs[1][0] for mine, theirs in pairs), 3))


def table(data: dict[str, Any]) -> str:
    """The results for people."""
    machine = data["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    blocks = [
        f"Clients of TF Serving compared, {data['date']}",
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}",
        f"Python {machine['python']}, {packages}",
        "",
        _NOTES,
    ]
    groups = {
        "gRPC": {n: c for n, c in data["cases"].items() if not CASES[n].rest},
        "REST": {n: c for n, c in data["cases"].items() if CASES[n].rest},
    }
    for protocol, cases in groups.items():
        if cases:
            blocks.append(f"{protocol}, ratio to the limit: clock / CPU\n\n" + _matrix(cases))
    if any(case["goals"] for case in data["cases"].values()):
        blocks.append("Goals of tfsclient, by the clock\n\n" + _goals(data["cases"]))
    failed = {
        f"{peer}: {error}"
        for case in data["cases"].values()
        for peer, error in case["errors"].items()
    }
    failed |= {f"{peer}: {reason}" for peer, reason in data["skipped"].items()}
    if failed:
        blocks.append("Failed or left out (fails):\n" + "\n".join(sorted(failed)) + "\n")
    if "cold" in data["footprint"]:
        blocks.append(
            "First answer of a fresh process, seconds\n\n" + _cold(data["footprint"]["cold"])
        )
    if "resident" in data["footprint"]:
        blocks.append(_footprint(data["footprint"]))
    return "\n".join(blocks)


def _matrix(cases: dict[str, Any]) -> str:
    peers = list(dict.fromkeys(peer for case in cases.values() for peer in case["ratios"]))
    rows = [["", "limit, us", *peers]]
    for case in cases.values():
        row = [case["title"], f"{case['limit_us']:,}"]
        for peer in peers:
            if peer in case["ratios"]:
                ratio = case["ratios"][peer]
                if peer == LIMIT:
                    row.append(f"{_short(ratio['wall_low'])} - {_short(ratio['wall_high'])}")
                    continue
                row.append(f"{_short(ratio['wall'])} / {_short(ratio['cpu'])}")
            else:
                row.append("fails" if peer in case["errors"] else "-")
        rows.append(row)
    return aligned(rows)


def _goals(cases: dict[str, Any]) -> str:
    rows = [["", "to", "goal", "measured", ""]]
    for case in cases.values():
        for goal in case["goals"]:
            met = "met" if goal["reached"] <= goal["at_most"] else "missed"
            numbers = [f"{goal['at_most']:g}", f"{goal['reached']:.3g}"]
            rows.append([case["title"], goal["beside"], *numbers, met])
    return aligned(rows)


def _cold(cases: dict[str, dict[str, float]]) -> str:
    return "\n".join(
        aligned([["", *seconds], [CASES[name].title, *(f"{s:.3f}" for s in seconds.values())]])
        for name, seconds in cases.items()
    )


def _footprint(footprint: dict[str, Any]) -> str:
    seconds = footprint["import_seconds"]
    ratio = seconds["tfsclient"] / seconds["tensorflow"]
    resident, own = footprint["resident"], footprint["own"]
    memory = ", ".join(f"{size / 1e6:.1f} MB after {int(n):,}" for n, size in resident.items())
    return (
        f"import tfsclient takes {ratio:.3f} of import tensorflow "
        f"({seconds['tfsclient']:.3f} s, of which numpy alone {seconds['numpy']:.3f} s, "
        f"to {seconds['tensorflow']:.2f} s; grpc and numpy take {seconds['grpc, numpy']:.3f} s).\n"
        f"Memory of a process that makes predict calls: {memory}.\n"
        f"A small call without gRPC takes {own['warm']:.1f} us over and over, "
        f"{own['cold']:.0f} us after other work has taken the processor's caches.\n"
    )


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def aligned(rows: list[list[str]]) -> str:
    """Rows as a table of text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines) + "\n"


def plot(data: dict[str, Any], path: Path) -> None:
    """Bars of the ratios by the clock, on a logarithmic scale."""
    from matplotlib.figure import Figure

    cases = list(data["cases"].values())
    peers = list(dict.fromkeys(peer for case in cases for peer in case["ratios"]))
    peers = [peer for peer in peers if peer != LIMIT]
    figure = Figure(figsize=(9, 0.9 * len(cases) + 1.5), layout="constrained")
    axes = figure.subplots()
    labelled: set[str] = set()
    for row, case in enumerate(cases):
        shown = [peer for peer in peers if peer in case["ratios"]]
        height = 0.8 / len(shown)
        for index, peer in enumerate(shown):
            axes.barh(
                row - 0.4 + (index + 0.5) * height,
                case["ratios"][peer]["wall"],
                height,
                label=None if peer in labelled else peer,
                color=f"C{peers.index(peer)}",
            )
            labelled.add(peer)
    axes.set_yticks(range(len(cases)), [case["title"] for case in cases])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time of a call, ratio to the limit (1: bytes without codec)")
    axes.set_title(f"Predict calls, {data['date']}")
    figure.legend(loc="outside lower center", ncols=4)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
