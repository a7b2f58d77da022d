"""Version folders: which names of folders are versions of a model to TF Serving."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,4000}\s*", re.ASCII)
_INT64 = range(-(1 << 63), 1 << 63)


def version_number(name: str) -> int | None:
    """The version that a folder of this name is; None if it is not one.

    As TF Serving reads them: any int64, with a sign, leading zeros and blanks around it, so that
    "00123" is version 123.
    """
    if not _INTEGER.fullmatch(name):
        return None
    number = int(name)
    return number if number in _INT64 else None
