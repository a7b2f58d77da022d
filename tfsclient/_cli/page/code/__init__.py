"""The call that stands in the form as code, and clients as archives.

Python and curl stand alone.  The others call the client that the generator makes of the model, so
the generator names what they call.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from tfsclient._cli.page.code import go, java, js, python
from tfsclient._cli.page.forms import Filled
from tfsclient._cli.page.servers import Server
from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient._cli.page.calls import Done

__all__ = ["LANGUAGES", "archive", "clients", "test", "write"]

_MOST: Final = 1 << 20  # bytes of inputs that code spells out
_MOST_TESTED: Final = 10_000  # numbers that a test compares
_WHEN: Final = (1980, 1, 1, 0, 0, 0)  # the same archive for the same client


def _curl(server: Server, _: Model, __: Signature, filled: Filled) -> str:
    command = filled.request.to_curl(server.rest_guess)
    if server.rest_known:
        return command
    return f"# {server.rest_guess} is a guess: put your server's REST port there\n{command}"


_Writer = Callable[[Server, Model, Signature, Filled], str]
_WRITERS: Final[Mapping[str, _Writer]] = {
    "python": python.write,
    "curl": _curl,
    "go": go.write,
    "ts": js.write,
    "js": js.write,
    "java": java.write,
}
LANGUAGES: Final = {
    "python": "Python", "curl": "curl", "go": "Go", "ts": "TypeScript", "js": "JavaScript",
    "java": "Java",
}  # fmt: skip


def write(language: str, server: Server, model: Model, signature: Signature, filled: Filled) -> str:
    """The call as code.

    Raises:
        InvalidInput: the inputs are too large to be read as code, or this language's client cannot
            make the call.
        Unimplemented: curl, which speaks REST, cannot carry the inputs.
    """
    if language not in _WRITERS:
        raise InvalidInput(f"there is no code in {shown(language)}")
    if server.profile is not None and language != "python":
        raise InvalidInput(
            f"{LANGUAGES[language]} would call TF Serving, but {server.target} is {server.profile}",
            hint="the call in Python is the one that works there",
        )
    tensors = getattr(filled.request, "tensors", {})
    size = sum(tensor.array.nbytes for tensor in tensors.values())
    if size > _MOST:
        raise InvalidInput(
            f"inputs of {size:,} bytes are too large to be read as code",
            hint="try it with smaller inputs; the generated client has the whole call",
        )
    return _WRITERS[language](server, model, signature, filled)


def clients() -> list[str]:
    """The languages in which clients are generated."""
    from tfsclient_gen.generate import languages

    return list(languages())


def archive(model: Model, language: str) -> tuple[str, bytes]:
    """A generated client as a zip archive: its name, and its bytes.

    Raises:
        InvalidInput: there is no such language, or the client would be empty.
    """
    from tfsclient_gen.generate import generate, languages, refuse_empty
    from tfsclient_gen.names import snake
    from tfsclient_gen.target import Options

    if language not in languages():
        raise InvalidInput(f"there are no clients in {shown(language)}")
    refuse_empty(model, language, Options())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, text in generate(model, language).items():
            entry = zipfile.ZipInfo(path, _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.endswith(".sh") else 0o644) << 16
            packed.writestr(entry, text)
    return f"{snake(model.name, 'model')[:60]}-{language}.zip", file.getvalue()


def test(done: Done) -> str:
    """A call and its answer as a test for pytest.

    Raises:
        InvalidInput: the inputs or the answer are too large to be read as code.
    """
    if sum(array.size for array in done.answer.values()) > _MOST_TESTED:
        raise InvalidInput("the answer is too large to be written into a test")
    if done.signature.kind != "predict":
        raise InvalidInput("only calls of predict can be saved as a test")
    model = Model(done.asked.ref.name, None, {done.signature.name: done.signature})
    called = write("python", done.server, model, done.signature, done.filled)
    head, _, body = called.removesuffix("\nprint(out)").partition("\nclient = ")
    lines = [f"    {line}".rstrip() for line in f"client = {body}".splitlines()]
    for name, array in done.answer.items():
        compare = "assert_allclose" if array.dtype.kind in "fcV" else "assert_array_equal"
        more = ", rtol=1e-5, atol=1e-6" if compare == "assert_allclose" else ""
        write_array = python.strings if array.dtype.kind in "OSU" else python.array
        given = write_array(np.asarray(array), indent=4)
        lines.append(f"    np.testing.{compare}(out[{python.literal(name)}], {given}{more})")
    if "import numpy as np" not in head:
        first, blank, rest = head.partition("\nfrom tfsclient")
        head = (
            f"{first}\nimport numpy as np\n{blank}{rest}"
            if blank
            else f"import numpy as np\n\n{head}"
        )
    what = python.literal(done.asked.ref.name)
    return "\n".join([head.rstrip(), "", "", f"def test_call() -> None:  # of {what}", *lines, ""])
