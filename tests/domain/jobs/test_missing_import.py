"""What is to be declared when an import or an option of pytest is missing."""
from __future__ import annotations

import pytest

from api.domain.jobs.missing_import import missing_declaration

ERROR = "E   ModuleNotFoundError: No module named '{}'\n"


@pytest.mark.parametrize(("module", "package"), [("hypothesis", "hypothesis"), ("yaml.nodes", "PyYAML"), ("PIL", "Pillow")])
def test_the_package_that_has_the_module_is_named(module: str, package: str) -> None:
    said = missing_declaration("collected 3 items\n" + ERROR.format(module))

    assert said is not None and f"declare {package} in an extra" in said


def test_the_first_of_several_is_named_since_the_others_may_follow_from_it() -> None:
    said = missing_declaration(ERROR.format("first") + ERROR.format("second"))

    assert said is not None and "declare first " in said


@pytest.mark.parametrize(("option", "plugin"), [("--cov=a", "pytest-cov"), ("--timeout", "pytest-timeout")])
def test_the_plugin_that_has_the_option_is_named(option: str, plugin: str) -> None:
    said = missing_declaration(f"python -m pytest: error: unrecognized arguments: {option}\n")

    assert said is not None and f"declare {plugin} in an extra" in said


@pytest.mark.parametrize("log", ["", "assert 1 == 2", "error: unrecognized arguments: --own", "ImportError: cannot import name 'a'"])
def test_of_other_failures_nothing_is_said(log: str) -> None:
    assert missing_declaration(log) is None
