"""Pages as a reader runs them: their blocks in order, in one shell and one Python."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why_not>[^\n]+) -->\n)?"
    r"```(?P<kind>\w+)(?: (?P<file>\S+\.\w+)| \w+)?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PRINTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)
_DONE = "-- the block is done --"
_ENDED = "-- the shell has ended --"  # said by itself: what it left in the background goes on
_PYTHON = f"""
import json, sys
scope = {{"__name__": "__main__"}}
sys.path.insert(0, "")
for line in open(0):
    exec(compile(json.loads(line), "the page", "exec"), scope)
    print({_DONE!r}, flush=True)
"""


class Block(NamedTuple):
    """A fenced block of a page; ``why_not`` is the comment that keeps it from being run.

    ``kind`` is its language, or the name of the file that it is to be put into.
    """

    kind: str
    text: str
    why_not: str | None


def blocks(text: str) -> list[Block]:
    return [Block(m["file"] or m["kind"], m["text"], m["why_not"]) for m in _BLOCK.finditer(text)]


class Program(NamedTuple):
    """What executes blocks: it prints a line of its own after each."""

    process: subprocess.Popen[str]
    errors: IO[str]

    @classmethod
    def start(cls, command: list[str], folder: Path, env: Mapping[str, str]) -> Program:
        errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), encoding="utf-8", start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        return cls(process, errors)

    def run(self, text: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()
        printed = ""
        for line in self.process.stdout:
            if line.strip() == _DONE:
                return printed
            if line.strip() == _ENDED:
                break
            printed += line
        self.errors.seek(0)
        raise AssertionError(f"{text}\n{printed}\n{self.errors.read()[-5000:]}")

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # what runs in the background, too
        self.process.communicate()
        self.errors.close()


@dataclass
class Reader:
    """Somebody who pastes a page's blocks into a shell, and those of Python into one interpreter.

    A block under the name of a file is put into that file, below the folder where the shell is.

    Attributes:
        folder: where the shell starts; Python starts where the shell is then.
        env: both their environments; its PATH has ``bash`` and ``python``.
        ports: what stands for the ports that the pages name.
    """

    folder: Path
    env: Mapping[str, str]
    ports: Mapping[str, str]
    _shell: Program | None = None
    _python: Program | None = None

    def read(self, page: list[Block]) -> Iterator[tuple[Block, str]]:
        """Run the blocks in order; yields each that ran and what it printed."""
        printed = ""
        for kind, text, why_not in page:
            for shown, real in self.ports.items():
                text = text.replace(shown, real)
            if why_not is not None:
                continue
            if "." in kind:
                written = f"cat > {kind} <<'-- end --'\n{text}-- end --"
                self.shell(f"mkdir -p {Path(kind).parent}\n{written}")
            elif kind == "text":
                assert printed.endswith(text)  # not an excerpt
            elif kind in ("sh", "python"):
                printed = self.shell(text) if kind == "sh" else self.python(text)
                assert promised(text) <= set(printed.splitlines())
                yield Block(kind, text, None), printed

    def shell(self, text: str) -> str:
        if self._shell is None:
            self._shell = Program.start(["bash", "-eu"], self.folder, self.env)
            text = f"trap \"echo '{_ENDED}'\" EXIT\n{text}"
        return self._shell.run(f"{{\n{text}\n}} < /dev/null\necho '{_DONE}'\n")

    def python(self, text: str) -> str:
        if self._python is None:
            python, here = self.shell("command -v python; pwd").splitlines()
            self._python = Program.start([python, "-c", _PYTHON], Path(here), self.env)
        return self._python.run(json.dumps(text) + "\n")

    def close(self) -> None:
        for program in (self._python, self._shell):
            if program is not None:
                program.end()


def promised(code: str) -> set[str]:
    """What ``print(...)  # this`` says that it prints."""
    return set(_PRINTED.findall(code))
