"""What a machine asks of the server for jobs, beside what it asks for runs."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.machine.machine_client import MachineClient, Refused, ServerUnavailable, require

# A request that is due again soon need not wait long for its answer.
SHORT = 10.0
PIECE = 1 << 20
BYTES = {"Content-Type": "application/octet-stream"}


class NotThere(Refused):
    """There is no such claim of this machine, or no such file of it."""


class JobClient(MachineClient):
    """Requests of one machine."""

    def held(self) -> list[Mapping[str, Any]]:
        """The jobs that this machine has claimed."""
        found: list[Mapping[str, Any]] = self._json("GET", "/claims", timeout=SHORT)["claims"]
        return found

    def renew_all(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Renew claims, and say how this machine is."""
        found: Mapping[str, Any] = self._json("POST", "/claims/renew", json=body, timeout=SHORT)
        return found

    def append_log(self, claim: str, offset: int, chunk: bytes) -> Mapping[str, Any]:
        """Append to a log; how long it is then, which is less than was sent where bytes before these are missing."""
        response = self._put(f"/claims/{claim}/log", chunk, params={"start": offset}, timeout=SHORT)
        if response.status_code == httpx.codes.CONFLICT:
            return {"size": response.json()["details"]["size"], "state": "held"}
        _require(response)
        found: Mapping[str, Any] = response.json()
        return found

    def send_artifact(self, claim: str, sha256: str, path: Path) -> str | None:
        """Send a file; the limit for which it is not kept."""
        response = self._put(f"/claims/{claim}/artifacts/{sha256}", _pieces(path), {"Content-Length": str(path.stat().st_size)})
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return ArtifactLimit.FILE_SIZE
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return str(response.json()["details"]["rule"])
        _require(response)
        return None

    def end_job(self, claim: str, body: Mapping[str, Any]) -> None:
        """End the claim on a job."""
        self._ask("PUT", f"/claims/{claim}/end", json=body)

    def _put(self, path: str, content: Any, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        try:
            return self._http.put(self._base + path, content=content, headers={**self._headers(), **BYTES, **(headers or {})}, **options)
        except httpx.TransportError as fault:
            raise ServerUnavailable(type(fault).__name__) from fault


def _require(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotThere("the server has no such claim of this machine, or no such file")
    require(response)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
