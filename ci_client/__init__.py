"""The Python client of the job service, and the command `ci`; nothing here imports the server."""
from ci_client.artifacts import download_artifacts
from ci_client.errors import CiError, Refused, Unreachable
from ci_client.jobs import cancel_job, follow, get_job, list_jobs, submit_tests_async, submit_tests_streaming
from ci_client.retry_delay import RetryPolicy

__all__ = [
    "CiError", "Refused", "RetryPolicy", "Unreachable", "cancel_job", "download_artifacts", "follow", "get_job", "list_jobs",
    "submit_tests_async", "submit_tests_streaming",
]
