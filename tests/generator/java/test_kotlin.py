"""A program in Kotlin uses generated clients."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Zoo, tool
from tests.generator.go.clients import zoo_model
from tests.generator.java.clients import PROGRAMS, classpath, compiled, run, write

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]


def test_a_program_compiles_and_runs(zoo: Zoo, tmp_path: Path) -> None:
    clients = compiled(write(zoo_model("half_plus_two"), tmp_path / "clients"))
    kotlin = tmp_path / "kotlin"
    kotlin.mkdir()
    shutil.copy(PROGRAMS / "kotlin.xml", kotlin / "pom.xml")
    compiler = classpath(kotlin)
    program = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
    options = ("-no-stdlib", "-Werror", "-cp", f"{clients}{os.pathsep}{compiler}", "-d", kotlin)
    run(tool("java"), "-cp", compiler, program, *options, PROGRAMS / "Main.kt", cwd=kotlin)
    paths = os.pathsep.join([str(kotlin), clients, compiler])
    shown = run(tool("java"), "-cp", paths, "MainKt", zoo.grpc, zoo.rest, cwd=kotlin)
    assert shown == "3.0\n3.0\n2.0\n"
