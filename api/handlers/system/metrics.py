"""The operation that Prometheus scrapes."""
from __future__ import annotations

from api.specfirst import request_context
from api.specfirst.responses.metrics import RequestMetrics
from api.storage.metrics import load_queue_metrics
from api.supervision.loop import Background


def get_metrics() -> bytes:
    """Show what is measured."""
    tasks = request_context.collaborator(Background).states()
    return request_context.collaborator(RequestMetrics).text(load_queue_metrics(request_context.now()), tasks)
