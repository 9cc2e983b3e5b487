"""The Python client of the job service, and the command `ci`; nothing here imports the server."""
from api.client.artifacts import download_artifacts
from api.client.errors import CiError, Refused, Unreachable
from api.client.jobs import cancel_job, follow, get_job, list_jobs, submit_tests_async, submit_tests_streaming
from api.client.pace import Pace

__all__ = [
    "CiError", "Pace", "Refused", "Unreachable", "cancel_job", "download_artifacts", "follow", "get_job", "list_jobs",
    "submit_tests_async", "submit_tests_streaming",
]
