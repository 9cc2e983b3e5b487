"""The domain as a whole: plain Python without I/O, clock or chance, of values that do not change."""
from __future__ import annotations

import ast
import importlib
import inspect
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import api.domain

HERE = Path(api.domain.__file__).parent
NAMES = sorted(".".join(path.relative_to(HERE).with_suffix("").parts) for path in HERE.rglob("*.py") if path.stem != "__init__")
# Libraries that map bytes to the differences between them, and to bytes that are signed, are the exceptions.
FOREIGN = {"itsdangerous", "pygit2"}
# These reach the disk, the network, other programs, the clock or true chance.
IMPURE = {
    "asyncio", "http", "io", "logging", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time"}
CLOCK = {"now", "today", "utcnow"}
# They are filled while they are made, and handed on when they are done.
COLLECTORS = {"ErrorGroup", "JobReport", "_Reader"}


def source_of(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(f"api.domain.{name}")))


@pytest.mark.parametrize("name", NAMES)
def test_a_module_of_the_domain_needs_nothing_but_the_pure_standard_library(name: str) -> None:
    tree = source_of(name)

    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    wanted = plain | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    roots = {each.partition(".")[0] for each in wanted if not each.startswith("api.domain.")}
    assert roots <= sys.stdlib_module_names | FOREIGN
    assert not roots & IMPURE


@pytest.mark.parametrize("name", NAMES)
def test_a_module_of_the_domain_asks_no_clock_and_opens_no_file(name: str) -> None:
    calls = [node.func for node in ast.walk(source_of(name)) if isinstance(node, ast.Call)]

    assert not CLOCK & {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert "open" not in {call.id for call in calls if isinstance(call, ast.Name)}


@pytest.mark.parametrize("name", NAMES)
def test_the_values_of_the_domain_do_not_change(name: str) -> None:
    members = vars(importlib.import_module(f"api.domain.{name}")).values()
    own = [each for each in members if isinstance(each, type) and is_dataclass(each) and each.__module__ == f"api.domain.{name}"]

    changing = {each.__name__ for each in own if not each.__dataclass_params__.frozen}  # type: ignore[attr-defined]

    assert changing <= COLLECTORS
