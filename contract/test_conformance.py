"""The fuzzer over every operation of every document, in one process with a server that has something to show."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.run import PhaseName

from api.app import DOCUMENTS, Application
from api.server import make_server
from api.specfirst.binding.documents import Document
from contract.application import prepare, settings_for
from tests.examples import examples

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PHASES = {PhaseName.EXAMPLES, PhaseName.COVERAGE, PhaseName.FUZZING, PhaseName.STATEFUL_TESTING}


@dataclass
class Findings:
    """What came of a run of the fuzzer: faults, the phases that ran, and how often each operation gave each status."""

    faults: list[str] = field(default_factory=list)
    phases: set[PhaseName] = field(default_factory=set)
    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def take(self, event: events.EngineEvent) -> None:
        """Note what an event tells."""
        if isinstance(event, events.NonFatalError):
            self.faults.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            self.phases.add(event.phase)
            for case_id, interaction in event.recorder.interactions.items():
                if interaction.response is not None:
                    operation = event.recorder.cases[case_id].value.operation
                    self.statuses[operation.definition.raw["operationId"]][interaction.response.status_code] += 1
            for checks in event.recorder.checks.values():
                self.faults += [
                    f"{event.recorder.label}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                    for check in checks if check.failure_info is not None]


@pytest.fixture
def app(tmp_path: Path) -> Application:
    """A server whose database has runs in all seven states."""
    settings = settings_for(tmp_path)
    prepare(settings)
    return make_server(settings)


def _fewer(config: SchemathesisConfig) -> SchemathesisConfig:
    """The configuration with a part of the examples; `make fuzz` tries all."""
    for project in (config.projects.default, *config.projects.named.values()):
        for generation in (project.generation, project.phases.stateful.generation):
            if generation.max_examples is not None:
                generation.max_examples = examples(generation.max_examples)
    return config


def fuzz(app: Application, path: str) -> Findings:
    """Run all phases over a document as the server serves it."""
    config = _fewer(SchemathesisConfig.from_path(CONFIGURATION))
    schema = schemathesis.openapi.from_asgi(path, app, config=config)
    findings = Findings()
    for event in from_schema(schema).execute():
        findings.take(event)
    return findings


def never_successful(statuses: Mapping[str, Mapping[int, int]]) -> set[str]:
    """The operations that the fuzzer never got any further than a refusal with."""
    return {operation_id for operation_id, counts in statuses.items() if not any(200 <= status < 300 for status in counts)}


# `make fuzz` tries the same, and more of it, against a server of its own.
@pytest.mark.verify
@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document.published], ids=lambda document: document.name)
def test_the_server_keeps_a_document(app: Application, document: Document) -> None:
    findings = fuzz(app, document.published[0])

    assert not findings.faults, "\n\n".join(findings.faults)
    assert findings.phases == PHASES
    assert never_successful(findings.statuses) == set()
