"""The job service's part of a server: who may ask without a token, and how its agents are."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from flask import Flask

from api.config import ConfigurationError, Settings
from api.domain.access import Role
from api.domain.agents import words_of
from api.domain.refusal import Conflict
from api.handlers.health import Probe
from api.middleware.admission import LocalCaller
from api.middleware.local_access import is_loopback_host
from api.storage import local_account
from api.storage.agents import list_agents
from api.storage.database import transact
from api.storage.jobs import is_any_waiting

OFF, EMBEDDED = "off", "embedded"


def local_access(settings: Settings, flask: Flask) -> LocalCaller | None:
    """Who asks for jobs from this machine without a token; None where nobody may. Raises ConfigurationError on a public server."""
    if not settings.job_anonymous:
        return None
    if not is_loopback_host(urlsplit(settings.public_url).hostname or "") or settings.trusted_proxies:
        raise ConfigurationError("CI_JOB_ANONYMOUS: this is for loopback alone; CI_PUBLIC_URL or CI_TRUSTED_PROXIES says otherwise.")
    if Role.TESTER.value not in settings.job_roles:
        raise ConfigurationError("CI_JOB_ANONYMOUS: the local account is a tester, and CI_JOB_ROLES does not name that role.")
    with flask.app_context():
        try:
            transact(local_account.make_local_account)
        except Conflict as taken:
            raise ConfigurationError(f"CI_JOB_ANONYMOUS: the name {local_account.NAME} is another account's.") from taken
    return local_account.find_local_caller


def refuse_beyond_loopback(settings: Settings, host: str) -> None:
    """Raise ConfigurationError where jobs need no token, and the address to listen on is not this machine's alone."""
    if settings.job_anonymous and not is_loopback_host(host):
        raise ConfigurationError("CI_JOB_ANONYMOUS: the server must listen on a loopback address, such as 127.0.0.1.")


def agent_probe(settings: Settings, flask: Flask, clock: Callable[[], datetime]) -> dict[str, Probe]:
    """The probe of the agents that run jobs, unless jobs are refused anyway."""
    return {} if settings.jobs == OFF else {"job_agents": partial(_probe_agents, flask, clock, settings.jobs == EMBEDDED)}


def _probe_agents(flask: Flask, clock: Callable[[], datetime], embedded: bool) -> str | None:
    with flask.app_context():
        return words_of(list_agents(), clock(), needed=embedded or is_any_waiting())
