"""generated/ is what the generator writes today, and the demo's schema is what it exports."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.conftest import missing
from tfsclient import Model, sources
from tfsclient.schema import to_json

ROOT = Path(__file__).parents[2]


def regen() -> object:
    spec = importlib.util.spec_from_file_location("regen", ROOT / "codegen" / "dev" / "regen.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_checked_in_clients_are_up_to_date() -> None:
    stale = [output.folder for output in regen().outputs() if output.diff()]  # type: ignore[attr-defined]
    assert not stale, "run `make regen` and read the diff"


def test_a_lock_file_is_a_source() -> None:
    generated = ROOT / "generated"
    locks = sorted(generated.rglob("*.lock.json"))
    assert len(locks) == len(list(regen().outputs())) == 30  # type: ignore[attr-defined]
    for lock in locks:
        assert sources.from_file(lock).name == lock.relative_to(generated).parts[0]


def test_the_demo_exports_the_model_that_its_schema_tells(tmp_path: Path) -> None:
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient.demo import digits

    held_out = digits.build(tmp_path / "digits" / "1")
    assert len(held_out.truth) >= 300
    exported: Model = sources.from_saved_model(tmp_path / "digits")
    schema = (ROOT / "tests" / "demo" / "digits.schema.json").read_bytes()
    assert to_json(exported, version=False) == schema
