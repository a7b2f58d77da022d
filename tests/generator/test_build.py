"""`tfsclient-gen build`: several models, languages and folders from one file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tfsclient_gen import Options
from tfsclient_gen.cli import _made, main
from tfsclient_gen.generate import NothingToCall

from tests.conftest import ZOO, Zoo, tool
from tests.generator.go.clients import run
from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature, TensorSpec

DOWN = "127.0.0.1:9"  # where nothing listens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two models of its own and a configuration for them."""
    for name in ("linear", "bert"):
        shutil.copytree(ZOO / name, tmp_path / "models" / name)
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, models: str = "", outs: str = "") -> None:
    models = models or (
        '[models.linear]\nsaved_model = "models/linear"\n'
        '[models.bert]\nsaved_model = "models/bert"\n'
    )
    outs = outs or "".join(
        f'[[out]]\nlang = "{lang}"\ndir = "clients/{lang}"\n'
        for lang in ("python", "curl", "openapi")
    )
    (folder / "tfsclient-gen.toml").write_text(models + outs, "utf-8")


def build(folder: Path, *args: str) -> Result:
    config = folder / "tfsclient-gen.toml"
    seconds = "2" if DOWN in config.read_text("utf-8") else "30"
    command = ["build", "--config", str(config), "--timeout", seconds, *args]
    return CliRunner().invoke(main, command)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def test_all_models_are_built(folder: Path) -> None:
    assert build(folder).exit_code == 0
    assert contents(folder / "clients").keys() == {
        *(f"python/{model}.{end}" for model in ("bert", "linear") for end in ("py", "lock.json")),
        *(f"curl/{name}" for name in ("bert.sh", "linear.sh", "README.md", "tfsclient.lock.json")),
        *(f"openapi/{model}.openapi.json" for model in ("bert", "linear")),
        "openapi/tfsclient.lock.json",
    }
    before = contents(folder)
    again = build(folder)
    assert (again.exit_code, contents(folder)) == (0, before)
    assert again.output.count("is up to date") == 3
    assert build(folder, "--check").exit_code == 0


def test_what_changed_is_named_and_no_more_is_touched(folder: Path) -> None:
    build(folder)
    (folder / "clients/curl/notes.txt").write_text("mine")
    before = contents(folder / "clients")
    models = '[models.linear]\nsaved_model = "models/linear"\n'
    configure(folder, models + 'name = "Line"\n[models.bert]\nsaved_model = "models/bert"\n')
    check = build(folder, "--check", "--diff")
    assert check.exit_code == 1
    assert "curl/linear.sh is no longer generated" in check.output
    assert "python/line.py is missing" in check.output
    assert "+class Line(" in check.output
    assert "bert.py" not in check.output
    assert contents(folder / "clients") == before
    renamed = build(folder)
    assert renamed.exit_code == 0
    assert "removed" in renamed.output
    assert 'model: str = "linear"' in (folder / "clients/python/line.py").read_text()
    after = contents(folder / "clients")
    index = {"curl/README.md", "curl/tfsclient.lock.json", "openapi/tfsclient.lock.json"}
    assert changed(before, after) == index | {
        f"{lang}/{name}.{end}"
        for name in ("line", "linear")
        for lang, end in (
            ("python", "py"), ("python", "lock.json"), ("curl", "sh"), ("openapi", "openapi.json"),
        )
    }  # fmt: skip

    configure(folder, '[models.bert]\nsaved_model = "models/bert"\n')
    check = build(folder, "--check")
    assert (check.exit_code, "python/line.py is no longer generated" in check.output) == (1, True)
    assert "curl/tfsclient.lock.json is stale: linear is no longer requested\n" in check.output
    assert f"removed {folder / 'clients/curl/line.sh'}" in build(folder).output
    assert changed(after, contents(folder / "clients")) == index | {
        "python/line.py", "python/line.lock.json", "curl/line.sh", "openapi/line.openapi.json",
    }  # fmt: skip
    assert (folder / "clients/curl/notes.txt").read_text() == "mine"


def test_a_model_that_has_changed_is_named(folder: Path) -> None:
    build(folder)
    shutil.rmtree(folder / "models" / "linear")
    shutil.copytree(ZOO / "half_plus_two", folder / "models" / "linear")
    check = build(folder, "--check")
    assert check.exit_code == 1
    assert "curl/tfsclient.lock.json is stale: linear has changed\n" in check.output
    assert "curl/linear.sh is stale\n" in check.output
    assert "bert" not in check.output


def test_a_server_that_is_down_leaves_its_models_alone(folder: Path, zoo: Zoo) -> None:
    def at(server: str, more: str = "") -> str:
        models = f'[models.half_plus_two]\nserver = "{server}"\n{more}'
        return models + '[models.linear]\nsaved_model = "models/linear"\n'

    configure(folder, at(zoo.grpc))
    assert build(folder).exit_code == 0
    before = contents(folder / "clients")
    configure(folder, at(DOWN))
    down = build(folder)
    assert down.exit_code == 3
    assert "half_plus_two could not be read" in down.output
    assert contents(folder / "clients") == before
    # Its clients are made from the lock file, and are in the way as ever if they were edited.
    script = folder / "clients/curl/half_plus_two.sh"
    script.write_text("edited")
    configure(folder, at(DOWN, 'name = "half"\n') + '[models.bert]\nsaved_model = "models/bert"\n')
    check = build(folder, "--check")
    assert check.exit_code == 3
    assert "half_plus_two.sh was edited" in check.output
    assert "bert.sh is missing" in check.output
    assert build(folder).exit_code == 2
    script.unlink()
    assert build(folder).exit_code == 3
    assert script.read_bytes() == before["curl/half_plus_two.sh"]
    assert (folder / "clients/curl/bert.sh").is_file()
    lock = json.loads((folder / "clients/curl/tfsclient.lock.json").read_text())
    assert [model["model"] for model in lock["models"]] == ["bert", "half_plus_two", "linear"]
    # Another model cannot take the place of its client.
    taken = '[models.linear]\nsaved_model = "models/linear"\nname = "half_plus_two"\n'
    configure(folder, f'[models.half_plus_two]\nserver = "{DOWN}"\nname = "half"\n{taken}')
    refused = build(folder)
    assert (refused.exit_code, "could not be read" in refused.output) == (2, True)
    configure(folder, at(zoo.grpc) + '[models.bert]\nsaved_model = "models/bert"\n')
    assert build(folder).exit_code == 0
    two = "".join(f'[models.{name}]\nserver = "{DOWN}"\n' for name in "ab")
    configure(folder, two)
    assert "model 'a': 127.0.0.1:9" in build(folder).output
    assert "model 'b': 127.0.0.1:9" in build(folder).output
    configure(folder, '[models.gone]\nserver = "' + zoo.grpc + '"\n')
    refused = build(folder)
    assert (refused.exit_code, "gone could not be read" in refused.output) == (4, True)


def test_a_model_that_a_language_cannot_call(folder: Path) -> None:
    models = '[models.m]\nschema = "m.json"\n[models.linear]\nsaved_model = "models/linear"\n'
    sparse = {"dtype": "float32", "shape": None, "encoding": "coo_sparse"}
    dense = {"dtype": "float32", "shape": None}
    signature = {"method": "", "inputs": {"x": dense}, "outputs": {"y": sparse, "z": dense}}
    schema = {"format": 1, "model": "m", "signatures": {"s": signature}}
    (folder / "m.json").write_text(json.dumps(schema))
    configure(folder, models)
    assert "curl: m is left out: none of its signatures" in build(folder).output
    configure(folder, models, '[[out]]\nlang = "curl"\ndir = "c"\nmodels = ["m"]\n')
    refused = build(folder)
    assert (refused.exit_code, (folder / "c").exists()) == (2, False)


def test_clients_of_other_models_are_not_removed_by_a_command(folder: Path) -> None:
    build(folder)
    out = str(folder / "clients/curl")
    before = contents(folder)
    source = ("--lang", "curl", "--saved-model", str(ZOO / "simplest"), "--out", out)
    refused = CliRunner().invoke(main, source)
    assert refused.exit_code == 2
    assert "holds the curl clients of 'bert', 'linear'; give another --out, or name all" in (
        refused.output
    )
    lock = ("--lang", "curl", "--schema", f"{out}/tfsclient.lock.json", "--out", out)
    assert CliRunner().invoke(main, (*lock, "--model", "bert")).exit_code == 2
    assert contents(folder) == before
    assert CliRunner().invoke(main, (*lock, "--check")).exit_code == 0
    named = (*lock, "--model", "bert", "--model", "linear", "--check")
    assert CliRunner().invoke(main, named).exit_code == 0


def test_several_models_on_the_command_line(zoo: Zoo, tmp_path: Path) -> None:
    source = ("--server", zoo.grpc, "--model", "linear", "--model", "half_plus_two")
    curl = ("--lang", "curl", "--out", str(tmp_path))
    assert CliRunner().invoke(main, (*source, *curl)).exit_code == 0
    scripts = sorted(path.name for path in tmp_path.glob("*.sh"))
    assert scripts == ["half_plus_two.sh", "linear.sh"]
    lock = str(tmp_path / "tfsclient.lock.json")
    drift = CliRunner().invoke(main, ("drift", "--lock", lock, "--server", zoo.grpc))
    assert (drift.exit_code, drift.output) == (0, "no difference\n")
    other = ("drift", "--lock", lock, "--saved-model", str(ZOO / "bert"), "--model", "linear")
    told = CliRunner().invoke(main, other)
    assert (told.exit_code, "breaking:" in told.output) == (1, True)
    for bad, why in {
        (*source, "--name", "x"): "--name is for one model",
        (*source, "--version", "1"): "--version and --label are for one model",
        (*source, "--model", "linear"): "--model linear is given twice",
        ("--saved-model", "x", "--model", "a", "--model", "b"): "--saved-model holds one model",
    }.items():
        refused = CliRunner().invoke(main, (*bad, *curl))
        assert refused.exit_code == 2
        assert why in refused.output


ONE = '[models.m]\nserver = "a"\n'
OUT = ONE + '[[out]]\ndir = "a"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has no models"),
        ("[models.m]", "models.m has no source"),
        ('[models.""]', "models has a model without a name"),
        ("[models]\nm = 1", "models.m must be a table"),
        (ONE + 'schema = "b"', "models.m has server and schema"),
        (
            ONE + 'nam = "b"',
            "models.m.nam is not a key that tfsclient-gen knows; did you mean name?",
        ),
        (ONE + 'token = "b"', "models.m.token is not a key"),
        ("[models.m]\nserver = 1", "models.m.server must be text, not 1"),
        (ONE + 'tags = "b"', "models.m.tags can only be used with saved_model"),
        (ONE + "version = true", "models.m.version must be an integer"),
        (ONE, "it has no [[out]]"),
        (OUT, "out[0] has no lang"),
        (ONE + '[[out]]\nlang = "go"', "out[0] has no dir"),
        (OUT + 'lang = "go"\nmodels = ["n"]', "names 'n', which is not among [models]"),
        (OUT + 'lang = "ts"\nmodule = "n"', "out[0].module is for go only"),
        (OUT + 'lang = "go"\ngo_mod = false', "so it needs module"),
        (ONE + '[models.n]\nserver = "a"\nname = "m"', "models.m and models.n are both called 'm'"),
        (OUT + 'lang = "go"\n[[out]]\nlang = "js"\ndir="./a"', "out[0].dir and out[1].dir are one"),
        ("a = [", "Invalid value"),
    ],
)
def test_a_broken_file_is_told_by_file_and_key(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "tfsclient-gen.toml").write_text(text)
    refused = build(tmp_path)
    assert refused.exit_code == 2
    assert f"{tmp_path / 'tfsclient-gen.toml'}: " in refused.output
    assert told in refused.output


def test_a_folder_cannot_stand_where_a_file_of_another_goes(folder: Path) -> None:
    outs = '[[out]]\nlang = "curl"\ndir = "a"\n[[out]]\nlang = "python"\ndir = "a/linear.sh"\n'
    configure(folder, outs=outs)
    result = build(folder)
    assert result.exit_code == 2
    assert "linear.sh would be a file for" in result.output
    assert not (folder / "a").exists()


def test_drift_of_several_models_goes_on_where_one_cannot_be_asked(folder: Path, zoo: Zoo) -> None:
    models = "".join(f'[models.{n}]\nsaved_model = "models/{n}"\n' for n in ("linear", "bert"))
    configure(folder, models.replace("models.bert", "models.nobody"))
    build(folder)
    lock = str(folder / "clients" / "curl" / "tfsclient.lock.json")
    command = ["drift", "--lock", lock, "--server", zoo.grpc, "--timeout", "30"]
    result = CliRunner().invoke(main, [*command, "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (4, [])
    assert "model 'nobody'" in result.stderr
    by_folder = CliRunner().invoke(main, ["drift", "--lock", lock, "--saved-model", str(folder)])
    assert by_folder.exit_code == 2
    assert "holds 'linear', 'nobody': say by --model" in by_folder.output


def test_two_models_of_one_identifier(folder: Path) -> None:
    models = (
        '[models."a b"]\nsaved_model = "models/linear"\n[models.a_b]\nsaved_model = "models/bert"\n'
    )
    configure(folder, models)
    refused = build(folder)
    assert refused.exit_code == 2
    assert "the clients of 'a b' and 'a_b' would both be a_b.py" in refused.output
    assert not (folder / "clients").exists()
    # One after the other is a rename.
    configure(folder, models.partition("[models.a_b]")[0])
    assert build(folder).exit_code == 0
    configure(folder, '[models.a_b]\nsaved_model = "models/bert"\n')
    assert build(folder).exit_code == 0
    assert 'model: str = "a_b"' in (folder / "clients/python/a_b.py").read_text()


def thirty() -> str:
    """Every model of the zoo that can be read and called, and copies of one under other names."""
    names = sorted({path.name for path in ZOO.iterdir()} - {"broken", "wrong_tag"})
    tables = [f'[models.{name}]\nsaved_model = "{ZOO / name}"\n' for name in names]
    tables += [
        f'[models.copy_{i}]\nsaved_model = "{ZOO / "half_plus_two"}"\nname = "HalfPlus{i}"\n'
        for i in range(30 - len(names))
    ]
    return "".join(tables)


@pytest.mark.language("go")
def test_thirty_models_over_one_runtime(tmp_path: Path) -> None:
    out = '[[out]]\nlang = "go"\ndir = "go"\nmodule = "example.com/ml"\n'
    configure(tmp_path, thirty(), out)
    assert build(tmp_path).exit_code == 0
    folder = tmp_path / "go"
    assert len(list(folder.glob("*/client.go"))) == 30
    assert [path.parent.name for path in folder.rglob("conn.go")] == ["tfs"]
    others = {path.name for path in folder.iterdir() if path.is_file()}
    assert others == {"README.md", "go.mod", "go.sum", "tfsclient.lock.json"}
    run(tool("go"), "vet", "./...", cwd=folder)
    before = contents(folder)
    configure(tmp_path, thirty().replace('"HalfPlus0"', '"Half"'), out)
    check = build(tmp_path, "--check")
    assert check.exit_code == 1
    assert "half/client.go is missing" in check.output
    assert build(tmp_path).exit_code == 0
    own = {
        f"{name}/{file}"
        for name in ("half", "halfplus0")
        for file in ("client.go", "example_test.go", f"{name}test/{name}test.go")
    }
    assert changed(before, contents(folder)) == {*own, "README.md", "tfsclient.lock.json"}
    assert not (folder / "halfplus0").exists()


def test_all_languages_take_what_they_can_call() -> None:
    dense = TensorSpec("x", DType("float32"), (-1,))
    mixed = {"x": dense, "y": replace(dense, name="y", encoding="coo_sparse")}
    plain = Model("plain", None, {"s": Signature("s", {"x": dense}, {"x": dense})})
    odd = Model("odd", None, {"s": Signature("s", {"x": dense}, mixed)})
    made = _made([plain, odd], ["python", "curl"], Options(), skip=True)
    assert [len(each.models) for each in made["curl"]] == [1]
    assert [model.name for each in made["python"] for model in each.models] == ["odd", "plain"]
    with pytest.raises(NothingToCall, match="odd"):
        _made([plain, odd], ["python", "curl"], Options(), skip=False)
