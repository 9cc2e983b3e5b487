"""Keeps tokens in a file that nobody else can read, one for each server."""
from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ci_client.errors import CiError, printable

FILE = "credentials.json"


def credentials_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the tokens are: CI_CREDENTIALS, or a file in the user's configuration folder."""
    if named := environ.get("CI_CREDENTIALS"):
        return Path(named)
    above = environ.get("XDG_CONFIG_HOME")
    return (Path(above) if above else Path("~/.config").expanduser()) / "ci" / FILE


def stored_token(server_url: str, file: Path) -> str | None:
    """The token for a server; None where there is none. Raises CiError for a file that others can read, or that is broken."""
    return _read(file).get(server_url)


def store_token(server_url: str, token: str, file: Path) -> None:
    """Keep a token for a server, in place of one before. Raises CiError."""
    _write({**_read(file), server_url: token}, file)


def forget_token(server_url: str, file: Path) -> None:
    """Forget the token for a server. Raises CiError."""
    _write({url: token for url, token in _read(file).items() if url != server_url}, file)


def _read(file: Path) -> dict[str, str]:
    name = printable(str(file))
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(1 << 20)
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise CiError(f"The file of tokens {name} cannot be read: {wrong.strerror}.") from wrong
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CiError(f"The file of tokens {name} can be read by others, and is not used. Do this: chmod 600 {name}")
    try:
        tokens = json.loads(content)["tokens"]
        return {str(url): str(token) for url, token in tokens.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as wrong:
        raise CiError(f"The file of tokens {name} is broken; remove it, and log in again with: ci login") from wrong


def _write(tokens: Mapping[str, str], file: Path) -> None:
    """Replace the file atomically; it is readable for nobody else at any moment."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as written:
                json.dump({"tokens": dict(tokens)}, written, indent=2)
                written.flush()
                os.fsync(written.fileno())
            os.replace(fresh, file)
        except OSError:
            os.unlink(fresh)
            raise
    except OSError as wrong:
        raise CiError(f"The file of tokens {printable(str(file))} cannot be written: {wrong.strerror}.") from wrong
