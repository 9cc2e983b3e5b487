"""The parts of a machine that some tests need: where one is missing they skip, or, where none may be skipped, fail."""
from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

# Set where every part is installed, so that a test which was skipped by mistake cannot look like one that passed.
NO_SKIP = "CI_TEST_NO_SKIP"
# Debian keeps servers off an ordinary user's path.
PLACES = "/usr/sbin:/usr/local/sbin:/sbin"


def find(program: str) -> str | None:
    """Where a program lies; None where it is not installed."""
    return shutil.which(program) or shutil.which(program, path=PLACES)


def need(program: str) -> str:
    """The path of a program; the test is skipped where there is none."""
    found = find(program)
    if found is None:
        lacking(f"{program} is not installed")
    return found


def lacking(reason: str) -> NoReturn:
    """Skip the test; fail it where nothing may be skipped."""
    if os.environ.get(NO_SKIP) == "1":
        pytest.fail(f"{reason}, and {NO_SKIP} allows no skip", pytrace=False)
    pytest.skip(reason)
