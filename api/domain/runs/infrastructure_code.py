"""Codes of infrastructure errors that this server's own machines meet; a code is one row of one table, with its type."""
from __future__ import annotations

from enum import StrEnum


class InfrastructureType(StrEnum):
    """The contract's types of infrastructure errors."""

    QUEUE = "queue"
    VM_PROVISIONING = "vm_provisioning"
    CHECKOUT = "checkout"
    MERGE = "merge"
    BUILD = "build"
    WORKER = "worker"
    WEB_SERVER = "web_server"
    STORAGE = "storage"


class InfrastructureCode(StrEnum):
    """A stable word for an infrastructure error, with its type. The message beside it is for people, and may change."""

    type: InfrastructureType

    def __new__(cls, word: str, kind: InfrastructureType) -> InfrastructureCode:
        """A code as its row says."""
        made = str.__new__(cls, word)
        made._value_, made.type = word, kind
        return made

    REVISION_INVALID = "REVISION_INVALID", InfrastructureType.CHECKOUT
    FETCH_FAILED = "FETCH_FAILED", InfrastructureType.CHECKOUT
    COMMIT_NOT_FOUND = "COMMIT_NOT_FOUND", InfrastructureType.CHECKOUT
    REPOSITORY_TOO_LARGE = "REPOSITORY_TOO_LARGE", InfrastructureType.CHECKOUT
    CHECKOUT_FAILED = "CHECKOUT_FAILED", InfrastructureType.CHECKOUT
    CHECKOUT_TIME_LIMIT = "CHECKOUT_TIME_LIMIT", InfrastructureType.CHECKOUT
    CHECKOUT_MEMORY_LIMIT = "CHECKOUT_MEMORY_LIMIT", InfrastructureType.CHECKOUT

    BASE_BRANCH_NOT_FOUND = "BASE_BRANCH_NOT_FOUND", InfrastructureType.MERGE
    MERGE_CONFLICT = "MERGE_CONFLICT", InfrastructureType.MERGE
    MERGE_FAILED = "MERGE_FAILED", InfrastructureType.MERGE

    PLATFORM_NOT_BUILT = "PLATFORM_NOT_BUILT", InfrastructureType.BUILD
    DEPENDENCY_STEP_FAILED = "DEPENDENCY_STEP_FAILED", InfrastructureType.BUILD
    BUILD_FAILED = "BUILD_FAILED", InfrastructureType.BUILD
    BUILD_TIME_LIMIT = "BUILD_TIME_LIMIT", InfrastructureType.BUILD
    BUILD_KILLED = "BUILD_KILLED", InfrastructureType.BUILD
    BUILD_ARTIFACT_MISSING = "BUILD_ARTIFACT_MISSING", InfrastructureType.BUILD
    BUILD_ARTIFACT_INVALID = "BUILD_ARTIFACT_INVALID", InfrastructureType.BUILD
    EXECUTABLE_MISSING = "EXECUTABLE_MISSING", InfrastructureType.BUILD
    EXECUTABLE_INVALID = "EXECUTABLE_INVALID", InfrastructureType.BUILD

    DISK_FULL = "DISK_FULL", InfrastructureType.STORAGE
    SERVER_DISK_FULL = "SERVER_DISK_FULL", InfrastructureType.STORAGE
    HOST_FAULT = "HOST_FAULT", InfrastructureType.STORAGE
    SAMPLE_MISSING = "SAMPLE_MISSING", InfrastructureType.STORAGE
    SAMPLE_DAMAGED = "SAMPLE_DAMAGED", InfrastructureType.STORAGE
    FILE_UNREADABLE = "FILE_UNREADABLE", InfrastructureType.STORAGE
    SUITE_INVALID = "SUITE_INVALID", InfrastructureType.STORAGE
    EXECUTABLE_NOT_ALLOWED = "EXECUTABLE_NOT_ALLOWED", InfrastructureType.STORAGE
    EXECUTABLE_REPLACED = "EXECUTABLE_REPLACED", InfrastructureType.STORAGE
    DOWNLOAD_FAILED = "DOWNLOAD_FAILED", InfrastructureType.STORAGE
    UNPACK_FAILED = "UNPACK_FAILED", InfrastructureType.STORAGE

    SANDBOX_UNAVAILABLE = "SANDBOX_UNAVAILABLE", InfrastructureType.WORKER
    SANDBOX_FAILED = "SANDBOX_FAILED", InfrastructureType.WORKER
    GIT_UNAVAILABLE = "GIT_UNAVAILABLE", InfrastructureType.WORKER
    COMMAND_INVALID = "COMMAND_INVALID", InfrastructureType.WORKER
    TRANSPORT_UNAVAILABLE = "TRANSPORT_UNAVAILABLE", InfrastructureType.WORKER
    RESULTS_REFUSED = "RESULTS_REFUSED", InfrastructureType.WORKER
    RUN_CLOSED = "RUN_CLOSED", InfrastructureType.WORKER
    RUN_TIME_LIMIT = "RUN_TIME_LIMIT", InfrastructureType.WORKER
    WORKER_STOPPED = "WORKER_STOPPED", InfrastructureType.WORKER
    WORKER_RESTARTED = "WORKER_RESTARTED", InfrastructureType.WORKER
    WORKER_FAILED = "WORKER_FAILED", InfrastructureType.WORKER
    LEASE_LOST = "LEASE_LOST", InfrastructureType.WORKER

    SERVER_UNREACHABLE = "SERVER_UNREACHABLE", InfrastructureType.WEB_SERVER
