"""Generated JavaScript in a browser."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.conftest import ZOO

# One pixel, 100, 150 and 200 of red, green and blue.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNImXYCAAMkAcMgVWSjAAAAAElFTkSuQmCC"
)

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that lets browsers in."""
    from tfsclient.server.app import Options as ServerOptions
    from tfsclient.server.app import Server
    from tfsclient.server.models.config import read_config

    path = tmp_path_factory.mktemp("open") / "models.config"
    base = json.dumps(str(ZOO / "half_plus_two"))
    path.write_text(
        f'model_config_list {{ config {{ name: "half_plus_two" base_path: {base} '
        'model_platform: "tensorflow" } }'
    )
    options = ServerOptions(rest_api_enable_cors_support=True, file_system_poll_wait_seconds=0)
    with Server(read_config(str(path)), options) as server:
        yield server.rest_target


@pytest.fixture
def site(generated: Path) -> Iterator[str]:
    """The URL of a web server with the JavaScript clients."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Quiet, directory=str(generated / "js"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_browser_calls_a_real_server(generated: Path, open_server: str, site: str) -> None:
    source = f"""<!DOCTYPE html><pre></pre><script type="module">
    import {{ HalfPlusTwoClient }} from "./half_plus_two.js";
    import {{ pixelsOf }} from "./mlp.js";
    const client = new HalfPlusTwoClient("{open_server}", {{ verify: true }});
    const {{ y }} = await client.servingDefault({{ x: [[2], [NaN]] }});
    const other = new HalfPlusTwoClient("{open_server}", {{ model: "m" }});
    const error = await other.servingDefault({{ x: [[2]] }}).catch((error) => error);
    const picture = await (await fetch("picture.png")).blob();
    const pixels = await pixelsOf(picture, {{ resize: "pad" }});
    const {{ data, width, height, resize }} = pixels;
    const broken = await pixelsOf(new Blob(["x"])).catch((error) => error);
    const seen = `${{width}}x${{height}} ${{data.join("")}} ${{resize}} ${{broken.code}}`;
    document.querySelector("pre").textContent = `${{y.data}} ${{error.code}} ${{seen}}`;
    </script>"""
    (generated / "js" / "page.html").write_text(source, "utf-8")
    (generated / "js" / "picture.png").write_bytes(PNG)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{site}/page.html")
        shown = page.locator("pre:not(:empty)").text_content(timeout=60_000)
    assert shown == "4,NaN NOT_FOUND 1x1 100150200255 pad INVALID_ARGUMENT"
