"""What anybody may ask of the system."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

HEALTH = "/api/v1/system/health"
QUEUE = "/api/v1/system/queue"
BRANCHES = "/api/v1/branches"
ENVIRONMENTS = "/api/v1/environments"
Ask = Callable[..., dict[str, Any]]


def states(answer: Any) -> dict[str, str]:
    """The state of each dependency that is not a task of the server's own, and the whole's."""
    body = answer.json()
    found = {each["name"]: each["status"] for each in body["dependencies"] if not each["name"].startswith("background_")}
    return found | {"": body["status"]}
