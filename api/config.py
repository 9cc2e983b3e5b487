"""The configuration: reads every environment variable once, into one frozen value."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from api import config_values as read

# The command `ci` reads these.
CLIENT_VARIABLES = frozenset({"CI_SERVER", "CI_SERVER_URL", "CI_TOKEN"})

# A secret may stand in a file, whose path is in the variable with this at its end.
IN_FILE = "_FILE"


class ConfigurationError(Exception):
    """A variable holds what it may not hold; the message names the variable, never a secret's value."""


def _setting(
    group: str, variable: str, default: Any, read: Any, about: str, *, least: int | None = None, secret: bool = False, usual: bool = False,
) -> Any:
    return field(default=default, metadata={
        "group": group, "variable": variable, "read": read, "about": about, "least": least, "secret": secret, "usual": usual})


_database = partial(_setting, "database")
_files = partial(_setting, "files")
_server = partial(_setting, "server")
_rates = partial(_setting, "rate limits")
_runs = partial(_setting, "runs")
_workers = partial(_setting, "workers")
_builds = partial(_setting, "builds")
_sandbox = partial(_setting, "sandbox")
_jobs = partial(_setting, "jobs")
_webhooks = partial(_setting, "webhooks")
_monitoring = partial(_setting, "monitoring")


@dataclass(frozen=True)
class Settings:
    """All settings of server, worker and commands, by group. Times are in seconds, sizes in bytes.

    A `usual` one is what a normal installation looks at; all others can stay as they are.
    """

    database_url: str = _database(
        "CI_DATABASE_URL", "sqlite:///instance/ci.db", read.database_url, secret=True,
        about="SQLAlchemy URL: sqlite:///file.db, or mysql+pymysql://user:password@host/name", usual=True)
    db_path: Path | None = _database(
        "CI_DB_PATH", None, read.optional_path, "an SQLite file, for where CI_DATABASE_URL is not given")
    shared_with_platform: bool = _database(
        "CI_SHARED_WITH_PLATFORM", False, read.switch,
        "the database belongs to a Sample Platform: passwords stay in its format, and are never rewritten")

    storage_root: Path = _files(
        "SAMPLE_REPOSITORY", Path("instance/files"), Path, "the platform's file store: TestFiles, TestResults, LogFiles, …", usual=True)
    file_mode: str = _files(
        "CI_FILE_MODE", "0600", read.file_mode,
        "mode of the files made there, and of folders for those who may read them; more than 0600 where other users share the store",
        usual=True)
    file_group: str = _files(
        "CI_FILE_GROUP", "", str, "group of the files made there, by name or number; empty: the process's own", usual=True)
    bucket: str = _files("CI_BUCKET", "", read.bucket, "Google Cloud Storage bucket that has the file store's files too; empty: none")
    bucket_only: bool = _files(
        "CI_BUCKET_ONLY", False, read.switch,
        "files are in the bucket alone, so that servers share no disk; it needs CI_BUCKET and CI_SIGNING_KEY")
    bucket_endpoint: str = _files(
        "CI_BUCKET_ENDPOINT", "", read.optional_http_url, "an emulator in Google's place; it gets no credentials")
    bucket_key_file: Path | None = _files(
        "GOOGLE_APPLICATION_CREDENTIALS", None, read.optional_path,
        "a service account's key file, for the bucket and its signed addresses; empty: what the environment provides")

    public_url: str = _server(
        "CI_PUBLIC_URL", "http://127.0.0.1:8000", read.public_url, "what links start with, a path included; never the Host header",
        usual=True)
    machine_server: str = _server(
        "CI_MACHINE_SERVER", "", read.optional_http_url,
        "the server's address for machines on its own host, a path included; empty: where `ci-api serve` listens, else CI_PUBLIC_URL")
    platform_api: str = _server(
        "CI_PLATFORM_API", "/platform/api/v1", read.prefix, "path below which the Sample Platform's own API is served; empty: nowhere")
    trusted_proxies: tuple[str, ...] = _server(
        "CI_TRUSTED_PROXIES", (), read.networks, "addresses or networks of proxies whose X-Forwarded-For is believed", usual=True)
    cors_origins: tuple[str, ...] = _server("CI_CORS_ORIGINS", (), read.origins, "origins that browsers may call from; none by default")
    public_results: bool = _server(
        "CI_PUBLIC_RESULTS", False, read.switch, "anybody may read runs and their results on the pages, without an account")
    signing_key: str = _server(
        "CI_SIGNING_KEY", "", read.signing_key, secret=True,
        about="secret behind signed addresses and cursors, of at least 32 characters; empty: one is made and kept in the file store")
    signing_key_previous: str = _server(
        "CI_SIGNING_KEY_PREVIOUS", "", read.signing_key, "the secret before this one; what it signed is still taken", secret=True)
    threads: int = _server("CI_THREADS", 32, read.whole_number, "threads for ordinary operations, per process", least=1)
    max_upload: int = _server("CI_MAX_UPLOAD", 512 << 20, read.whole_number, "largest file that a worker may send", least=1024)
    sample_size: int = _server("CI_SAMPLE_SIZE", 4 << 30, read.whole_number, "largest file that the library takes", least=1024)
    reports: int = _server(
        "CI_REPORTS_PER_SECOND", 80, read.whole_number,
        "how often in a second all machines together renew claims, report results, and send logs; with more work each does less often",
        least=1)
    max_wait: int = _server("CI_MAX_WAIT", 60, read.whole_number, "the longest ?wait= that is honoured", least=0)
    sync_interval: int = _server(
        "CI_SYNC_INTERVAL", 30, read.whole_number, "how often runs made by the platform's own programs are looked for", least=1)
    streams_per_user: int = _server(
        "CI_STREAMS_PER_USER", 500, read.whole_number,
        "how many streams of logs one account may have open, and projects on their way in, per process; "
        "without tokens: of one job, and ten times as many of all", least=1)
    tokens_per_user: int = _server(
        "CI_TOKENS_PER_USER", 200, read.whole_number,
        "how many tokens of one account may be live at a time; a further one is refused with 409",
        least=1)
    validation_engine: str = _server(
        "CI_VALIDATION_ENGINE", "compiled", read.one_of("compiled", "plain", "off"),
        "compiled (jsonschema-rs), plain (jsonschema) or off (responses only)")

    rate_store: str = _rates(
        "CI_RATE_STORE", "memory://", read.rate_store, "where limits are counted: memory:// or redis://host:port/0", secret=True,
        usual=True)
    rate_reads: int = _rates("CI_RATE_READS", 120, read.whole_number, "reads per minute and token", least=1)
    rate_writes: int = _rates("CI_RATE_WRITES", 20, read.whole_number, "writes per minute and token", least=1)
    rate_logins: int = _rates("CI_RATE_LOGINS", 5, read.whole_number, "logins per 15 minutes and address", least=1)
    rate_anonymous: int = _rates(
        "CI_RATE_ANONYMOUS", 120, read.whole_number, "anonymous requests, and wrong tokens, per minute and address", least=1)
    rate_worker: int = _rates(
        "CI_RATE_WORKER", 1200, read.whole_number, "a worker's posts per minute and run, and a machine's requests per minute", least=1)

    main_repository: str = _runs(
        "CI_MAIN_REPOSITORY", "CCExtractor/ccextractor", read.repository, "the repository whose runs staff may trigger")
    allowed_repositories: tuple[str, ...] = _runs(
        "CI_ALLOWED_REPOSITORIES", (), read.repositories,
        "further repositories, owner/name separated by commas, that staff may trigger runs of")
    environments: str = _runs(
        "CI_ENVIRONMENTS", "", str, "JSON list of environments: environment_id, platform, active, runner_label; empty: one per platform")
    allow_self_approval: bool = _runs(
        "CI_ALLOW_SELF_APPROVAL", False, read.switch,
        "an admin may approve baselines that they requested themselves; for one-person installations")
    github_api_url: str = _runs("CI_GITHUB_API_URL", "https://api.github.com", read.http_url, "base URL of GitHub's API")
    github_url: str = _runs("CI_GITHUB_URL", "https://github.com", read.http_url, "where people log in with GitHub")
    github_client_id: str = _runs("CI_GITHUB_CLIENT_ID", "", str, "id of the OAuth application that people log in through; empty: none")
    github_client_secret: str = _runs("CI_GITHUB_CLIENT_SECRET", "", str, "secret of that application", secret=True)
    github_token: str = _runs(
        "CI_GITHUB_TOKEN", "", str, secret=True,
        about="token that CI_GITHUB_API_URL is asked with, for build artifacts (Actions: read), users and pull requests", usual=True)

    executables: Path = _workers(
        "CI_EXECUTABLES", Path("instance/executables"), Path,
        "the operator's own folder of executables, which the server hands to machines", usual=True)
    executable_sources: tuple[str, ...] = _workers(
        "CI_EXECUTABLE_SOURCES", ("folder",), read.sources,
        "where a machine gets executables, in this order: folder, artifact (of GitHub's workflows), build (in a sandbox)", usual=True)
    trust_executables: bool = _workers(
        "CI_TRUST_EXECUTABLES", False, read.switch, "a machine may execute what lies in the server's CI_EXECUTABLES without a sandbox")
    cache_size: int = _workers(
        "CI_CACHE_SIZE", 20 << 30, read.whole_number, "how many bytes of samples, executables and projects a machine keeps", least=1 << 20)
    lease_duration: int = _workers(
        "CI_LEASE_DURATION", 60, read.whole_number,
        "how long a run or a job stays with a machine of which nothing is heard", least=10)
    run_timeout: int = _workers("CI_RUN_TIMEOUT", 21_600, read.whole_number, "time limit of a whole run, its build included", least=1)
    test_timeout: int = _workers("CI_TEST_TIMEOUT", 600, read.whole_number, "time limit of one regression test", least=1)
    test_memory: int = _workers(
        "CI_TEST_MEMORY", 2 << 30, read.whole_number, "how much memory a regression test may use in a sandbox", least=16 << 20)
    core_dump_limit: int = _workers(
        "CI_CORE_DUMP_LIMIT", 0, read.whole_number, "largest core file of a crash that is sent; 0: none", least=0)
    sandbox_repository: str = _workers(
        "CI_SANDBOX_REPOSITORY", "/repository", read.sandbox_folder,
        "folder in which programs find TestFiles and TempFiles in a sandbox: as on the machines that baselines were made on")

    build_artifact: str = _builds("CI_BUILD_ARTIFACT", "", str, "name of the workflows' artifact that holds the executable")
    build_artifact_file: str = _builds(
        "CI_BUILD_ARTIFACT_FILE", "", read.inner_path, "the executable's path in it; empty: the one file of the platform's usual name")
    git_base_url: str = _builds(
        "CI_GIT_BASE_URL", "https://github.com", read.repository_base, "what owner/name.git is fetched from; file:///folder for local ones")
    git_ca_file: Path | None = _builds(
        "CI_GIT_CA_FILE", None, read.optional_path, "file of certificates that git trusts in place of the system's")
    base_branch: str = _builds(
        "CI_BASE_BRANCH", "", read.branch, "what pull requests are merged into before they are built; empty: the main repository's default")
    build_dependencies: str = _builds(
        "CI_BUILD_DEPENDENCIES", "", str,
        "the shell's line that fetches what builds need, run in the checkout before the build, with the network, which no build has; "
        "empty: none")
    build_tools: tuple[Path, ...] = _builds(
        "CI_BUILD_TOOLS", (), read.folders,
        "folders of this host that builds see too, read-only and in the same place, with commas between: compilers outside /usr")
    build_command: str = _builds("CI_BUILD_COMMAND", "cd linux && ./build", str, "the shell's line that builds, run in the checkout")
    build_output: str = _builds(
        "CI_BUILD_OUTPUT", "linux/ccextractor", read.required_inner_path, "where in the checkout the executable then lies")
    build_timeout: int = _builds("CI_BUILD_TIMEOUT", 1800, read.whole_number, "time limit of a build", least=1)
    build_memory: int = _builds("CI_BUILD_MEMORY", 4 << 30, read.whole_number, "how much memory a build may use", least=16 << 20)
    build_cpus: int = _builds("CI_BUILD_CPUS", 2, read.whole_number, "how many processors a build may keep busy", least=1)

    work_dir: Path = _sandbox(
        "CI_WORK_DIR", Path(tempfile.gettempdir(), "ci-jobs"), Path,
        "folder on this host's own disk for what runs: workspaces, slots, pipes", usual=True)
    sandbox: str = _sandbox(
        "CI_SANDBOX", "auto", read.one_of("auto", "bubblewrap", "container", "kubernetes", "none"),
        "what programs are run in: auto takes the container engine where one is configured, else bubblewrap; kubernetes is for jobs alone")
    sandbox_root: Path | None = _sandbox(
        "CI_SANDBOX_ROOT", None, read.optional_path,
        "folder with a root file system whose programs bubblewrap runs; empty: this host's /usr, as far as programs need it")
    container_socket: str = _sandbox("CI_CONTAINER_SOCKET", "", str, "the socket of Docker or Podman on this host; empty: none")
    container_image: str = _sandbox("CI_CONTAINER_IMAGE", "", str, "the image that jobs are run in; it must have /bin/sh")
    container_prefix: str = _sandbox(
        "CI_CONTAINER_PREFIX", "", read.name_part, "what the names of containers and of Jobs begin with")
    kubernetes_claim: str = _sandbox(
        "CI_KUBERNETES_CLAIM", "", str,
        "for CI_SANDBOX=kubernetes: the volume claim, mounted here as a whole, in a folder of which CI_WORK_DIR is")
    kubernetes_config: str = _sandbox(
        "CI_KUBERNETES_CONFIG", "", str, "file with the access to a cluster, as kubectl has it; empty: by the pod's service account")
    cgroup: str = _sandbox("CI_CGROUP", "ci-jobs", read.name_part, "the control group below which bubblewrap's are made")

    jobs: str = _jobs(
        "CI_JOBS", "embedded", read.one_of("embedded", "separate", "off"),
        "who runs jobs: embedded, a machine that starts with the server; separate, only others (`ci-api machine`); off: jobs are refused",
        usual=True)
    job_slots: int = _jobs(
        "CI_JOB_SLOTS", 2, read.whole_number, "how many jobs run at once on a host", least=1)
    jobs_per_user: int = _jobs("CI_JOBS_PER_USER", 2, read.whole_number, "how many jobs of one account run at once", least=1)
    queued_jobs_per_user: int = _jobs(
        "CI_QUEUED_JOBS_PER_USER", 1000, read.whole_number,
        "how many jobs of one account may wait; further ones are answered with 429", least=1)
    job_timeout: int = _jobs(
        "CI_JOB_TIMEOUT", 600, read.whole_number, "time limit of a job's command, and of installing what it needs", least=1)
    job_memory: int = _jobs("CI_JOB_MEMORY", 1 << 30, read.whole_number, "how much memory a job may use", least=16 << 20)
    job_cpus: int = _jobs("CI_JOB_CPUS", 1, read.whole_number, "how many processors a job may keep busy", least=1)
    job_processes: int = _jobs("CI_JOB_PROCESSES", 256, read.whole_number, "how many processes and threads a job may have", least=4)
    job_disk: int = _jobs("CI_JOB_DISK", 2 << 30, read.whole_number, "how large a job's workspace may grow", least=16 << 20)
    job_log_size: int = _jobs("CI_JOB_LOG_SIZE", 128 << 20, read.whole_number, "how much a step of a job may print", least=1024)
    job_zip_size: int = _jobs(
        "CI_JOB_ZIP_SIZE", 128 << 20, read.whole_number, "largest zip that a job may be submitted with", least=1024)
    job_command: str = _jobs(
        "CI_JOB_COMMAND", "python -m pytest -v", read.command, "what is run in a job's project, as one writes it for a shell")
    job_wheelhouse: Path | None = _jobs(
        "CI_JOB_WHEELHOUSE", None, read.optional_path, "folder of Python packages from which what a project declares is installed")
    job_install_network: bool = _jobs(
        "CI_JOB_INSTALL_NETWORK", False, read.switch, "installing what a project declares may use the network; its tests never may")
    job_index_url: str = _jobs(
        "CI_JOB_INDEX_URL", "", read.optional_http_url, secret=True,
        about="index of Python packages to install from over the network; projects can read it; empty: the installer's own")
    job_extra_index_urls: tuple[str, ...] = _jobs(
        "CI_JOB_EXTRA_INDEX_URLS", (), read.http_urls, secret=True,
        about="further indexes, separated by commas; a package is taken from the first that has it, these before CI_JOB_INDEX_URL")
    job_certificates: Path | None = _jobs(
        "CI_JOB_CERTIFICATES", None, read.optional_path, "file of certificates that installing trusts in place of the system's")
    job_proxy: str = _jobs(
        "CI_JOB_PROXY", "", read.optional_http_url, secret=True, about="proxy that installing uses; projects can read it")
    job_caches: int = _jobs(
        "CI_JOB_CACHES", 10, read.whole_number,
        "how many accounts' caches of fetched and built packages each slot keeps, of half of CI_JOB_DISK each; 0: none", least=0)
    job_pythons: tuple[Path, ...] = _jobs(
        "CI_JOB_PYTHONS", (), read.folders,
        "folders, separated by commas, in which further Pythons are installed, for bubblewrap; the first that a project accepts is taken")
    job_artifacts: tuple[str, ...] = _jobs(
        "CI_JOB_ARTIFACTS", ("junit.xml", "**/TEST-*.xml", "coverage.xml", ".coverage", "htmlcov/**", "artifacts/**"), read.words,
        "which files of a job's workspace are kept, as patterns separated by commas; ** stands for any folders")
    job_retention: int = _jobs(
        "CI_JOB_RETENTION", 1_209_600, read.whole_number, "how long a job's log and artifacts are kept after its end", least=60)
    job_quota: int = _jobs(
        "CI_JOB_QUOTA", 4 << 30, read.whole_number, "how many bytes the zips, logs and artifacts of an account's jobs may take together",
        least=1 << 20)
    job_scanner: str = _jobs(
        "CI_JOB_SCANNER", "", read.optional_command,
        "command that looks at each zip, whose path it gets as its last argument; 0 accepts, 1 refuses; empty: none")
    job_roles: tuple[str, ...] = _jobs(
        "CI_JOB_ROLES", ("admin", "tester", "contributor"), read.roles, "roles, separated by commas, that may submit and cancel jobs")
    job_allow_anonymous: bool = _jobs(
        "CI_JOB_ALLOW_ANONYMOUS", False, read.switch,
        "jobs need no token from this machine itself; for a server that listens on loopback alone")

    webhook_hosts: tuple[str, ...] = _webhooks(
        "CI_WEBHOOK_HOSTS", (), read.webhook_hosts,
        "hosts that may be told of a job's end, separated by commas: names, *.suffix for the names below it, or addresses; empty: none")
    webhook_secret: str = _webhooks(
        "CI_WEBHOOK_SECRET", "", read.long_secret, secret=True,
        about="secret by which receivers of webhooks know them for ours; needed where hosts are given")
    webhook_allow_private: bool = _webhooks(
        "CI_WEBHOOK_ALLOW_PRIVATE", False, read.switch,
        "webhooks may go to this host's own and private addresses, there also by plain http")

    metrics_token: str = _monitoring(
        "CI_METRICS_TOKEN", "", read.long_secret, "bearer token that opens GET /metrics and nothing else; empty: a token of the API does",
        secret=True)
    log_format: str = _monitoring("CI_LOG_FORMAT", "text", read.one_of("text", "json"), "text or json")
    audit_log: Path | None = _monitoring(
        "CI_AUDIT_LOG", None, read.optional_path,
        "file for the audit log of server and commands, made with mode 0600; empty: standard error of the server, and nothing of commands")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read all variables; raise ConfigurationError for the first that cannot be read."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            variable = each.metadata["variable"]
            text = _secret_of_file(variable, environ) if each.metadata["secret"] else None
            if text is None:
                text = environ.get(variable)
            if text is not None:
                values[each.name] = _read(variable, text, each.metadata)
        if "database_url" not in values and values.get("db_path"):
            values["database_url"] = read.sqlite_url(values["db_path"])
        return cls(**values)

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process these settings."""
        return {each.metadata["variable"]: read.written(getattr(self, each.name)) for each in fields(self)}


def file_variables() -> frozenset[str]:
    """The variables that name a secret's file."""
    return frozenset(f"{each.metadata['variable']}{IN_FILE}" for each in fields(Settings) if each.metadata["secret"])


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """A warning for each CI_… variable that is no setting, with the setting of the most similar name.

    CI services set CI, and many CI_… variables of their own; beside them nothing is warned of.
    """
    if "CI" in environ:
        return []
    known = {each.metadata["variable"] for each in fields(Settings)} | file_variables()
    unknown = sorted(name for name in environ if name.startswith("CI_") and name not in known | CLIENT_VARIABLES)
    similar = {name: get_close_matches(name, known, 1, 0.8) for name in unknown}
    return [f"{name} is not a setting" + (f"; is {similar[name][0]} meant?" if similar[name] else ".") for name in unknown]


def _secret_of_file(variable: str, environ: Mapping[str, str]) -> str | None:
    """What stands in the file that a secret's second variable names, without the line's end; None where that is not set."""
    path = environ.get(f"{variable}{IN_FILE}")
    if not path:
        return None
    if variable in environ:
        raise ConfigurationError(f"{variable}{IN_FILE}: {variable} is set too; one of them must go.")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"{variable}{IN_FILE}: the file {path} cannot be read.") from fault


def _read(variable: str, text: str, metadata: Mapping[str, Any]) -> Any:
    try:
        value = metadata["read"](text)
    except ValueError as wrong:
        raise ConfigurationError(f"{variable}: {wrong}.") from wrong
    least = metadata["least"]
    if least is not None and value < least:
        raise ConfigurationError(f"{variable}: must be at least {least}.")
    return value
