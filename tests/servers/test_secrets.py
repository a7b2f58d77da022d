"""What authenticates a call is not shown, and goes to nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.servers.conftest import HALF
from tfsclient import Client, InvalidInput, TFSError, Unauthenticated

SECRET = "s3cret"


def refused(call: Any, reason: str, kind: type[TFSError] = InvalidInput) -> None:
    with pytest.raises(kind, match=reason) as error:
        call()
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("target", ["http://localhost:1", "localhost:1"])
@pytest.mark.parametrize(
    "given", [f"Bearer {SECRET}", [("authorization", SECRET)], {f"Bearer {SECRET}": "x"}, None]
)
def test_errors_do_not_show_what_was_given_instead_of_headers(target: str, given: Any) -> None:
    with Client(target, auth=lambda _: given, schemas={"half": HALF}) as client:
        refused(lambda: client.predict("half", [1.0]), "what auth returns")
    if given is None:
        return
    with Client(target, schemas={"half": HALF}) as client:
        refused(lambda: client.predict("half", [1.0], headers=given), "^headers")
    refused(lambda: Client(target, headers=given), "^headers")


def test_errors_do_not_show_what_was_given_instead_of_a_profile() -> None:
    profile: Any = ("user", SECRET)
    refused(lambda: Client("http://localhost:1", profile=profile), "name of one")


def test_errors_do_not_show_what_a_token_function_raises() -> None:
    def token() -> str:
        values: Mapping[str, str] = {}
        return values[SECRET]

    with Client("http://localhost:1", token=token) as client:
        refused(lambda: client.status("m"), "the token function raised KeyError", Unauthenticated)
