"""A run and its files, for the tests of artifacts."""
from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from api.domain.runs.run import Phase
from api.storage.database import session
from api.storage.platform_tables import SampleRow
from contract.client import ValidatingClient
from tests.builders import BuiltTest, Output, add_event, add_output, add_regression_test, add_result, add_run

EXPECTED, PRODUCED, VARIANT = b"Hello.\n", b"Hallo.\n", b"HELLO.\n"


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@dataclass
class Scene:
    """A finished run in which one output differs, one matches, one is a variant and one is missing."""

    run_id: int
    differing: BuiltTest
    other: BuiltTest
    samples: dict[int, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"/api/v1/runs/{self.run_id}/artifacts"


def make_scene() -> Scene:
    differing = add_regression_test(outputs=[
        Output(digest(EXPECTED)), Output(digest(EXPECTED), extension=".txt", acceptable=(digest(VARIANT),))])
    other = add_regression_test(outputs=[Output(digest(EXPECTED)), Output(digest(b"never"), extension=".xml")])
    run_id = add_run()
    for phase in (Phase.PREPARATION, Phase.TESTING):
        add_event(run_id, phase)
    add_output(run_id, differing.regression_id, differing.output_ids[0], got=digest(PRODUCED), expected=digest(EXPECTED))
    add_output(run_id, differing.regression_id, differing.output_ids[1], got=digest(VARIANT), expected=digest(EXPECTED))
    add_result(run_id, differing.regression_id)
    add_output(run_id, other.regression_id, other.output_ids[0], expected=digest(EXPECTED))
    add_result(run_id, other.regression_id)
    add_event(run_id, Phase.COMPLETED)
    hashes = {row.id: row.sha for row in session().query(SampleRow).all()}
    return Scene(run_id, differing, other, hashes)


def write(root: Path, name: str | None, content: bytes) -> None:
    path = root / str(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def listed(client: ValidatingClient, scene: Scene, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(scene.address, params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return list(answer.json()["data"])


def one(items: list[dict[str, Any]], artifact_id: str) -> dict[str, Any]:
    return next(item for item in items if item["artifact_id"] == artifact_id)
