"""CPU time that it takes to generate the clients of a large model: python benchmarks/generator.py.

Each language runs in a process of its own, whose first run pays for imports and templates, as the
command line does each time; the best of the runs is what is left without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "codegen")]

from benchmarks.report import aligned, machine  # noqa: E402
from tfsclient import DType, Model, Signature, TensorSpec  # noqa: E402

_RESULTS: Final = ROOT / "benchmarks" / "results"
_SIGNATURES: Final = 200
_TENSORS: Final = 50  # of a signature, half of them inputs
_RUNS: Final = 3

_WORDS: Final = "user item price clicks query region device score age session".split()
_AWKWARD: Final = ("class", "input:0", "a b", "größe", "*/", '"; exit', "2d", "INPUT", "{{x}}")
_DTYPES: Final = "float32 int64 string int32 bool float64 uint8".split()
_SHAPES: Final = ((-1,), (-1, 10), (-1, 224, 224, 3), (), None)


def model() -> Model:
    """A model with as many signatures and tensors as nobody has; every fifth name is awkward."""
    signatures = {}
    for number in range(_SIGNATURES):
        name = _name(number, "rank")
        inputs = _tensors(number, "input")
        signatures[name] = Signature(name, inputs, _tensors(number + 3, "output"))
    return Model("recommender", 1, signatures)


def _tensors(seed: int, suffix: str) -> dict[str, TensorSpec]:
    specs = {}
    for index in range(_TENSORS // 2):
        name = _name(seed + index, suffix)
        dtype = DType(_DTYPES[(seed + index) % len(_DTYPES)])
        specs[name] = TensorSpec(name, dtype, _SHAPES[(seed * 3 + index) % len(_SHAPES)])
    return specs


def _name(number: int, suffix: str) -> str:
    if number % 5 == 4:
        return f"{_AWKWARD[number // 5 % len(_AWKWARD)]}{number}"
    return f"{_WORDS[number % len(_WORDS)]}_{suffix}_{number}"


def measure(language: str) -> dict[str, Any]:
    """CPU seconds of the first run and of the best, and how much comes out."""
    started = time.process_time()
    from tfsclient_gen.generate import generate

    seconds = []
    files: dict[str, str] = {}
    for _ in range(_RUNS):
        files = generate(model(), language)
        seconds.append(time.process_time() - started)
        started = time.process_time()
    lines = sum(text.count("\n") for text in files.values())
    return {"first": seconds[0], "best": min(seconds), "files": len(files), "lines": lines}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--language", help="measure only this one, here; print JSON")
    options = parser.parse_args()
    if options.language:
        print(json.dumps(measure(options.language)))
        return

    from tfsclient_gen.generate import languages

    results = {}
    for language in languages():
        command = [sys.executable, __file__, "--language", language]
        results[language] = json.loads(subprocess.check_output(command, text=True))
    data = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(),
        "signatures": _SIGNATURES,
        "tensors": _SIGNATURES * _TENSORS,
        "languages": results,
    }
    text = _table(data)
    print(text, end="")
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "generator.txt").write_text(text)
    (_RESULTS / "generator.json").write_text(json.dumps(data, indent=1) + "\n")


def _table(data: dict[str, Any]) -> str:
    rows = [["", "first run", "best run", "files", "lines"]]
    for language, result in data["languages"].items():
        times = [f"{result['first']:.2f} s", f"{result['best']:.2f} s"]
        rows.append([language, *times, f"{result['files']:,}", f"{result['lines']:,}"])
    where = data["machine"]
    return (
        f"Clients generated for a model of {data['signatures']} signatures with {data['tensors']:,}"
        f" tensors together, {data['date']}\n"
        f"{where['cores']} cores of {where['cpu']}, {where['system']}, Python {where['python']}\n"
        f"CPU time of a process of its own; the best of {_RUNS} runs, and the first one, which "
        f"loads templates, too\n\n{aligned(rows)}"
    )


if __name__ == "__main__":
    main()
