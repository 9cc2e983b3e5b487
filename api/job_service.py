"""The job service's part of a server: access without a token, and the health of its agents."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.config import ConfigurationError, Settings
from api.domain.auth.access import Caller, Role
from api.domain.errors import Conflict
from api.domain.health import Finding
from api.domain.jobs.agents import ALIVE_FOR, finding_of
from api.services.health_probes import Probe
from api.specfirst.access.authentication import LocalCaller
from api.specfirst.access.local_access import is_loopback_host
from api.storage.auth import local_account
from api.storage.database import database_now, transact
from api.storage.jobs.agents import list_agents
from api.storage.jobs.jobs import is_any_waiting
from api.storage.outage import is_outage

OFF, EMBEDDED = "off", "embedded"
LIMITS = {"memory": "job_memory", "processes": "job_processes", "cpus": "job_cpus"}


def local_access(settings: Settings, flask: Flask) -> LocalCaller | None:
    """Who asks for jobs from this machine without a token; None where nobody may. Raises ConfigurationError on a public server."""
    if not settings.job_allow_anonymous:
        return None
    if not is_loopback_host(urlsplit(settings.public_url).hostname or "") or settings.trusted_proxies:
        raise ConfigurationError("CI_JOB_ALLOW_ANONYMOUS: this is for loopback alone; CI_PUBLIC_URL or CI_TRUSTED_PROXIES says otherwise.")
    if Role.TESTER.value not in settings.job_roles:
        raise ConfigurationError("CI_JOB_ALLOW_ANONYMOUS: the local account is a tester, and CI_JOB_ROLES does not name that role.")
    with flask.app_context():
        try:
            transact(local_account.make_local_account)
        except Conflict as taken:
            raise ConfigurationError(f"CI_JOB_ALLOW_ANONYMOUS: the name {local_account.NAME} is another account's.") from taken
        except SQLAlchemyError as failed:
            # A database that is away gets the account when somebody asks for the first time.
            if not is_outage(failed):
                raise
    return _find_local_caller


def _find_local_caller() -> Caller | None:
    found = local_account.find_local_caller()
    if found is None:
        transact(local_account.make_local_account)
    return found or local_account.find_local_caller()


def refuse_beyond_loopback(settings: Settings, host: str) -> None:
    """Raise ConfigurationError where jobs need no token, and the address to listen on is not this machine's alone."""
    if settings.job_allow_anonymous and not is_loopback_host(host):
        raise ConfigurationError("CI_JOB_ALLOW_ANONYMOUS: the server must listen on a loopback address, such as 127.0.0.1.")


def agent_probe(settings: Settings, flask: Flask, clock: Callable[[], datetime]) -> dict[str, Probe]:
    """The probe of the agents that run jobs, unless jobs are refused anyway."""
    if settings.jobs == OFF:
        return {}
    # The one that starts with the server has as much time for that as one of which nothing is heard.
    started_until = clock() + ALIVE_FOR
    return {"job_agents": partial(_probe_agents, flask, clock, settings.jobs == EMBEDDED, started_until, limits_in_use(settings))}


def limits_in_use(settings: Settings) -> frozenset[str]:
    """The limits that the operator has set, by what an agent calls them: these must be held, as the others should be."""
    default = Settings()
    return frozenset(limit for limit, name in LIMITS.items() if getattr(settings, name) != getattr(default, name))


def _probe_agents(
    flask: Flask, clock: Callable[[], datetime], embedded: bool, started_until: datetime, limits: frozenset[str],
) -> Finding:
    with flask.app_context():
        needed = clock() >= started_until if embedded else is_any_waiting()
        return finding_of(list_agents(), database_now(), needed=needed, limits=limits)
