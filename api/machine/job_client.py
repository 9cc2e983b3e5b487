"""What a machine asks of the server for jobs, beside what it asks for runs."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.machine.machine_client import BYTES, REPORT_TIMEOUT, MachineClient, pieces, require, understood


class JobClient(MachineClient):
    """Requests of one machine."""

    def held(self) -> list[Mapping[str, Any]]:
        """The jobs that this machine has claimed."""
        found: list[Mapping[str, Any]] = self._json("GET", "/claims", "claims", timeout=REPORT_TIMEOUT)["claims"]
        return found

    def send_artifact(self, claim: str, sha256: str, path: Path) -> ArtifactLimit | None:
        """Send a file; the limit for which it is not kept."""
        size = path.stat().st_size
        with path.open("rb") as file:
            response = self._send(
                "PUT", f"/claims/{claim}/artifacts/{sha256}", content=pieces(file, size), headers=BYTES | {"Content-Length": str(size)})
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return ArtifactLimit.FILE_SIZE
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            with understood():
                return ArtifactLimit(response.json()["details"]["rule"])
        require(response)
        return None
