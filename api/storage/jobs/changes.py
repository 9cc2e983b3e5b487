"""Finds which of many jobs have changed, in two statements for each few hundred."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from api.domain.jobs.job import Job
from api.storage.database import read
from api.storage.jobs.jobs import load_job_states
from api.storage.jobs.tables import JobRow

# How many are looked up at once: the rows of thousands would take memory that is never given back.
BATCH_SIZE = 256


def load_changed_jobs(known: Mapping[str, Job]) -> dict[str, Job | None]:
    """Those of these jobs that are not as they are known any more; None stands for one that is gone."""
    job_ids, changed = [*known], dict[str, Job | None]()
    for start in range(0, len(job_ids), BATCH_SIZE):
        changed |= _changed({job_id: known[job_id] for job_id in job_ids[start:start + BATCH_SIZE]})
    return changed


def _changed(known: Mapping[str, Job]) -> dict[str, Job | None]:
    columns = (JobRow.id, JobRow.status, JobRow.fence, JobRow.attempt)
    found = {row[0]: row[1:] for row in read(select(*columns).where(JobRow.id.in_(_padded([*known]))))}
    changed = [
        job_id for job_id, job in known.items() if job_id in found and found[job_id] != (job.status.value, job.fence, job.attempt)]
    gone: dict[str, Job | None] = dict.fromkeys(known.keys() - found.keys())
    return {**gone, **(load_job_states(_padded(changed)) if changed else {})}


def _padded(job_ids: Sequence[str]) -> list[str]:
    """The ids, some more than once, so that there are few lengths: each length is a statement that a connection keeps prepared."""
    return [*job_ids, *[job_ids[-1]] * ((1 << (len(job_ids) - 1).bit_length()) - len(job_ids))]
