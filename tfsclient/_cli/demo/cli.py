"""The ``tfsclient demo`` command: the story in the order in which a user would live it."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tfsclient._cli.demo import clients, digits, keeping
from tfsclient._cli.main import EXIT_NO, exit_codes, missing_extra
from tfsclient._client.sync import Client
from tfsclient.server.process import without_chatter

if TYPE_CHECKING:
    from rich.console import Console

_MODEL = "digits"
_BATCH = 32
_SHOWN = 4  # scans drawn side by side: 80 columns
_SHADES = " ░▒▓█"


@click.command()
@click.option("--keep", metavar="DIR", help="Leave the model and pictures for it here.")
@click.pass_context
def demo(context: click.Context, keep: str | None) -> None:
    """Train a model, serve it, call it, and generate and run a client in each language.

    A language whose tools are not installed is left out.

    \b
    --keep leaves these files, and overwrites none that differs:
      DIR/models/digits/1   the model, as TensorFlow Serving reads it
      DIR/scan.png          a scanned digit that the model was not trained on
      DIR/scans/0.png ...   one scan of each digit

    Exits with 0 if all answers agreed, and with 1 if not.
    """  # noqa: D301
    with exit_codes():
        if keep is not None:
            keeping.make_folder(keep)
        with without_chatter(), tempfile.TemporaryDirectory() as folder:
            _import_extra()
            from rich.console import Console

            agreed = _story(Path(folder), keep, Console(highlight=False))
    if not agreed:
        context.exit(EXIT_NO)


def _import_extra() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import PIL  # noqa: F401
        import rich  # noqa: F401
        import sklearn  # noqa: F401
        import tensorflow as tf
    except ImportError as error:
        raise missing_extra("demo", "the demo", error) from error
    tf.get_logger().setLevel("ERROR")


def _story(folder: Path, keep: str | None, console: Console) -> bool:
    from tfsclient.server.app import Server

    def say(text: str, *, markup: bool = True) -> None:
        console.print(text, markup=markup, soft_wrap=True)

    say("[bold]1. A model:[/] a classifier of scanned digits, trained and exported as a SavedModel")
    held_out = digits.build(folder / "kept" / keeping.MODEL / "1")
    if keep is not None:
        keeping.write(folder / "kept", held_out)
        keeping.keep(folder / "kept", Path(keep))
        say(f"   kept in {keep}", markup=False)

    say("[bold]2. A server:[/] real TensorFlow behind TF Serving's gRPC and REST")
    with Server({_MODEL: folder / "kept" / keeping.MODEL}) as server:
        say(f"   gRPC at {server.grpc_target}, REST at {server.rest_target}")
        with Client(server.grpc_target) as grpc, Client(server.rest_target) as rest:
            grpc.wait_until_ready(_MODEL)

            say("[bold]3. What it wants,[/] as the server describes it (GetModelMetadata)")
            for name, signature in grpc.metadata(_MODEL).signatures.items():
                ways = (signature.inputs, signature.outputs)
                shown = (", ".join(f"{n} {spec}" for n, spec in w.items()) for w in ways)
                say(f"   {name}: {' -> '.join(shown)}", markup=False)

            say(f"[bold]4. Predictions[/] for {len(held_out.truth)} scans held out from training")
            by_grpc = _predict(grpc, held_out, "gRPC", console)
            by_rest = _predict(rest, held_out, "REST", console)
        _draw(held_out, by_grpc, console)
        accuracies = [float((by == held_out.truth).mean()) for by in (by_grpc, by_rest)]
        say(f"   accuracy over gRPC {accuracies[0]:.4f}, over REST {accuracies[1]:.4f}")

        say("[bold]5. Typed clients,[/] generated from the live server and run on the first scan")
        digit = int(by_grpc[0])
        answers = clients.run_all(
            folder / "clients",
            model=_MODEL,
            grpc_target=server.grpc_target,
            rest_target=server.rest_target,
            scan=json.dumps(held_out.images[:1].tolist()),
            say=lambda text: say(f"   {text}", markup=False),
        )
    agreed = accuracies[0] == accuracies[1] and all(a == digit for a in answers.values())
    say("[bold green]All agree.[/]" if agreed else "[bold red]They do not agree.[/]")
    if keep is not None:
        say("[bold]Now you:[/] serve the model, and call it from another terminal")
        for command in _next_steps(Path(keep).absolute()):
            say(f"   {command}", markup=False)
    return agreed


def _next_steps(kept: Path) -> list[str]:
    """The commands that a user can paste into any folder."""
    model, picture = (shlex.quote(str(kept / name)) for name in (keeping.MODEL, keeping.PICTURE))
    ports = "--port=8500 --rest_api_port=8501"
    return [
        f"tfsclient serve --model_name={_MODEL} --model_base_path={model} {ports}",
        f"tfsclient predict localhost:8500 {_MODEL} --input images=@{picture}",
    ]


def _predict(client: Client, scans: digits.Scans, way: str, console: Console) -> Any:
    from rich.progress import track

    starts = range(0, len(scans.truth), _BATCH)
    found = [
        client.predict(_MODEL, scans.images[start : start + _BATCH])["digit"]
        for start in track(starts, f"   over {way}", console=console)
    ]
    return np.concatenate(found)


def _draw(scans: digits.Scans, found: Any, console: Console) -> None:
    """A few scans side by side, the first wrong one among them, with truth and prediction."""
    wrong = np.flatnonzero(found != scans.truth)[:1]
    chosen = [*range(_SHOWN - len(wrong)), *map(int, wrong)]
    shades = (scans.images[chosen] * (len(_SHADES) - 1) / 255).round().astype(int)
    for row in range(digits.SIZE):
        line = "   ".join("".join(_SHADES[s] * 2 for s in image[row]) for image in shades)
        console.print(f"   {line}", markup=False, soft_wrap=True)
    width = 2 * digits.SIZE
    labels = (f"is {scans.truth[i]}, read as {found[i]}".ljust(width) for i in chosen)
    console.print(f"   {'   '.join(labels)}", markup=False, soft_wrap=True)
