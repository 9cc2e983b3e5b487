"""All that the platform's own programs write about a run: its server, its task queue, its API, and the scripts on its machines."""
from __future__ import annotations

from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase

# The last messages of runs that ended by trouble, with whose trouble it is. Where a program puts something in, there is an example of it.
TROUBLES = (
    # The scripts, for an executable that is not there; nothing, for a command that failed, which is the test runner as a rule.
    ("artifact", InfrastructureType.BUILD),
    ("build", InfrastructureType.BUILD),
    ("", InfrastructureType.WORKER),
    # The server, when GitHub tells it of a build, and when it looks for what was built.
    ("Cancelling tests as Github Action(s) failed", InfrastructureType.BUILD),
    ("Build succeeded but artifact not yet available - please retry", InfrastructureType.BUILD),
    ("Build failed: 'Build CCExtractor on Linux' finished with conclusion 'failure'. Check the GitHub Actions logs for details.",
     InfrastructureType.BUILD),
    ("Build failed: 'Build CCExtractor on Windows' finished with conclusion 'timed_out'. Check the GitHub Actions logs for details.",
     InfrastructureType.BUILD),
    ("Artifact not found: 'Build CCExtractor on Windows' completed successfully, but no artifact was found. The artifact may have expired "
     "(GitHub deletes artifacts after a retention period) or was not uploaded properly.", InfrastructureType.BUILD),
    ("No build artifact found for this commit", InfrastructureType.BUILD),
    ("No build artifact found for this commit (diagnostic check failed: 502 Server Error)", InfrastructureType.BUILD),
    ("Artifact download timed out", InfrastructureType.STORAGE),
    ("Artifact download failed: HTTP 404", InfrastructureType.STORAGE),
    ("Artifact download failed: HTTPSConnectionPool(host='api.github.com', port=443): Max retries exceeded", InfrastructureType.STORAGE),
    # The server, for a machine that it did not get.
    ("GCP resources temporarily unavailable in the configured zone. "
     "The test will be retried automatically when resources become available.", InfrastructureType.VM_PROVISIONING),
    ("GCP quota limit reached. Please wait for other tests to complete or contact the administrator.", InfrastructureType.VM_PROVISIONING),
    ("Required GCP resource not found. Please contact the administrator.", InfrastructureType.VM_PROVISIONING),
    ("A VM with this name already exists. Please contact the administrator.", InfrastructureType.VM_PROVISIONING),
    ("GCP operation timed out. The test will be retried automatically.", InfrastructureType.VM_PROVISIONING),
    ("VM creation failed. Please contact the administrator.", InfrastructureType.VM_PROVISIONING),
    ("VM creation failed (API_ERROR). Please contact the administrator.", InfrastructureType.VM_PROVISIONING),
    ("provisioning VM failed", InfrastructureType.VM_PROVISIONING),
    # The task that gets a run its machine.
    ("Task timed out", InfrastructureType.VM_PROVISIONING),
    ("Task failed: <HttpError 403 when requesting https://compute.googleapis.com/compute/v1/projects", InfrastructureType.VM_PROVISIONING),
    # The server, for runs that it cannot start at all.
    ("Invalid PR number", InfrastructureType.QUEUE),
    ("Commit could not be merged", InfrastructureType.MERGE),
    ("Merge conflict, please resolve.", InfrastructureType.MERGE),
    # The server, for a machine that took too long, or began a second time.
    ("Runtime exceeded", InfrastructureType.WORKER),
    ("Could not complete test, time limit exceeded", InfrastructureType.WORKER),
    ("Duplicate Entries", InfrastructureType.WORKER),
)

# The last messages of runs that were given up on purpose, by people, or because the pull request or its changes asked for no run.
CANCELS = (
    "Canceled by user", "Canceled by admin", "Canceled by ada via API", "Canceled by ada via API: wrong branch", "Canceled via API",
    "PR closed", "PR is closed", "PR converted to draft", "PR closed or updated", "Tests canceled", "Tests cancelled",
    "Tests have been cancelled", "Not ran - no code changes",
)

# What is said of runs that go on, or went well.
REPORTS = (
    (Phase.PREPARATION, "Loaded variables and created log file"),
    (Phase.PREPARATION, "Loaded variables and creating log file"),
    (Phase.PREPARATION, "Loaded variables, created log file and checking for CCExtractor build artifact"),
    (Phase.PREPARATION, "Copy testsuite to local folder"),
    (Phase.PREPARATION, "Copy code to local folder"),
    (Phase.PREPARATION, "Copy build artifact to local folder"),
    (Phase.PREPARATION, "Rebase on master"),
    (Phase.PREPARATION, "Checking if CCExtractor build artifact is present"),
    (Phase.PREPARATION, "Checking for CCExtractor build artifact"),
    (Phase.PREPARATION, "Compiling CCExtractor"),
    (Phase.TESTING, "Running tests"),
    (Phase.COMPLETED, "Ran all tests"),
)
