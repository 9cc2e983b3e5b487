"""The environments that runs can execute in, as the operator configured them."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from api.domain.runs.run import Platform


@dataclass(frozen=True, slots=True)
class Environment:
    """A place where runs of one platform execute."""

    environment_id: str
    platform: Platform
    active: bool = True
    runner_label: str | None = None


DEFAULT_ENVIRONMENTS = tuple(Environment(f"{platform.value}-latest", platform) for platform in Platform)


def parse_environments(text: str) -> tuple[Environment, ...]:
    """Read the configured JSON list; empty text means one active environment per platform. Raises ValueError."""
    if not text.strip():
        return DEFAULT_ENVIRONMENTS
    entries = json.loads(text)
    if not isinstance(entries, list):
        raise ValueError("environments must be a JSON list")
    parsed = tuple(_parse_environment(entry) for entry in entries)
    if len({each.environment_id for each in parsed}) < len(parsed):
        raise ValueError("environment_id must be unique")
    return parsed


def _parse_environment(entry: Any) -> Environment:
    if not isinstance(entry, dict) or not isinstance(entry.get("environment_id"), str) or not 1 <= len(entry["environment_id"]) <= 50:
        raise ValueError("each environment needs an environment_id of 1 to 50 characters")
    label = entry.get("runner_label")
    if label is not None and (not isinstance(label, str) or len(label) > 100):
        raise ValueError("runner_label must be a text of at most 100 characters")
    active = entry.get("active", True)
    if not isinstance(active, bool):
        raise ValueError("active must be true or false")
    return Environment(entry["environment_id"], Platform(str(entry.get("platform"))), active, label)
