"""Checks ids of jobs before they are put into a URL."""
from __future__ import annotations

import uuid

from ci_client.errors import CiError


def checked_id(job_id: str) -> str:
    """The id as servers write it. Raises CiError for what is no UUID: nothing else becomes a part of an address or a folder's name."""
    try:
        return str(uuid.UUID(job_id))
    except ValueError as wrong:
        raise CiError("That is not the id of a job; `ci list` shows the ids of your jobs.") from wrong
