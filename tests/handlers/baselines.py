"""Runs with an output that may become a baseline, and baselines that change without this server."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.domain.runs.run import Phase
from api.storage.platform_tables import RegressionOutputRow
from tests.builders import BASELINE, BuiltTest, add_event, add_result_with_output, add_run, digest_of
from tests.handlers.site import Site

GOT = digest_of("what was produced")
REASON = "The new timing is right, see the discussion."


@dataclass
class Case:
    """A run with an output that differs, whose file is in the store."""

    run_id: int
    test: BuiltTest

    @property
    def path(self) -> str:
        return f"/api/v1/runs/{self.run_id}/samples/{self.test.sample_id}/baseline-approval"

    @property
    def bulk_path(self) -> str:
        return f"/api/v1/runs/{self.run_id}/baseline-approvals"

    def body(self, **changes: Any) -> dict[str, Any]:
        return {"regression_id": self.test.regression_id, "output_id": self.test.output_id, "reason": REASON, **changes}


def store_output(site: Site, text: str = "what was produced") -> None:
    (site.files / "TestResults").mkdir(exist_ok=True)
    (site.files / "TestResults" / f"{digest_of(text)}.srt").write_text(text)


def failed_run(*tests: BuiltTest, got: str = GOT, expected: str = BASELINE) -> int:
    run_id = add_run(tests=[test.regression_id for test in tests])
    add_event(run_id, Phase.TESTING)
    for test in tests:
        add_result_with_output(run_id, test, got=got, expected=expected)
    add_event(run_id, Phase.COMPLETED)
    return run_id


def baseline_of(site: Site, output_id: int) -> str:
    rows = site.rows(RegressionOutputRow.__table__.select().where(RegressionOutputRow.id == output_id))
    return str(rows[0].correct)
