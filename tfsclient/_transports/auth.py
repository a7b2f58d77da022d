"""Ways to authenticate a request that do not need a library."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from tfsclient._calls.profiles.profile import Outgoing


class Basic:
    """A user's name and password, as HTTP has them since its beginnings.

    Args:
        user: the name.
        password: the password.
    """

    def __init__(self, user: str, password: str) -> None:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {pair}"}

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """The header that holds them."""
        del outgoing
        return self._headers
