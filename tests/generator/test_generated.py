"""generated/ is what the generator writes today, and the demo's schema is what it exports."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tfsclient_gen.cli import main

from tests.conftest import missing
from tfsclient import InvalidInput, Model, sources
from tfsclient.schema import to_json

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "generated"


def test_checked_in_clients_are_up_to_date() -> None:
    config = str(GENERATED / "tfsclient-gen.toml")
    stale = CliRunner().invoke(main, ["build", "--config", config, "--check"])
    assert stale.exit_code == 0, f"run `make regen` and read the diff: {stale.output}"


def test_a_lock_file_is_a_source() -> None:
    locks = sorted(GENERATED.rglob("*.lock.json"))
    assert len(locks) >= 12
    for lock in locks:
        models = [model.name for model in sources.all_from_file(lock)]
        assert set(models) <= {"bert", "digits", "estimator", "signatures_tf2"}
        for name in models:
            assert sources.from_file(lock, name).name == name
        if len(models) > 1:
            with pytest.raises(InvalidInput, match="name one of its models"):
                sources.from_file(lock)


def test_the_demo_exports_the_model_that_its_schema_tells(tmp_path: Path) -> None:
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits

    held_out = digits.build(tmp_path / "digits" / "1")
    assert len(held_out.truth) >= 300
    exported: Model = sources.from_saved_model(tmp_path / "digits")
    schema = (ROOT / "tests" / "demo" / "digits.schema.json").read_bytes()
    assert to_json(exported, version=False) == schema
