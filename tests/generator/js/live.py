"""Calls of generated clients on real servers, over REST and gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import Zoo
from tests.generator.js.clients import node


def on_both(folder: Path, zoo: Zoo, model: str, calls: list[str], options: str = "{}") -> list[Any]:
    """What calls of a client, as JavaScript, give over REST; over gRPC they must give the same."""
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ ServingError, ...clients }} = await import(`${{process.cwd()}}/{model}.js`);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {{
      const [Client] = Object.values(clients);
      const client = new Client(server, {options});
      {"".join(f"await showCall(async () => client.{call});" for call in calls)}
    }}
    connection.close();
    """
    shown = node(program, folder, {"rest": zoo.rest, "grpc": zoo.grpc})
    rest, grpc = shown[: len(calls)], shown[len(calls) :]
    for result in rest:
        if "httpStatus" in result:
            del result["httpStatus"]
    assert rest == grpc
    return rest


def over_grpc(folder: Path, zoo: Zoo, model: str, calls: list[str]) -> list[Any]:
    """What calls of a client give over gRPC, and then, over REST, as errors."""
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ ServingError, ...clients }} = await import(`${{process.cwd()}}/{model}.js`);
    const connection = connect(given.grpc);
    const [Client] = Object.values(clients);
    for (const server of [connection, given.rest]) {{
      const client = new Client(server, {{ verify: server === connection }});
      {"".join(f"await showCall(async () => client.{call});" for call in calls)}
    }}
    connection.close();
    """
    shown = node(program, folder, {"rest": zoo.rest, "grpc": zoo.grpc})
    grpc, rest = shown[: len(calls)], shown[len(calls) :]
    assert [error.get("code") for error in rest] == ["UNIMPLEMENTED"] * len(calls), rest
    assert all("over REST" in error["details"] for error in rest)
    return grpc
