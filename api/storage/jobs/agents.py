"""Agents of the job service, as they last reported themselves."""
from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.jobs.agents import Agent
from api.storage.database import TransactionConflict, change, session
from api.storage.jobs.tables import AgentRow


def save_agent(agent: Agent) -> None:
    """Within a transaction: store an agent's heartbeat."""
    values = {
        "slots": agent.slots, "running": agent.running, "seen_at": agent.seen_at, "sandbox": agent.sandbox, "trouble": agent.trouble,
        "missing": json.dumps(agent.missing)}
    # A row that is the same already counts as none changed on MySQL.
    if change(update(AgentRow).where(AgentRow.name == agent.name).values(values)) or _is_known(agent.name):
        return
    try:
        session().execute(insert(AgentRow).values(name=agent.name, **values))
    except IntegrityError as taken:
        raise TransactionConflict from taken


def delete_agent(name: str) -> None:
    """Within a transaction: delete an agent that has stopped."""
    change(delete(AgentRow).where(AgentRow.name == name))


def delete_silent_agents(heard_before: datetime) -> int:
    """Within a transaction: delete agents without a heartbeat since; return their number."""
    return change(delete(AgentRow).where(AgentRow.seen_at < heard_before))


def list_agents() -> list[Agent]:
    """All agents that are known, by name; whether one lives, its `seen_at` tells."""
    rows = session().execute(select(AgentRow).order_by(AgentRow.name).execution_options(populate_existing=True)).scalars()
    return [
        Agent(row.name, row.slots, row.running, row.seen_at, row.sandbox, row.trouble, tuple(json.loads(row.missing))) for row in rows]


def _is_known(name: str) -> bool:
    return session().execute(select(AgentRow.name).where(AgentRow.name == name)).first() is not None
