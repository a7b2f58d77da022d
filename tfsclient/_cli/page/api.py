"""The page's JSON API, and the files that the page is made of.

    GET  start                                           servers, models, languages
    POST status        {target, model}                   the versions' states
    POST model         {target, model, version, label}   signatures, fields, samples
    POST check | call  a form                            refusals; the answer
    POST code          a form, language                  the call as code
    POST zip           {target, model, language}         a generated client
    POST sweep         a form, change                    what-if
    POST compare       {left, right}                     two of the last calls
    GET  calls, calls/ID                                 the last calls, and one to fill in again
    GET  calls/ID/answer.json|npz|npy|csv|jsonl          an answer as a file
    GET  calls/ID/outputs/N?start=                       more of its values; as=floats to draw them
    POST warmup        {ids}                             these calls as a warm-up file
    GET  calls/ID/test.py                                a call as a test

A refusal is 422, an error of the server 502; both are {"error": {...}}.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tfsclient import warmup
from tfsclient._cli.main import typed
from tfsclient._cli.page import answers, code, sweep
from tfsclient._cli.page.calls import Asked, Calls, Done, read_ref
from tfsclient._cli.page.describe import describe
from tfsclient._cli.page.forms import Refusal
from tfsclient._cli.page.guard import Guard, Refused
from tfsclient._cli.page.servers import Servers
from tfsclient.errors import InvalidInput, MissingExtra, TFSError
from tfsclient.schema import Model

T = TypeVar("T")
_Handler = Callable[[Request], Awaitable[Response]]

_GONE: Final = 499
_LONGEST: Final = 10_000  # characters of an error, which a server may make as long as it likes


def make_app(servers: Servers, token: str, hosts: tuple[str, ...] = ()) -> Guard:
    """The page as an ASGI application.

    Args:
        servers: what it may call.
        token: who knows it may use the page.
        hosts: names that it is reached by, besides loopback's.
    """
    api = _Api(servers)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await servers.close()

    post, get = ["POST"], ["GET"]
    routes = [
        Route("/start", _answering(api.start), methods=get),
        Route("/status", _answering(api.status), methods=post),
        Route("/model", _answering(api.model), methods=post),
        Route("/check", _answering(api.check), methods=post),
        Route("/call", _answering(api.call), methods=post),
        Route("/code", _answering(api.code), methods=post),
        Route("/zip", _answering(api.zip), methods=post),
        Route("/sweep", _answering(api.sweep), methods=post),
        Route("/compare", _answering(api.compare), methods=post),
        Route("/warmup", _answering(api.warmup), methods=post),
        Route("/calls", _answering(api.last), methods=get),
        Route("/calls/{id:int}", _answering(api.one), methods=get),
        Route("/calls/{id:int}/answer.{kind}", _answering(api.file), methods=get),
        Route("/calls/{id:int}/test.py", _answering(api.test), methods=get),
        Route("/calls/{id:int}/outputs/{output:int}", _answering(api.values), methods=get),
        Route("/{rest:path}", _answering(_nothing), methods=[*get, *post]),
    ]
    folder = str(resources.files("tfsclient._cli.page") / "static")
    app = Starlette(
        routes=[
            Mount("/api", routes=routes),
            Mount("/", StaticFiles(directory=folder, html=True)),
        ],
        lifespan=lifespan,
    )
    return Guard(app, token, hosts)


class _Api:
    """What the routes do."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._calls = Calls(servers)

    async def start(self, _: Request) -> Response:
        targets = [
            {"target": one.target, "rest": one.rest_guess, "rest_known": one.rest_known}
            for one in self._servers.all
        ]
        models = list(dict.fromkeys(self._servers.models()))
        return _json(
            {
                "targets": targets,
                "models": models,
                "code": list(code.LANGUAGES),
                "clients": code.clients(),
                "files": answers.KINDS,
            }
        )

    async def status(self, request: Request) -> Response:
        number, ref = read_ref(await _read(request))
        client = self._servers.at(number).client
        versions = await _while_wanted(request, client.status(ref.name))
        rows = [
            {
                "version": answers.number(one.version),
                "state": str(one.state),
                "error_code": None if one.error_code is None else str(one.error_code),
                "error_message": one.error_message[:_LONGEST],
            }
            for one in versions
        ]
        return _json({"versions": rows})

    async def model(self, request: Request) -> Response:
        number, ref = read_ref(await _read(request))
        model = await _while_wanted(request, self._servers.model(number, ref, fresh=True))
        return _json(await to_thread.run_sync(self._described, model))

    def _described(self, model: Model) -> Any:
        return describe(model, self._servers.base64(model.name))

    async def check(self, request: Request) -> Response:
        asked = Asked.read(await _read(request))
        await _while_wanted(request, self._calls.fill(asked))
        return _json({"fits": True})

    async def call(self, request: Request) -> Response:
        body = await request.body()
        form = await to_thread.run_sync(_parse, body)
        asked = Asked.read(form)
        done = await _while_wanted(request, self._calls.call(asked, form, len(body)))
        outputs = await to_thread.run_sync(answers.shown, done.answer, done.signature)
        return _json({**done.summary(), "outputs": outputs, "pairs": done.pairs, **_sizes(done)})

    async def code(self, request: Request) -> Response:
        form = await _read(request)
        asked = Asked.read(form)
        signature, filled = await _while_wanted(request, self._calls.fill(asked))
        model = await self._servers.model(asked.number, asked.ref)
        server = self._servers.at(asked.number)
        written = await to_thread.run_sync(
            code.write, str(form.get("language")), server, model, signature, filled
        )
        return _json({"text": written})

    async def zip(self, request: Request) -> Response:
        form = await _read(request)
        number, ref = read_ref(form)
        model = await _while_wanted(request, self._servers.model(number, ref))
        language = str(form.get("language"))
        name, data = await to_thread.run_sync(code.archive, model, language)
        return _file(data, name)

    async def sweep(self, request: Request) -> Response:
        form = await _read(request)
        moving = sweep.sweep(self._calls, Asked.read(form), form.get("change"))
        return _json(await _while_wanted(request, moving))

    async def compare(self, request: Request) -> Response:
        form = await _read(request)
        left, right = (self._calls.get(_id(form.get(side))) for side in ("left", "right"))
        rows = await to_thread.run_sync(answers.compare, left.answer, right.answer)
        return _json({"outputs": rows})

    async def warmup(self, request: Request) -> Response:
        ids = (await _read(request)).get("ids")
        if not isinstance(ids, list) or not ids:
            raise InvalidInput("choose the calls to save")
        requests = [self._calls.get(_id(one)).request for one in ids]

        def write() -> bytes:
            with tempfile.TemporaryDirectory() as folder:
                warmup.write(folder, requests)
                return (Path(folder) / warmup.FILE).read_bytes()

        return _file(await to_thread.run_sync(write), warmup.FILE.name)

    async def last(self, _: Request) -> Response:
        return _json({"calls": self._calls.last()})

    async def one(self, request: Request) -> Response:
        done = self._done(request)
        if done.form is None:
            raise InvalidInput("its inputs were too large to be kept for another call")
        return _json({"form": done.form})

    async def file(self, request: Request) -> Response:
        done, kind = self._done(request), request.path_params["kind"]
        data = await to_thread.run_sync(answers.as_file, done.answer, done.signature, kind)
        return _file(data, f"answer.{kind}")

    async def test(self, request: Request) -> Response:
        done = self._done(request)
        text = await to_thread.run_sync(code.test, done)
        return _file(text.encode(), "test_call.py")

    async def values(self, request: Request) -> Response:
        done, number = self._done(request), request.path_params["output"]
        arrays = list(done.answer.values())
        if number >= len(arrays):
            raise InvalidInput(f"the answer has no output {number}")
        if request.query_params.get("as") == "floats":
            data = await to_thread.run_sync(answers.floats, arrays[number])
            return Response(data, media_type="application/octet-stream")
        start = request.query_params.get("start", "0")
        if not start.isdecimal() or len(start) > 15:
            raise InvalidInput("start must be a number")
        return _json({"values": answers.page(arrays[number], int(start))})

    def _done(self, request: Request) -> Done:
        return self._calls.get(request.path_params["id"])


def _id(value: object) -> int:
    if type(value) is not int:
        raise InvalidInput("a call is named by its number")
    return value


def _sizes(done: Done) -> dict[str, Any]:
    return {"sent": done.sizes["sent"], "received": done.sizes["received"]}


async def _nothing(_: Request) -> Response:
    raise InvalidInput("there is nothing here")


def _json(data: Any) -> Response:
    return Response(orjson.dumps(data), media_type="application/json")


def _file(data: bytes, name: str) -> Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{plain}"'},
    )


def _parse(body: bytes) -> Any:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the request is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidInput("a request must be an object")
    return data


async def _read(request: Request) -> Any:
    return await to_thread.run_sync(_parse, await request.body())


async def _while_wanted(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to; it is cancelled when the page stops waiting for it."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, left = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for one in (task, left):
            one.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await left


def _answering(handler: Callable[[Request], Awaitable[Response]]) -> _Handler:
    """The handler, with errors as answers."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Refused as refused:
            return _error(refused.status, {"code": None, "details": refused.why, "hint": None})
        except Refusal as error:
            return _error(422, {**_about(error), "fields": error.fields})
        except (InvalidInput, MissingExtra) as error:
            return _error(422, _about(error))
        except TFSError as error:
            return _error(502, _about(error))

    return answer


def _about(error: TFSError) -> dict[str, Any]:
    return {
        "code": None if error.code is None else str(error.code),
        "kind": type(error).__name__,
        "details": (error.details or type(error).__name__)[:_LONGEST],
        "hint": typed(error.hint),
    }


def _error(status: int, about: dict[str, Any]) -> Response:
    return Response(
        orjson.dumps({"error": about}), status_code=status, media_type="application/json"
    )
