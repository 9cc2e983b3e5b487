"""Installations and browsers for tests of whole processes."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.e2e.chromium import chromium
from tests.e2e.installation import Installation


@pytest.fixture
def installation(sqlite_path: Path, tmp_path: Path) -> Iterator[Installation]:
    """A filled installation of this test's own, without processes yet."""
    made = Installation(tmp_path, f"sqlite:///{sqlite_path}")
    made.fill()
    yield made
    made.release()


@pytest.fixture(scope="module")
def served(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A filled installation with a running server, which the tests of a module share."""
    folder = tmp_path_factory.mktemp("served")
    made = Installation(folder, f"sqlite:///{shutil.copy(sqlite_template, folder / 'ci.db')}", changes={
        "CI_LEASE_DURATION": "10", "CI_GITHUB_CLIENT_ID": "an application", "CI_GITHUB_CLIENT_SECRET": "its secret"})
    made.fill()
    with made.server():
        yield made
    made.release()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """A fresh browser, which the tests of a module share."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
