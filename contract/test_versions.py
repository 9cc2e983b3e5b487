"""Versions stand in one place each, setup.cfg and the documents; the change log names them."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.version import package_version
from contract.documents import load_documents

ROOT = Path(__file__).parents[1]
CHANGES = (ROOT / "CHANGELOG.md").read_text()
NEWEST = re.compile(r"^## (\S+?),? ", re.MULTILINE)
DOCUMENTS = {document.name: document.root["info"]["version"] for document in load_documents()}


def test_the_newest_changes_are_those_of_this_version() -> None:
    newest = NEWEST.search(CHANGES)

    assert newest is not None and newest[1] == package_version()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_change_log_names_a_documents_version(name: str) -> None:
    assert f"\n`api/{name}` {DOCUMENTS[name]}: " in CHANGES


def test_no_module_repeats_the_packages_version() -> None:
    modules = [path for folder in ("api", "ci_client", "ci_server") for path in (ROOT / folder).rglob("*.py")]

    assert modules and [path for path in modules if f'"{package_version()}"' in path.read_text()] == []
