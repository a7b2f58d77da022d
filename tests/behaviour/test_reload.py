"""Which models are served, changed while serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ZOO, eventually, missing
from tfsclient import (
    Client,
    InvalidInput,
    ModelConfig,
    NotFound,
    ServerConfig,
    TFSError,
    Unimplemented,
)
from tfsclient.model_config import plan_reload, read_config

LINEAR, HALF = str(ZOO / "linear"), str(ZOO / "half_plus_two")


@pytest.fixture
def server() -> Iterator[tuple[str, str]]:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    from tfsclient.server.app import Server

    with Server({"linear": LINEAR}) as running:
        yield running.grpc_target, running.rest_target


def test_a_change_is_merged_into_what_runs(server: tuple[str, str]) -> None:
    running = {"linear": LINEAR}
    change = {"half": {"base_path": HALF, "versions": "all"}}
    with Client(server[0]) as client:
        expected = [f"+ half: {HALF}"]
        assert client.reload_config(change, running=running, dry_run=True) == expected
        with pytest.raises(NotFound):
            client.predict("half", [[1.0]])
        assert client.reload_config(change, running=running) == expected
        client.wait_until_ready("half", version=1)  # a reload waits for one version only
        assert client.model("half", version=1).predict([[1.0]]).only() == [[2.5]]
        assert client.predict("linear", [2.0]).only() == [4.5]
        with pytest.raises(TFSError):
            client.reload_config({"half": "relative/path"})


def test_rest_cannot_reload(server: tuple[str, str]) -> None:
    with Client(server[1]) as client, pytest.raises(Unimplemented):
        client.reload_config({"linear": LINEAR})


def test_all_sources_say_the_same(tmp_path: Path) -> None:
    config = ServerConfig(
        {
            "a": ModelConfig("a", "/m/a", versions=(1, 2), labels={"stable": 1}),
            "b": ModelConfig("b", "/m/b", latest=3),
            "c": ModelConfig("c", "/m/c", versions="all"),
        }
    )
    path = tmp_path / "models.config"
    path.write_text(config.to_text(), "utf-8")
    as_dict = {
        "a": {"base_path": "/m/a", "versions": [1, 2], "labels": {"stable": 1}},
        "b": {"base_path": "/m/b", "latest": 3},
        "c": {"base_path": "/m/c", "versions": "all"},
    }
    for source in (config, as_dict, config.to_text(), path, str(path), config.to_message()):
        assert read_config(source) == config


@pytest.mark.parametrize(
    "source", [{"m": {"path": "/m"}}, {"m": 3}, "model_config_list {", "/no/such/file", {"": "/m"}]
)
def test_what_is_no_configuration_is_refused(source: object) -> None:
    with pytest.raises(InvalidInput):
        read_config(source)


def test_the_difference_is_told_line_by_line() -> None:
    before = ServerConfig({"a": ModelConfig("a", "/a"), "b": ModelConfig("b", "/b")})
    after = ServerConfig({"b": ModelConfig("b", "/b2"), "c": ModelConfig("c", "/c")})
    assert before.difference(after) == ["- a: unloaded", "~ b: base_path '/b' -> '/b2'", "+ c: /c"]


# What travels with a message, though it has no attribute here: logging_config is among its fields,
# and 0xf8 0x06 0x01 is a field that no version of the message has.
LOGGED = """model_config_list { config {
  name: "a" base_path: "/a" model_platform: "tensorflow"
  model_version_policy { latest {} }
  logging_config { sampling_config { sampling_rate: 0.5 } }
} config { name: "b" base_path: "/b" model_type: TENSORFLOW } }"""
UNKNOWN = b"\xf8\x06\x01"


def serialized(config: ServerConfig) -> bytes:
    data: bytes = config.to_message().SerializeToString(deterministic=True)
    return data


def test_nothing_that_was_read_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text(LOGGED)
    message = read_config(LOGGED).to_message()
    message.model_config_list.config[0].MergeFromString(UNKNOWN)
    message.MergeFromString(UNKNOWN)
    data = message.SerializeToString(deterministic=True)
    assert data.count(UNKNOWN) == 2
    assert serialized(read_config(path)) == serialized(read_config(LOGGED))
    for source in (message, data):
        assert serialized(read_config(source)) == data


def test_a_model_changes_in_place() -> None:
    changes = {"a": {"base_path": "/new", "latest": 3}}
    wanted, lines = plan_reload(changes, LOGGED)
    assert lines == ["~ a: base_path '/a' -> '/new', latest None -> 3"]
    (a, b) = wanted.to_message().model_config_list.config
    assert (a.base_path, a.model_version_policy.latest.num_versions) == ("/new", 3)
    assert a.logging_config.sampling_config.sampling_rate == 0.5
    assert (b.model_type, b.model_platform) == (1, "")  # servers refuse both together
    whole = 'model_config_list { config { name: "a" base_path: "/a" } }'
    assert plan_reload(whole, LOGGED)[1] == ["~ a: logging_config is dropped"]


def refuses(client: Any) -> bool:
    try:
        client.predict("linear", [2.0])
    except NotFound:
        return True
    return False


@pytest.mark.parametrize("source", ["", "custom_model_config {}", b"", "empty.config", {}])
def test_only_an_explicit_empty_list_unloads_all(
    server: tuple[str, str], tmp_path: Path, source: object, make_client: Callable[..., Any]
) -> None:
    if source == "empty.config":
        source = tmp_path / source
        source.write_text("# nothing\n")
    with make_client(server[0]) as client:
        with pytest.raises(InvalidInput, match=r"no model_config_list|empty dict|empty text"):
            client.reload_config(source)
        assert client.predict("linear", [2.0]).only() == [4.5]
        assert client.reload_config("model_config_list {}") == []
        eventually(partial(refuses, client))  # a reload does not wait for what it unloads
