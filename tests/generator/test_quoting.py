"""Every maker of page text, against every hostile name, by the language's own reader."""

from __future__ import annotations

import ast
import base64
import json
import re
import subprocess
import tokenize
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from tfsclient_gen import quoting

from tests.conftest import tool
from tests.generator.hostile import HOSTILE

names = pytest.mark.parametrize("name", HOSTILE, ids=ascii)
any_text = st.text(st.characters(exclude_categories=["Cs"]))


@names
def test_python_strings_read_back(name: str) -> None:
    assert ast.literal_eval(str(quoting.py_string(name))) == name


@given(any_text)
def test_python_and_json_strings_read_back(text: str) -> None:
    assert ast.literal_eval(str(quoting.py_string(text))) == text
    assert json.loads(str(quoting.json_string(text))) == text


@names
def test_python_docs_stay_docs(name: str) -> None:
    module = f'"""Doc of ``{quoting.py_doc(name)}``."""\nx = 1\n'
    doc, assignment = ast.parse(module).body
    assert isinstance(doc, ast.Expr)
    assert isinstance(assignment, ast.Assign)


@names
@pytest.mark.parametrize(
    ("comment", "lead"),
    [
        (quoting.py_comment, "# "),
        (quoting.go_comment, "// "),
        (quoting.js_comment, "// "),
        (quoting.sh_comment, "# "),
    ],
)
def test_comments_stay_comments(comment: Callable[..., Markup], lead: str, name: str) -> None:
    lines = str(comment(f"about {name} and more", width=60)).split("\n")
    assert all(line.startswith(lead.strip()) for line in lines)
    assert all(c.isprintable() for line in lines for c in line)


def test_python_comments_stay_comments_for_python() -> None:
    text = "\n".join(str(quoting.py_comment(name)) for name in HOSTILE)
    kinds = {token.type for token in tokenize.generate_tokens(StringIO(text).readline)}
    assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.NEWLINE}


@pytest.mark.language("js")
def test_javascript_reads_strings_and_docs(tmp_path: Path) -> None:
    strings = ",\n".join(str(quoting.js_string(name)) for name in HOSTILE)
    docs = "\n".join(
        f"/** {quoting.js_doc(name)} */\n{quoting.js_comment(name)}" for name in HOSTILE
    )
    script = tmp_path / "strings.mjs"
    script.write_text(f"{docs}\nconsole.log(JSON.stringify([\n{strings}\n]));\n", "utf-8")
    shown = subprocess.run(
        [tool("node"), script], capture_output=True, check=True, encoding="utf-8"
    )
    assert json.loads(shown.stdout) == HOSTILE


@pytest.mark.language("go")
def test_go_reads_strings_and_comments(tmp_path: Path) -> None:
    strings = ",\n".join(str(quoting.go_string(name)) for name in HOSTILE)
    comments = "\n".join(str(quoting.go_comment(name)) for name in HOSTILE)
    program = tmp_path / "main.go"
    program.write_text(
        'package main\n\nimport (\n"encoding/json"\n"os"\n)\n\n'
        f"{comments}\nfunc main() {{\n"
        f"json.NewEncoder(os.Stdout).Encode([]string{{\n{strings},\n}})\n}}\n",
        "utf-8",
    )
    shown = subprocess.run(
        [tool("go"), "run", program], capture_output=True, check=True, encoding="utf-8"
    )
    assert json.loads(shown.stdout) == HOSTILE


@pytest.mark.language("curl")
def test_the_shell_reads_words_and_comments(tmp_path: Path) -> None:
    sayable = [name for name in HOSTILE if "\0" not in name]
    words = " ".join(str(quoting.sh_word(name)) for name in sayable)
    comments = "\n".join(str(quoting.sh_comment(name)) for name in HOSTILE)
    script = tmp_path / "words.sh"
    script.write_text(f"{comments}\nprintf '%s\\000' {words}\n", "utf-8", newline="\n")
    shown = subprocess.run([tool("sh"), script], capture_output=True, check=True, cwd=tmp_path)
    assert shown.stdout.decode().split("\0")[:-1] == sayable
    assert [path.name for path in tmp_path.iterdir()] == ["words.sh"]


def test_a_shell_word_cannot_hold_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quoting.sh_word("a\0b")


@names
def test_markdown_spans_hold_the_whole_name(name: str) -> None:
    span = str(quoting.md_code(name))
    fence = span[: len(span) - len(span.lstrip("`"))]
    assert span.endswith(fence)
    assert fence not in span[len(fence) : -len(fence)]
    assert "\n" not in span


def test_joining_refuses_plain_text() -> None:
    assert quoting.code_join([Markup("a"), 3]) == "a, 3"
    with pytest.raises(TypeError, match="plain text"):
        quoting.code_join([Markup("a"), "b"])  # type: ignore[list-item]


@pytest.mark.slow
def test_java_strings_read_back(tmp_path: Path) -> None:
    random = Random(0)
    texts = [*HOSTILE, "\\u0041", "\\\\u0041", "*/ \\u002a/"]
    texts += ["".join(chr(random.randrange(0xD800)) for _ in range(20)) for _ in range(50)]
    fields = "".join(
        f"  /** {quoting.java_doc(text)} */\n"
        f"  static final String S{i} = {quoting.java_string(text)};\n"
        for i, text in enumerate(texts)
    )
    printed = "".join(f"    print(S{i});\n" for i in range(len(texts)))
    program = f"""
import java.nio.charset.StandardCharsets;
import java.util.Base64;

final class Strings {{
{fields}
  static void print(String text) {{
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    System.out.println(Base64.getEncoder().encodeToString(bytes));
  }}

  public static void main(String[] args) {{
{printed}  }}
}}
"""
    (tmp_path / "Strings.java").write_text(program, "utf-8")
    command = [tool("java"), "Strings.java"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="ascii", check=True)
    assert [base64.b64decode(line).decode() for line in done.stdout.split("\n")[:-1]] == texts


@pytest.mark.slow
def test_rust_strings_read_back(tmp_path: Path) -> None:
    random = Random(0)
    texts = [*HOSTILE, "{}", "{:?}", "\\u{41}", "\\\n  x", '"#']
    texts += ["".join(chr(random.randrange(0xD800)) for _ in range(20)) for _ in range(50)]
    items = "".join(
        f"    /// {quoting.rust_prose(text)}\n    const S{i}: &'static str = "
        f"{quoting.rust_string(text)};\n"
        for i, text in enumerate(texts)
    )
    shown = "".join(
        f'    println!("{{:02x?}}", Texts::S{i}.as_bytes());\n' for i in range(len(texts))
    )
    program = f"struct Texts;\n\nimpl Texts {{\n{items}}}\n\nfn main() {{\n{shown}}}\n"
    (tmp_path / "strings.rs").write_text(program, "utf-8")
    command = [tool("rustc"), "--edition=2021", "-Dwarnings", "strings.rs"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "strings"], capture_output=True, encoding="ascii", check=True)
    lines = [re.sub("[^0-9a-f]", "", line) for line in done.stdout.split("\n")[:-1]]
    assert [bytes.fromhex(line).decode() for line in lines] == texts
