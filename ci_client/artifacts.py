"""Downloads the artifacts of a job into a folder."""
from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from ci_client.connection import Connection, Notice
from ci_client.environment import DEFAULT_SERVER
from ci_client.errors import CiError, Unreachable, printable
from ci_client.job_id import checked_id
from ci_client.retry_delay import RetryPolicy

_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]|\A[A-Za-z]:")


def download_artifacts(
    job_id: str, folder: str | os.PathLike[str], server_url: str = DEFAULT_SERVER, *, token: str | None = None,
    notice: Notice | None = None, retries: RetryPolicy | None = None,
) -> list[Path]:
    """Download a job's artifacts into a folder, which is made if need be; returns the files. Raises CiError."""
    address, target = f"/jobs/{checked_id(job_id)}/artifacts", Path(folder)
    with Connection(server_url, token, retries=retries, notice=notice) as connection:
        listed = _listed(connection.ask("GET", address))
        places = [(artifact, safe_place(target, str(artifact.get("name", "")))) for artifact in listed]
        for artifact, place in places:
            _fetch(connection, f"{address}/{quote(str(artifact['name']), safe='')}", artifact, place)
    return [place for _, place in places]


def safe_place(folder: Path, name: str) -> Path:
    """Where a file of this name is written. Raises Unreachable for a name that leads out of the folder, also through a link in it."""
    parts = name.split("/")
    if _REFUSED.search(name) or any(part in ("", ".", "..") for part in parts):
        raise Unreachable(f"An artifact's name leads elsewhere, and nothing was fetched: {printable(name)[:200]}")
    place = folder.joinpath(*parts)
    if not place.parent.resolve().is_relative_to(folder.resolve()):
        raise Unreachable(f"An artifact's name leads out of the folder through a link, and nothing was fetched: {printable(name)[:200]}")
    return place


def _listed(answer: Any) -> list[Mapping[str, Any]]:
    artifacts = answer.get("artifacts") if isinstance(answer, dict) else None
    if not isinstance(artifacts, list) or not all(isinstance(artifact, dict) for artifact in artifacts):
        raise Unreachable("The server's answer is no list of artifacts.")
    return artifacts


def _fetch(connection: Connection, address: str, artifact: Mapping[str, Any], place: Path) -> None:
    """Download an artifact, and move it to its place atomically; a link there is replaced, not followed."""
    response = connection.open("GET", address)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".ci-") as aside:
            part = Path(aside) / "artifact"
            digest = _write(response, part)
            if artifact.get("sha256") not in (None, digest):
                raise Unreachable(f"{printable(str(artifact['name']))} did not arrive as it was sent; try again.")
            os.replace(part, place)
    except httpx.RequestError as broken:
        raise Unreachable(f"The connection broke while {printable(str(artifact['name']))} was fetched; try again.") from broken
    except OSError as wrong:
        raise CiError(f"{printable(str(place))} cannot be written: {wrong.strerror}.") from wrong
    finally:
        response.close()


def _write(response: httpx.Response, part: Path) -> str:
    digest = hashlib.sha256()
    with part.open("xb") as written:
        for piece in response.iter_bytes():
            digest.update(piece)
            written.write(piece)
    return digest.hexdigest()
