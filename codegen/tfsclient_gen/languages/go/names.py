"""Identifiers of Go: which are taken, and how its initialisms are spelled."""

from __future__ import annotations

import re
from typing import Final

from tfsclient_gen.names import camel, pascal

# Methods of the client, and those by which interfaces are known: go vet wants the standard ones to
# be as their interfaces declare them, and fmt calls a String, Format or Error.
METHODS: Final = frozenset(
    """
    Close Metadata MultiInference Status WaitUntilReady
    As Is Unwrap Error String GoString Format Scan
    AppendBinary AppendText GobDecode GobEncode MarshalBinary MarshalJSON MarshalText MarshalXML
    MarshalXMLAttr UnmarshalBinary UnmarshalJSON UnmarshalText UnmarshalXML UnmarshalXMLAttr
    Flush Read ReadAt ReadByte ReadFrom ReadRune Seek UnreadByte UnreadRune Value
    Write WriteAt WriteByte WriteString WriteTo
    """.split()
)
OUTPUT_FIELDS: Final = frozenset({"Version"})  # beside the tensors
EXAMPLE_METHODS: Final = frozenset({"Features", "MarshalBinary"})

# As golint and staticcheck want them.
_INITIALISMS: Final = frozenset(
    """
    ACL API ASCII CPU CSS DB DNS EOF GID GPU GUID HTML HTTP HTTPS ID IP JPEG JSON PNG QPS RAM RPC
    RTP SIP SLA SMTP SQL SSH TCP TLS TS TTL UDP UI UID URI URL UUID VM XML XMPP XSRF XSS
    """.split()
)


def exported(wire: str, fallback: str) -> str:
    """The name of what other packages see."""
    return _with_initialisms(pascal(wire, fallback))


def unexported(wire: str, fallback: str) -> str:
    """The name of what stays in its package."""
    return _with_initialisms(camel(wire, fallback))


def _with_initialisms(ident: str) -> str:
    def spelled(word: re.Match[str]) -> str:
        upper = word[0].upper()
        if upper in _INITIALISMS:
            return upper
        plural = upper.endswith("S") and upper[:-1] in _INITIALISMS
        return f"{upper[:-1]}s" if plural else word[0]

    return re.sub(r"[A-Z][a-z]+", spelled, ident)
