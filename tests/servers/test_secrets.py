"""What authenticates a call is not shown, and goes to nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from tests.servers.conftest import HALF, Received
from tests.servers.test_profiles import Start, halves
from tfsclient import AsyncClient, Client, InvalidInput, TFSError, Unauthenticated

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


def test_a_password_in_the_url_is_neither_logged_nor_in_the_way(
    recorder: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = recorder(halves)
    url = server.url.replace("//", f"//m%40e:{SECRET}@")
    options: dict[str, Any] = {"profile": "kserve-v1", "schemas": {"half": HALF}}
    with Client(url, **options) as client:
        client.predict("half", [1.0])
        client.predict("half", [1.0], headers={"authorization": "mine"})

    async def ask() -> None:
        async with AsyncClient(url, **options) as client:
            await client.predict("half", [1.0])

    asyncio.run(ask())
    basic = "Basic bUBlOnMzY3JldA=="
    sent = [one.headers["authorization"] for one in server.requests]
    assert sent == [basic, "mine", basic]
    assert SECRET not in caplog.text
    more: list[dict[str, Any]] = [
        {"token": "t"}, {"auth": ("a", "b")}, {"headers": {"Authorization": "x"}},
    ]  # fmt: skip
    for one in more:
        refused(lambda one=one: Client(url, **one), "has a user's name and password")


def test_a_token_is_used_before_a_header_of_the_client(recorder: Start) -> None:
    def answer(_: Received) -> tuple[int, bytes]:
        return 401, b"no"

    server = recorder(answer)
    for profile in ("pai-eas", "kserve-v1"):
        headers = {"Authorization": "old"}
        with Client(server.url, profile=profile, token="new", headers=headers) as client:
            for own in (None, {"authorization": "own"}):
                with pytest.raises(Unauthenticated):
                    client.status("m", headers=own)
    sent = [one.headers["authorization"] for one in server.requests]
    assert sent == ["new", "own", "Bearer new", "own"]


def test_auth_is_no_coroutine() -> None:
    async def auth(_: object) -> dict[str, str]:
        return {}

    refused(lambda: Client("http://localhost:1", auth=auth), "without async")
