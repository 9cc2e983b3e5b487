"""Runs whose outputs are files: built in one call, asked for in another."""
from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import NOW, BuiltTest, Output, add_event, add_regression_test, add_result_with_output, add_run
from tests.handlers.site import Site

GONE = sha256(b"in none of the stores").hexdigest()


@dataclass(frozen=True)
class BuiltOutput:
    """An output of a finished run, and where the operations on it are."""

    run_id: int
    test: BuiltTest
    output_id: int

    def path(self, what: str, *, sample_id: int | None = None) -> str:
        """The path of `expected`, `actual` or `diff`."""
        return f"/api/v1/runs/{self.run_id}/samples/{sample_id or self.test.sample_id}/{what}"

    def get(self, client: ValidatingClient, what: str, *, sample_id: int | None = None, **query: Any) -> Any:
        """Ask for it."""
        ids = {"regression_id": self.test.regression_id, "output_id": self.output_id}
        return client.get(self.path(what, sample_id=sample_id), params=ids | query)


def stored(site: Site, content: bytes, extension: str = ".srt") -> str:
    """Put a file into the store as an output; its hash."""
    digest = sha256(content).hexdigest()
    target = site.files / "TestResults" / f"{digest}{extension}"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return digest


def add_compared_output(
    site: Site, expected: bytes | None, actual: bytes | None, *, extension: str = ".srt", recorded: str | None = None, **options: Any,
) -> BuiltOutput:
    """A finished run with one test and one output of these contents; None stands for a file that is gone."""
    baseline = GONE if expected is None else stored(site, expected, extension)
    got = GONE if actual is None else stored(site, actual, extension)
    return add_reported_output(got, baseline=baseline, extension=extension, recorded=recorded, **options)


def add_reported_output(
    got: str | None, *, baseline: str, extension: str = ".srt", recorded: str | None = None, reported: bool = True, exit_code: int = 0,
    **options: Any,
) -> BuiltOutput:
    """A finished run with one test, of whose one output a worker reported this."""
    test = add_regression_test(outputs=[Output(baseline, extension, **options)])
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING, at=NOW)
    if reported:
        add_result_with_output(run_id, test, got=got, expected=recorded or baseline, exit_code=exit_code)
    add_event(run_id, Phase.COMPLETED, at=NOW)
    return BuiltOutput(run_id, test, test.output_id)
