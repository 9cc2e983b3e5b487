"""Numbers of the documents that the code repeats: each is the constant that the code cuts, counts or refuses by."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from api.config import Settings
from api.domain.auth import password, token
from api.domain.auth.access import PLATFORM_SCOPES, Scope
from api.domain.catalog import sample
from api.domain.files import content
from api.domain.jobs import junit_report, webhook
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.results.compare import Bucket
from api.domain.results.failure_code import FailureCode
from api.domain.runs import machine, worker_message
from api.domain.text import diff, log, tail, unified
from api.jobs.project import collecting
from api.rendering import errors, machines, runs, samples, triage
from api.specfirst.responses import error_responses
from api.specfirst.validation import violations
from api.storage.jobs import incoming_attempts
from api.streaming import project_upload
from contract.documents import MACHINES, load_documents

CI, JOBS, WORKER, PLATFORM = "openapi-ci-api.yaml", "openapi-jobs.yaml", "openapi-worker.yaml", "openapi-platform-api.yaml"
SCHEMAS = {(document.name, where): schema for document in load_documents() for where, schema in document.schemas()}
DEFAULTS = Settings()

CONSTANTS: Mapping[tuple[str, str, str], int] = {
    (CI, "Tags", "maxItems"): samples.TAG_LIMIT,
    (CI, "Tags.items", "maxLength"): sample.TAG_LENGTH,
    (CI, "/components/parameters/Tag/tag", "maxLength"): sample.TAG_LENGTH,
    (CI, "RunSample.outputs", "maxItems"): samples.OUTPUT_LIMIT,
    (CI, "RegressionTest.expected_outputs", "maxItems"): samples.OUTPUT_LIMIT,
    (CI, "RunSample.output_tail", "maxLength"): tail.TAIL_BYTES,
    (CI, "RunConfig.matrix", "maxItems"): runs.MATRIX_LIMIT,
    (CI, "RunConfig.regression_test_ids", "maxItems"): runs.MATRIX_LIMIT,
    (CI, "OutputFile.content", "maxLength"): content.CONTENT_LIMIT,
    (CI, "Diff.hunks", "maxItems"): diff.HUNK_LIMIT,
    (CI, "DiffHunk.lines", "maxItems"): diff.LINE_LIMIT,
    (CI, "DiffLine.text", "maxLength"): diff.TEXT_LIMIT,
    (CI, "Diff.unified", "maxLength"): unified.UNIFIED_LIMIT,
    **{(CI, f"Comparison.{bucket}", "maxItems"): triage.BUCKET_LIMIT for bucket in Bucket if bucket is not Bucket.PASSING},
    (CI, "Triage.infrastructure_errors", "maxItems"): triage.INFRASTRUCTURE_LIMIT,
    (CI, "TriagedInfrastructureError.message", "maxLength"): triage.MAX_MESSAGE_LENGTH,
    (CI, "Triage.skipped", "maxItems"): triage.SKIPPED_LIMIT,
    (CI, "TriagedTest.codes", "maxItems"): len(FailureCode),
    (CI, "ErrorItem.stack", "maxItems"): errors.STACK_LIMIT,
    (CI, "ErrorSummaryBucket.sample_ids", "maxItems"): errors.SAMPLE_LIMIT,
    (CI, "ErrorResponse.message", "maxLength"): error_responses.MESSAGE_LIMIT,
    (CI, "ErrorDetails.fields", "maxProperties"): violations.MAX_NAMED,
    (CI, "LogLine.message", "maxLength"): log.MESSAGE_LENGTH,
    (CI, "RegisteredMachine.run_ids", "maxItems"): machines.SHOWN,
    (CI, "RegisteredMachine.job_ids", "maxItems"): machines.SHOWN,
    (CI, "Me.scopes", "maxItems"): len(set(Scope) - PLATFORM_SCOPES),
    (PLATFORM, "PlatformMe.scopes", "maxItems"): len(Scope),
    (CI, "Token.token_prefix", "maxLength"): token.PREFIX_LENGTH,
    (CI, "AuthToken.token_prefix", "maxLength"): token.PREFIX_LENGTH,
    (CI, "PasswordChangeRequest.new_password", "minLength"): password.MIN_LENGTH,
    (CI, "PasswordChangeRequest.new_password", "maxLength"): password.MAX_LENGTH,
    (CI, "/components/parameters/Wait/wait", "maximum"): DEFAULTS.max_wait,
    (JOBS, "JobLogLine.message", "maxLength"): log.MESSAGE_LENGTH,
    (JOBS, "JunitReport.failed", "maxItems"): junit_report.MAX_FAILED,
    (JOBS, "FailedTest.name", "maxLength"): junit_report.NAME_LENGTH,
    (JOBS, "FailedTest.classname", "maxLength"): junit_report.NAME_LENGTH,
    (JOBS, "FailedTest.message", "maxLength"): junit_report.MESSAGE_LENGTH,
    (JOBS, "ProjectUpload.web_hook", "maxLength"): webhook.MAX_URL_LENGTH,
    (JOBS, "ProjectUpload.priority", "minimum"): project_upload.PRIORITIES.start,
    (JOBS, "ProjectUpload.priority", "maximum"): project_upload.PRIORITIES.stop - 1,
    (JOBS, "Job.priority", "minimum"): project_upload.PRIORITIES.start,
    (JOBS, "Job.priority", "maximum"): project_upload.PRIORITIES.stop - 1,
    (MACHINES, "ErrorDetails.fields", "maxProperties"): incoming_attempts.MAX_FAULTS,
    (MACHINES, "JobResult.artifacts", "maxItems"): incoming_attempts.MAX_ARTIFACTS,
    (MACHINES, "JobResult.limits_hit", "maxItems"): len(ArtifactLimit),
    (MACHINES, "SentArtifact.name", "maxLength"): collecting.MAX_NAME_LENGTH,
    (MACHINES, "SentReport.failed", "maxItems"): junit_report.MAX_FAILED,
    (MACHINES, "SentFailure.name", "maxLength"): junit_report.NAME_LENGTH,
    (MACHINES, "SentFailure.classname", "maxLength"): junit_report.NAME_LENGTH,
    (MACHINES, "SentFailure.message", "maxLength"): junit_report.MESSAGE_LENGTH,
    (WORKER, "Message", "maxLength"): worker_message.MESSAGE_LENGTH,
    (WORKER, "ReportedFile", "maxLength"): DEFAULTS.max_upload,
}


@pytest.mark.parametrize("place", CONSTANTS, ids="-".join)
def test_a_number_of_a_document_is_the_codes(place: tuple[str, str, str]) -> None:
    document, where, keyword = place

    assert SCHEMAS[document, where][keyword] == CONSTANTS[place]


def test_a_machine_may_be_called_what_the_document_says() -> None:
    assert SCHEMAS[CI, "MachineName"]["pattern"] == f"^{machine.NAME.pattern}$"


def test_a_page_holds_as_many_items_as_may_be_asked_for() -> None:
    def limits(document: str) -> set[Any]:
        most = SCHEMAS[document, "/components/parameters/Limit/limit"]["maximum"]
        pages = {where: schema for (name, where), schema in SCHEMAS.items() if name == document}
        found = {schema["maxItems"] for where, schema in pages.items() if where.endswith("Page.data")}
        return {most} | found | {schema["maximum"] for where, schema in pages.items() if where.endswith("agination.limit")}

    assert limits(CI) == limits(JOBS) == {100}
