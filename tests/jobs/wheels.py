"""A tiny package to be installed from a wheelhouse."""
from __future__ import annotations

import zipfile
from pathlib import Path

USING_GREETING = "import greeting\ndef test_a(): assert greeting.WORD == 'hello'\n"


def write_greeting(folder: Path, version: str = "1.0") -> None:
    """Write the wheel of a package `greeting`, which has a word."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"greeting-{version}.dist-info"
    with zipfile.ZipFile(folder / f"greeting-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'hello'\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "greeting.py,,\n")
