"""A tiny package to be installed from a wheelhouse."""
from __future__ import annotations

import zipfile
from pathlib import Path

USING_GREETING = "import greeting\ndef test_a(): assert greeting.WORD == 'hello'\n"


def write_greeting(folder: Path) -> None:
    """Write the wheel of a package `greeting`, which has a word."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "greeting-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'hello'\n")
        wheel.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        wheel.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greeting-1.0.dist-info/RECORD", "greeting.py,,\n")
