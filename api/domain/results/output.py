"""One output of a run: what it was compared with, and the result."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.results.result import OutputReport, produced_hash
from api.domain.results.sample_lookup import ChosenOutput
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest


@dataclass(frozen=True, slots=True)
class RunOutput:
    """An output that a run was to produce, and its worker's report of it; None where there is none."""

    chosen: ChosenOutput
    reported: OutputReport | None

    @property
    def test(self) -> ExpectedTest:
        """The test that produces it."""
        return self.chosen.test

    @property
    def output(self) -> ExpectedOutput:
        """Its definition."""
        return self.chosen.output

    @property
    def baseline(self) -> str:
        """The hash of the baseline in the run's frozen set, as in its verdicts.

        The one beside the report is the platform's of that moment, which may be newer than the run.
        """
        return self.output.baseline.lower()

    @property
    def produced(self) -> str | None:
        """The hash of the file that was produced; None where none was."""
        return produced_hash(self.output, self.reported)

    @property
    def is_baseline(self) -> bool:
        """Whether the very bytes of the baseline were produced; an acceptable variant has bytes of its own."""
        return self.produced == self.baseline

    @property
    def patched_name(self) -> str:
        """The name of the file in a patch, which is the same for every run: the sample's hash, as the platform calls it."""
        return f"{self.test.sample_sha}{self.output.suffix}{self.output.extension}"
