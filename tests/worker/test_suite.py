"""Reading the tests of a run: nothing that leads elsewhere is acted upon."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.runs.worker_suite import SuiteFile, SuiteTest, UnusableTest
from api.worker.suite import read_suite
from tests.worker.inputs import a_test

SAMPLE = "a" * 64


def told(**changes: Any) -> dict[str, Any]:
    return {
        "regression_id": 1, "category": "DVB", "command": "--out=srt", "input_type": "file", "output_type": "file",
        "sample_sha256": SAMPLE, "sample_name": f"{SAMPLE}.ts",
        "outputs": [{"output_id": 11, "baseline_sha256": "b" * 64, "name": "out.srt", "ignored": False}], **changes}


def output_named(name: str) -> dict[str, Any]:
    return told(outputs=[{"output_id": 11, "baseline_sha256": None, "name": name, "ignored": False}])


def why_unusable(test: dict[str, Any]) -> str:
    """Why a worker may not act on a test; those beside it can be used."""
    found, other = read_suite([test, told(regression_id=2)])
    assert isinstance(found, UnusableTest) and isinstance(other, SuiteTest)
    assert found.regression_id == 1
    return found.reason


def test_what_was_told_is_read() -> None:
    assert read_suite([told(), told(regression_id=2, output_type="report", sample_sha256="A" * 64)]) == (
        a_test(1), a_test(2, output_type="report"))
    [named] = read_suite([output_named("x")])
    assert isinstance(named, SuiteTest) and named.files == (SuiteFile(11, None, "x"),)


@pytest.mark.parametrize("name", ["", "../x", "/etc/passwd", "..", ".", "a\\b", "C:x", "a/b", "x\ny", "ü" * 200])
def test_a_test_with_a_name_that_leads_elsewhere_cannot_be_used(name: str) -> None:
    for test in (told(sample_name=name), output_named(name)):
        assert "plain file name" in why_unusable(test)


@pytest.mark.parametrize("changes", [{"input_type": "shell"}, {"output_type": ""}, {"sample_sha256": "../x"}, {"sample_sha256": "a" * 40}])
def test_a_test_that_no_worker_knows_to_execute_cannot_be_used(changes: dict[str, str]) -> None:
    assert why_unusable(told(**changes)).startswith("Regression test 1 cannot be used: ")
