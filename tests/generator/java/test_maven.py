"""What users do first: Maven builds clients of two models, and a program calls both."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Zoo
from tests.generator.go.clients import zoo_model
from tests.generator.java.clients import BRIEF, PROGRAMS, jdk, maven, run, write
from tfsclient import Client

pytestmark = pytest.mark.language("java")


def test_maven_builds_two_models_that_a_program_calls(zoo: Zoo, tmp_path: Path) -> None:
    java = jdk()
    write([zoo_model("half_plus_two"), zoo_model("estimator")], tmp_path)
    maven("verify", "dependency:build-classpath", "-Dmdep.outputFile=classpath.txt", cwd=tmp_path)
    (jar,) = tmp_path.glob("target/*.jar")
    paths = f"{jar}{os.pathsep}{(tmp_path / 'classpath.txt').read_text('utf-8').strip()}"
    program = (PROGRAMS / "Two.java", zoo.grpc, zoo.rest)
    shown = run(java, *BRIEF, "-cp", paths, *program, cwd=tmp_path).splitlines()
    with Client(zoo.grpc) as client:
        examples = [{"a": ["x"], "b": [1.0]}]
        ((wanted, *_),) = client.classify("estimator", examples, signature="classification")
    for answers in (shown[:4], shown[4:]):
        assert answers[:3] == ["[3.0, 4.5]", "1", "INVALID_ARGUMENT"]
        label, score = re.findall(r'^\[\["(\w+)": ([\d.E-]+)', answers[3])[0]
        assert (label, np.float32(score)) == (wanted[0], np.float32(wanted[1]))
    assert len(shown) == 8
