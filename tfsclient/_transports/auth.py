"""Ways to authenticate a request that do not need a library."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Outgoing


def basic(user: str, password: str) -> str:
    """The value of the authorization header for a user's name and password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Basic:
    """A user's name and password, as HTTP has them since its beginnings.

    Args:
        user: the name.
        password: the password.
    """

    def __init__(self, user: str, password: str) -> None:
        self._headers = {"authorization": basic(user, password)}

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """The header that holds them."""
        del outgoing
        return self._headers
