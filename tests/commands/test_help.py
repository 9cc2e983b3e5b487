"""Help, and calls that are wrong."""
from __future__ import annotations

from importlib.metadata import version

import pytest

from tests.commands.conftest import Call

COMMANDS = ("serve", "machine", "machines", "image", "migrate", "users", "tokens", "settings", "demo")


def test_the_help_names_every_command(bare_call: Call) -> None:
    said = bare_call("--help")

    assert said.status == 0
    for command in COMMANDS:
        assert f"    {command} " in said.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(bare_call: Call, command: str) -> None:
    said = bare_call(command, "--help")

    assert said.status == 0
    assert said.output.startswith(f"usage: ci-api {command}")


@pytest.mark.parametrize("words", [
    (), ("rule",), ("serve", "--port", "0"), ("serve", "--port", "65536"), ("serve", "--port", "http"), ("serve", "--workers", "0"),
    ("demo", "--port", "-1"), ("machine",), ("machine", "--token-file", "x", "--server", "ftp://x"),
    ("machines", "add", "a name"), ("machines", "add", "name", "--platform", "amiga"),
    ("users",), ("users", "add", "ada@example.test"),
    ("users", "add", "ada@example.test", "--name", "Ada", "--role", "king"), ("tokens", "issue", "ada@example.test"),
    ("tokens", "issue", "ada@example.test", "laptop", "--days", "91"), ("tokens", "revoke", "ada@example.test", "first"),
], ids=" ".join)
def test_a_wrong_call_is_answered_with_the_usage(bare_call: Call, words: tuple[str, ...]) -> None:
    said = bare_call(*words)

    assert said.status == 2
    assert said.errors.startswith("usage: ci-api")


def test_the_demo_listens_on_this_machine_alone(bare_call: Call) -> None:
    said = bare_call("demo", "--host", "0.0.0.0")

    assert said.status == 1
    assert said.errors == "ci-api: The demo listens on loopback addresses only: its accounts are open to whoever reads its output.\n"


def test_the_version_is_that_of_the_package(bare_call: Call) -> None:
    said = bare_call("--version")

    assert (said.status, said.output) == (0, f"ci-api {version('sample-platform-ci')}\n")
