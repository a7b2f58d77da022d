"""Who may ask: what attacked local pages of other projects is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.conftest import BASE, TOKEN, Api

LARGE = (64 << 20) + 1
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def anyone(api: Api) -> Any:
    """A client that knows no token."""
    from starlette.testclient import TestClient

    return TestClient(api.client.app, base_url=BASE)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "localhost.evil", "", "[::1",
     "127.0.0.1@evil.example", "0.0.0.0", "10.0.0.1", "localhost:8600:1", "a b"],
)  # fmt: skip
def test_another_host_is_refused(anyone: Any, host: str) -> None:
    headers = {"host": host, "x-tfsclient-token": TOKEN}
    assert anyone.get("/api/start", headers=headers).status_code == 403
    assert anyone.get(f"/?token={TOKEN}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9999", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:8", "[::1]:8600"]
)
def test_this_machine_is_served_by_any_of_its_names_and_through_a_tunnel(
    anyone: Any, host: str
) -> None:
    headers = {"host": host, "x-tfsclient-token": TOKEN, "origin": f"http://{host}"}
    assert anyone.get("/api/start", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8601", "http://localhost:8600", ""]
)
def test_another_page_is_refused(api: Api, origin: str) -> None:
    answer = api.client.get("/api/start", headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert api.post("call", {}, origin=origin).status_code == 403


def test_what_another_site_embeds_is_refused(api: Api) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert api.client.get("/app.js", headers=headers).status_code == 403


def test_without_the_token_nothing_is_told(anyone: Any) -> None:
    for path in ("/", "/?token=wrong", "/app.js", "/index.html", "/nothing"):
        answer = anyone.get(path)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert TOKEN not in answer.text
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "x", "\xe9"):
        given = {"x-tfsclient-token": token.encode("latin-1")}
        assert anyone.get("/api/start", headers=given).status_code == 401
        assert anyone.get("/api/calls", headers=given).status_code == 401


def test_the_cookie_opens_the_page_but_calls_nothing(anyone: Any) -> None:
    opened = anyone.get(f"/?token={TOKEN}")
    assert opened.status_code == 200
    cookie = opened.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert anyone.get("/").status_code == 200
    assert anyone.get("/api/start").status_code == 401


@pytest.mark.parametrize("kind", [*FORM.values(), "text/plain", "multipart/form-data", ""])
def test_forms_of_other_pages_are_refused(api: Api, kind: str) -> None:
    answer = api.client.post("/api/call", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415
    assert api.client.post("/", content=b"a=1", headers={"content-type": kind}).status_code == 405


def test_requests_are_bounded(api: Api) -> None:
    kind = {"content-type": "application/json"}
    told = api.client.post(
        "/api/call", content=b"{}", headers={**kind, "content-length": str(LARGE)}
    )
    assert told.status_code == 413

    def chunks() -> Any:
        for _ in range(65):
            yield b" " * (1 << 20)

    untold = api.client.post("/api/call", content=chunks(), headers=kind)
    assert untold.status_code == 413
    assert "64 MiB" in untold.json()["error"]["details"]


def test_every_answer_is_strict(api: Api, anyone: Any) -> None:
    for answer in (
        api.get("start"), api.get("nothing"), anyone.get("/"), anyone.get(f"/?token={TOKEN}"),
    ):  # fmt: skip
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"


def test_no_path_leads_out_of_the_page(api: Api) -> None:
    for path in ("/../page.py", "/%2e%2e/page.py", "/..%2fpage.py", "//etc/passwd"):
        assert api.client.get(path).status_code in (401, 403, 404)
