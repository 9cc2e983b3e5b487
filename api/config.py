"""The configuration: every environment variable, read once, into one frozen value."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class ConfigurationError(Exception):
    """A variable holds what it may not hold; the message names the variable, never a secret's value."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _switch(text: str) -> bool:
    folded = text.strip().lower()
    if folded in ("1", "true", "yes", "on"):
        return True
    if folded in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("must be one of true, false")


def _setting(variable: str, default: Any, read: Any, about: str, *, least: int | None = None, secret: bool = False) -> Any:
    return field(default=default, metadata={"variable": variable, "read": read, "about": about, "least": least, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """All settings of server, worker and commands. Paths are absolute; times are in seconds, sizes in bytes."""

    database_url: str = _setting(
        "CI_DATABASE_URL", "sqlite:///instance/ci.db", str, secret=True,
        about="SQLAlchemy URL: sqlite:///file.db, or mysql+pymysql://user:password@host/name")
    storage_root: Path = _setting(
        "SAMPLE_REPOSITORY", Path("instance/files"), Path, "the platform's file store: TestFiles, TestResults, LogFiles, …")
    public_url: str = _setting(
        "CI_PUBLIC_URL", "http://127.0.0.1:8000", lambda text: text.rstrip("/"), "what absolute links start with; never the Host header")
    main_repository: str = _setting(
        "CI_MAIN_REPOSITORY", "CCExtractor/ccextractor", str, "the repository whose runs staff may trigger")
    allowed_repositories: tuple[str, ...] = _setting(
        "CI_ALLOWED_REPOSITORIES", (), _words, "further repositories, owner/name separated by commas, that staff may trigger runs of")
    environments: str = _setting(
        "CI_ENVIRONMENTS", "", str, "JSON list of environments: environment_id, platform, active, runner_label; empty: one per platform")
    adopted: bool = _setting(
        "CI_ADOPTED_DATABASE", False, _switch, "the database belongs to a Sample Platform: passwords stay in its format, and are never rewritten")
    validation_engine: str = _setting(
        "CI_VALIDATION_ENGINE", "compiled", str, "compiled (jsonschema-rs), plain (jsonschema) or off (responses only)")
    threads: int = _setting("CI_THREADS", 32, int, "threads for ordinary operations, per process", least=1)
    max_body: int = _setting("CI_MAX_BODY", 1 << 20, int, "largest request body of an ordinary operation", least=1024)
    max_upload: int = _setting("CI_MAX_UPLOAD", 512 << 20, int, "largest file that a worker may send", least=1024)
    rate_reads: int = _setting("CI_RATE_READS", 120, int, "reads per minute and token", least=1)
    rate_writes: int = _setting("CI_RATE_WRITES", 20, int, "writes per minute and token", least=1)
    rate_logins: int = _setting("CI_RATE_LOGINS", 5, int, "logins per 15 minutes and address", least=1)
    rate_anonymous: int = _setting(
        "CI_RATE_ANONYMOUS", 120, int, "anonymous requests, and wrong tokens, per minute and address", least=1)
    rate_worker: int = _setting("CI_RATE_WORKER", 1200, int, "a worker's posts per minute and run", least=1)
    rate_store: str = _setting(
        "CI_RATE_STORE", "memory://", str, "where limits are counted: memory:// or redis://host:port/0", secret=True)
    trusted_proxies: tuple[str, ...] = _setting(
        "CI_TRUSTED_PROXIES", (), _words, "addresses or networks of proxies whose X-Forwarded-For is believed")
    cors_origins: tuple[str, ...] = _setting("CI_CORS_ORIGINS", (), _words, "origins that browsers may call from; none by default")
    github_api: str = _setting("CI_GITHUB_API", "https://api.github.com", lambda text: text.rstrip("/"), "base URL of GitHub's API")
    github_timeout: int = _setting("CI_GITHUB_TIMEOUT", 5, int, "how long GitHub may take to answer", least=1)
    max_wait: int = _setting("CI_MAX_WAIT", 60, int, "the longest ?wait= that is honoured", least=0)
    grace_period: int = _setting(
        "CI_GRACE_PERIOD", 3600, int, "how long after its end a run still takes its log and artifacts", least=0)
    sweep_interval: int = _setting(
        "CI_SWEEP_INTERVAL", 30, int, "how often runs made by the platform's own programs are looked for", least=1)
    executables: Path = _setting(
        "CI_EXECUTABLES", Path("instance/executables"), Path, "the operator's own folder of executables, for workers")
    worker_trusted: bool = _setting(
        "CI_WORKER_TRUSTED", False, _switch, "a worker may execute what lies in that folder without a sandbox")
    worker_server: str = _setting(
        "CI_WORKER_SERVER", "", lambda text: text.rstrip("/"), "where a worker reports to; empty: the public URL")
    worker_lease: int = _setting(
        "CI_WORKER_LEASE", 60, int, "how long a run stays with a worker of which nothing is heard", least=10)
    test_seconds: int = _setting("CI_TEST_SECONDS", 600, int, "time limit of one regression test", least=1)
    branch_active_days: int = _setting(
        "CI_BRANCH_ACTIVE_DAYS", 90, int, "how many days after its newest run a branch counts as active", least=1)
    worker_file_limit: int = _setting(
        "CI_WORKER_FILE_LIMIT", 1 << 30, int, "largest file that a regression test may write", least=1024)
    worker_core_limit: int = _setting(
        "CI_WORKER_CORE_LIMIT", 0, int, "largest core file of a crash that is sent; 0: none", least=0)
    worker_patience: int = _setting(
        "CI_WORKER_PATIENCE", 600, int, "how long the worker waits for a server that is away", least=1)
    log_format: str = _setting("CI_LOG_FORMAT", "text", str, "text or json")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read all variables; raise ConfigurationError for the first that cannot be read."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            variable = each.metadata["variable"]
            if variable in environ:
                values[each.name] = _read(variable, environ[variable], each.metadata)
        return cls(**values)


def _read(variable: str, text: str, metadata: Mapping[str, Any]) -> Any:
    try:
        value = metadata["read"](text)
    except ValueError as wrong:
        raise ConfigurationError(f"{variable}: cannot be read as {metadata['about']}") from wrong
    least = metadata["least"]
    if least is not None and value < least:
        raise ConfigurationError(f"{variable}: must be at least {least}")
    return value
