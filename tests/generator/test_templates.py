"""Templates of the user's: ejected, changed, and used in place of the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tfsclient_gen import Options, generate
from tfsclient_gen.cli import main
from tfsclient_gen.generate import languages
from tfsclient_gen.render import SHIPPED, Templates, template_names, template_root

from tests.conftest import ZOO
from tfsclient import sources

MODEL = sources.from_saved_model(ZOO / "half_plus_two")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, args)))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with all templates, ejected."""
    folder = tmp_path / "own"
    assert run("eject", folder).exit_code == 0
    return folder


def test_ejected_templates_are_the_shipped_ones(own: Path) -> None:
    for name in template_names():
        assert (own / name).read_bytes() == (template_root() / name).read_bytes()
    for language in languages():
        assert generate(MODEL, language, Options(templates=own)) == generate(MODEL, language)


def test_nothing_is_ejected_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "client.py.j2").write_text("mine")
    result = run("eject", tmp_path)
    assert result.exit_code == 2
    assert "python/client.py.j2" in result.output
    assert [path.name for path in tmp_path.rglob("*.j2")] == ["client.py.j2"]


def test_one_template_is_enough(tmp_path: Path) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    for name, text in (
        ("go/example_test.go.j2", "// {{ header }}\n\n// Ours.\npackage {{ package }}\n"),
        (".git/HEAD", "no template, and no typing error"),
    ):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    command = ("--lang", "go", "--saved-model", ZOO / "half_plus_two", "--out", out)
    assert run(*command).exit_code == 0
    shipped = {path.name: path.read_bytes() for path in out.rglob("*.*")}
    stale = run(*command, "--templates", own, "--check", "--diff")
    assert stale.exit_code == 1
    assert "+// Ours." in stale.output
    assert run(*command, "--templates", own).exit_code == 0
    assert run(*command, "--templates", own, "--check").exit_code == 0
    changed = {path.name for path in out.rglob("*.*") if path.read_bytes() != shipped[path.name]}
    assert changed == {"example_test.go", "tfsclient.lock.json"}
    again = generate(MODEL, "go")["halfplustwo/example_test.go"]
    assert again == shipped["example_test.go"].decode()  # nothing stays behind


def test_copied_files_can_be_ones_own_too(tmp_path: Path) -> None:
    name = next(name for name in template_names() if not name.endswith(".j2"))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("ours")
    assert Templates(tmp_path).read(name) == "ours"
    assert SHIPPED.read(name) != "ours"


def test_a_typing_error_in_a_name_is_told(tmp_path: Path) -> None:
    for name in ("go/clinet.go.j2", "python/client.py.j2", "pyhton/client.py.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    result = run("--lang", "go", "--saved-model", ZOO / "linear", "--out", tmp_path / "out",
                 "--templates", tmp_path)  # fmt: skip
    assert result.exit_code == 2
    for wrong, right in (("clinet.go", "client.go"), ("pyhton/client.py", "python/client.py")):
        assert f"{wrong}.j2 is not the name of a template; the closest is " in result.output
        assert f"{right}.j2" in result.output


@pytest.mark.parametrize(
    ("template", "line", "words"),
    [
        (b"one\n{% if %}\n", 2, "Expected an expression"),
        (b"{{ header }}\n\n{{ nothing }}\n", 3, "'nothing' is undefined"),
        (b"{{ model }}\n", 1, "filter"),
        (b"\n{{ 1 // 0 }}\n", 2, "zero"),
        (b"\n\n{{ header | upside_down }}\n", 3, "upside_down"),
        (b"{% macro m() %}\n{{ nothing }}\n{% endmacro %}\n{{ m() }}", 2, "undefined"),
        (b"\n{% include '/etc/passwd' %}", 2, "there is no template '/etc/passwd'"),
        (b"\n{% include 'python/client.py.j2' %}", 2, "includes or calls itself without end"),
        (b"# mine\n", 0, "what it makes has no header"),
        (b"\xff", 0, "utf-8"),
        (b"\n{{ ''.__class__.__mro__ }}", 2, "sandbox, which forbids this"),
        (b"\n{{ header.__init__.__globals__ }}", 2, "sandbox"),
        (b"{{ cycler.__init__.__globals__.os.popen('touch ran').read() }}", 1, "sandbox"),
        (b"{% for m in methods %}{{ methods.append(m) }}{% endfor %}", 1, "sandbox"),
        (b"{{ range(10000000) | length }}", 1, "Range too big"),
    ],
)
def test_a_broken_template_is_told_by_file_and_line(
    tmp_path: Path, template: bytes, line: int, words: str
) -> None:
    path = tmp_path / "own" / "python" / "client.py.j2"
    path.parent.mkdir(parents=True)
    path.write_bytes(template)
    result = run("--lang", "python", "--saved-model", ZOO / "linear", "--out", tmp_path / "out",
                 "--templates", tmp_path / "own")  # fmt: skip
    assert result.exit_code == 2, result.output
    assert (f"{path}:{line}: " if line else f"{path}: ") in result.output
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    own, secret = tmp_path / "own", tmp_path / "secret"
    (own / "curl").mkdir(parents=True)
    secret.mkdir()
    (secret / "client.sh.j2").write_text("# {{ header }}\ns3cret\n")
    link = own / "curl" / "client.sh.j2"
    command = ("--lang", "curl", "--saved-model", ZOO / "linear", "--out", tmp_path / "out")

    def refused() -> None:
        result = run(*command, "--templates", own)
        assert result.exit_code == 2
        assert f"{link} leads out of {own} by a symbolic link" in result.output
        assert not (tmp_path / "out").exists()

    link.symlink_to(secret / "client.sh.j2")
    refused()
    link.unlink()
    link.parent.rmdir()
    link.parent.symlink_to(secret)
    refused()
    link.parent.unlink()
    link.parent.mkdir()
    (own / ".mine").write_text("# {{ header }}\n")
    link.symlink_to(own / ".mine")
    assert run(*command, "--templates", own).exit_code == 0
