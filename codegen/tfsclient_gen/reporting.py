"""What the commands write to disk and tell the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from tfsclient.errors import InvalidInput
from tfsclient.schema._reasons import EXPORTER_SIGNATURES
from tfsclient_gen.generate import Generated
from tfsclient_gen.output import Output, counted


def tell(text: str) -> None:
    """Say something on standard error."""
    click.echo(text, err=True)


def tell_of(where: str, generated: Generated, *, several: bool) -> None:
    """Say what the clients do not have, and which names are not the obvious ones.

    Args:
        where: the language, or the folder.
        generated: the clients.
        several: whether there are others there, so that models are named.
    """
    for model, gone in generated.left_out.items():
        of_model = f" of {model!r}" if several else ""
        for one in gone:
            if one.signature in EXPORTER_SIGNATURES:
                continue  # nearly every model has one, and nobody misses it
            for reason in (one.reason, *one.others):
                tell(f"{where}: signature {one.signature!r}{of_model} left out: {reason}")
    for note in generated.notes:
        tell(f"{where}: {note}")


def write(outputs: Sequence[Output]) -> None:
    """Write all files, or none if something is in the way, and say so.

    Raises:
        InvalidInput: something is in the way.
    """
    _refuse_collisions(outputs)
    for one in outputs:
        one.refuse_what_is_not_ours()
    for folder, each in _by_folder(outputs):
        written = []
        for one in each:
            done = one.write()
            written += done.written
            for path in done.removed:
                tell(f"removed {folder / path}")
            for path in done.kept:
                tell(f"kept {folder / path}: it is no longer generated, but it was edited")
        tell(f"wrote {counted(written)} to {folder}" if written else f"{folder} is up to date")


def _refuse_collisions(outputs: Sequence[Output]) -> None:
    """Check that no folder's file stands where another folder's file or directory is to be."""
    owners = {path: one.folder for one in outputs for path in one.paths()}
    for one in outputs:
        for path in one.paths():
            if owners[path] != one.folder:
                raise InvalidInput(f"{path} would be written for {owners[path]} and {one.folder}")
            for parent in path.parents:
                if parent in owners:
                    raise InvalidInput(
                        f"{parent} would be a file for {owners[parent]} and a directory for "
                        f"{one.folder}"
                    )


def is_fresh(outputs: Sequence[Output], *, diff: bool) -> bool:
    """Whether nothing would be written; names what is stale, and with ``diff`` shows it."""
    stale = [(one.folder / path, why) for one in outputs for path, why in one.stale().items()]
    for path, why in stale:
        click.echo(f"{path} {why}")
    if diff:
        click.echo("".join(one.diff() for one in outputs), nl=False)
    if any(why.startswith("exists") or "edited" in why for _, why in stale):
        tell(
            "tfsclient-gen does not overwrite files that it did not write or that were edited: "
            "move them first, then run the same command without --check"
        )
    elif stale:
        tell("run the same command without --check")
    return not stale


def _by_folder(outputs: Iterable[Output]) -> list[tuple[Path, list[Output]]]:
    folders: dict[Path, list[Output]] = {}
    for one in outputs:
        folders.setdefault(one.folder, []).append(one)
    return list(folders.items())
