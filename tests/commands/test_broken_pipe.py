"""Output whose reader has gone, as in `ci-api settings | head -1`."""
from __future__ import annotations

import subprocess

import pytest

from tests.e2e.processes import CI_API, environment


@pytest.mark.parametrize("words", [("settings",), ("settings", "--table"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_gone_ends_a_command_without_a_word(words: tuple[str, ...]) -> None:
    # As people call it: the output waits in a buffer.
    with subprocess.Popen(
            (*CI_API, *words), env=environment({"PYTHONUNBUFFERED": ""}), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (1, b"")
