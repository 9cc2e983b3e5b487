"""Lists the history of regression tests, once all finished runs are judged."""
from __future__ import annotations

from collections.abc import Sequence

from api.domain.errors import Unavailable
from api.domain.page import Page
from api.domain.results.history import HistoryEntry, HistoryFilter
from api.storage.results import history
from api.storage.runs.platform_changes import count_pending


def list_history(regression_ids: Sequence[int], wanted: HistoryFilter, *, limit: int, offset: int) -> Page[HistoryEntry]:
    """A page of the verdicts of these regression tests in finished runs, with the exact total.

    Raises Unavailable while finished runs of an adopted database are being judged: a history with gaps tells the wrong story.
    """
    if count_pending():
        raise Unavailable("Finished runs of this database are still being judged.", retry_after=10)
    return history.list_history(regression_ids, wanted, limit=limit, offset=offset)
