"""What a machine asks of the server for jobs, beside what it asks for runs."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.machine.machine_client import BYTES, MachineClient, ServerUnavailable, pieces, require

# A request that is due again soon need not wait long for its answer.
SHORT = 10.0


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
        require(response)
        found: Mapping[str, Any] = response.json()
        return found

    def send_artifact(self, claim: str, sha256: str, path: Path) -> str | None:
        """Send a file; the limit for which it is not kept."""
        size = path.stat().st_size
        with path.open("rb") as file:
            response = self._put(f"/claims/{claim}/artifacts/{sha256}", pieces(file, size), {"Content-Length": str(size)})
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return ArtifactLimit.FILE_SIZE
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return str(response.json()["details"]["rule"])
        require(response)
        return None

    def _put(self, path: str, content: Any, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        try:
            return self._http.put(self._base + path, content=content, headers={**self._headers(), **BYTES, **(headers or {})}, **options)
        except httpx.TransportError as fault:
            raise ServerUnavailable(type(fault).__name__) from fault
