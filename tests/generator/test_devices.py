"""Windows takes some names for devices: no file, folder, module or package is called so."""

from __future__ import annotations

import json

import pytest
from tfsclient_gen import Options, generate
from tfsclient_gen.generate import languages, make
from tfsclient_gen.languages.go.files import package_name
from tfsclient_gen.names import is_windows_device

from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec

PORTS = [f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)]
DEVICES = ["aux", "con", "nul", "prn", *PORTS]


def model(name: str) -> Model:
    """A model of this name, and with signatures of all devices' names."""
    spec = {"x": TensorSpec("x", DType("float32"), (-1,))}
    return Model(name, None, {n: Signature(n, spec, spec) for n in (name, *DEVICES)})


@pytest.mark.parametrize("language", languages())
def test_no_file_has_the_name_of_a_device(language: str) -> None:
    for name in [*DEVICES, "AUX", "Com1", "a b/nul", "LPT9"]:
        (made,) = make([model(name)], language)
        parts = [part for path in made.files() for part in path.split("/")]
        assert not list(filter(is_windows_device, parts)), name
        named = {
            "python": "module",
            "go": "package",
            "java": "package",
            "rust": "module",
            "js": "module",
            "ts": "module",
            "curl": "script",
        }
        if language in named and name in DEVICES:
            assert any(
                note.startswith(f"the {named[language]} of {name!r} is ") for note in made.notes
            )


@pytest.mark.language("go")
def test_go_packages_and_modules() -> None:
    for name in DEVICES:
        assert str(package_name(name)) == f"{name}model"
        assert f"{name}model/client.go" in generate(model(name), "go")
        with pytest.raises(InvalidInput, match=f"Windows takes {name} for a device"):
            generate(model("m"), "go", Options(go_module=f"example.com/{name}/client"))
    notes = make([model("text")], "go")[0].notes
    assert notes == [
        "the package of 'text' is textmodel: text is a name that Go or the programs beside it use"
    ]


@pytest.mark.language("js")
@pytest.mark.parametrize("language", ["js", "ts"])
def test_npm_packages(language: str) -> None:
    for name in DEVICES:
        package = json.loads(generate(model(name), language)["package.json"])
        assert not is_windows_device(package["name"])
