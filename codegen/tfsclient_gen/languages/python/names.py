"""The names in a Python client, all those of one scope claimed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import Features, Model, Signature
from tfsclient_gen.languages.python.imports import IMPORTED
from tfsclient_gen.names import Name, claim, identifier, is_windows_device, pascal, snake

_LONGEST: Final = 48  # characters of a signature's name in the names of its classes

_KEYWORDS: Final = frozenset(
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield".split()
)
# Modules of the standard library, of Python 3.10 to 3.14, whatever Python runs the generator; and
# those that the generated code or its users have beside it.  One with such a name would stand in
# for it in the whole program.
_STANDARD: Final = frozenset(
    """
    abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit
    audioop base64 bdb binascii bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code
    codecs codeop collections colorsys compileall compression concurrent configparser contextlib
    contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib
    dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp
    fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob
    graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect
    io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap
    marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt
    ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle
    pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty
    pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib
    resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site
    smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse
    ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog
    tabnanny tarfile telnetlib tempfile termios test textwrap this threading time timeit tkinter
    token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing
    unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound
    wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
    """.split()
)
_BESIDE: Final = frozenset(
    """
    anyio certifi click google grpc h11 h2 hpack httpcore httpx hyperframe idna jinja2
    markupsafe ml_dtypes numpy orjson pandas pil polars protobuf pyarrow pytest sniffio
    tensorflow tests tfsclient tfsclient_gen typing_extensions
    """.split()
)
# What each scope of the template uses itself.
_MODULE: Final = _KEYWORDS | IMPORTED
_CLASS: Final = _KEYWORDS | frozenset("bool close float int list str tuple type".split())
_METHOD: Final = _KEYWORDS | frozenset(
    "answer check_dtypes given headers plain_examples self timeout without_none".split()
)
_RESULT: Final = _KEYWORDS | frozenset(["np", "npt"])
# What the method of a result with labels uses.
_LABELLED: Final = _RESULT | frozenset("float int list self str top tuple".split())
_EXAMPLE: Final = _RESULT | frozenset("bytes float int self str to_example".split())


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a module's classes, and of what it has for each signature.

    Attributes:
        client: the class of the client.
        async_client: the class of the client for asyncio.
        methods: the methods of both, by signature.
        constants: where the signatures are described.
        features: where the features of their Examples are described.
        results: the classes of their outputs.
        examples: the classes of their Examples.
    """

    client: Markup
    async_client: Markup
    methods: Mapping[str, Name]
    constants: Mapping[str, Name]
    features: Mapping[str, Name]
    results: Mapping[str, Name]
    examples: Mapping[str, Name]


def module_name(name: str) -> str:
    """The module of a client of this name: none that another module of that name hides."""
    name = snake(name, "model")[:64].rstrip("_")
    return str(identifier(f"{name}_model" if why_not_module(name) else name))


def why_not_module(name: str) -> str | None:
    """What another module of this name would hide, or why there can be none."""
    if name in _KEYWORDS:
        return "a word of the language"
    if name in _STANDARD:
        return "a module of Python's own"
    if name in _BESIDE:
        return "a package that may be installed beside it"
    return "a device on Windows" if is_windows_device(name) else None


def module_names(model: Model, name: str) -> Names:
    """The names in the module of a model's client, which is called ``name``."""
    client = pascal(name, "model")[:_LONGEST]
    client = identifier(f"{client}Client" if client in _MODULE else client)
    async_client = identifier(f"Async{client}")
    methods = claim(model.signatures, lambda w: snake(w, "signature"), _CLASS)
    own = {"_FEATURES", "_SIGNATURES"}
    constants = claim(methods, lambda w: f"_{methods[w].ident.upper()}", own)
    own |= {str(name.ident) for name in constants.values()}
    taken = {*_MODULE, str(client), str(async_client)}

    def classes(suffix: str) -> dict[str, Name]:
        def name(wire: str) -> str:
            return pascal(wire, "signature")[:_LONGEST] + suffix

        return claim(methods, name, taken, separator="")

    return Names(
        client=client,
        async_client=async_client,
        methods=methods,
        constants=constants,
        features=claim(methods, lambda w: f"_{methods[w].ident.upper()}_FEATURES", own),
        results=classes("Result"),
        examples=classes("Example"),
    )


def input_names(signature: Signature) -> dict[str, Name]:
    """The parameters of a method: an input each, or the examples alone."""
    if signature.kind == "predict":
        return claim(signature.inputs, lambda w: snake(w, "tensor"), _METHOD)
    return claim(signature.inputs, lambda _: "examples")


def output_names(signature: Signature) -> dict[str, Name]:
    """The fields of a result."""
    taken = _RESULT if signature.labels is None else _LABELLED
    return claim(signature.outputs, lambda w: snake(w, "tensor"), taken)


def feature_names(features: Features) -> dict[str, Name]:
    """The fields of an Example."""
    return claim(features, lambda w: snake(w, "feature"), _EXAMPLE)
