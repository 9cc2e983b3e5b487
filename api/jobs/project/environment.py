"""The step that makes a job's virtual environment, and installs into it what the project declares."""
from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from api.domain.jobs.declarations import LOCK, Declaration, Declared
from api.domain.jobs.orders import Orders
from api.domain.jobs.project_digests import Digests
from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import ENVIRONMENT, MOUNT_POINT, SEEDS, VIRTUAL_ENVIRONMENT, PythonRuntime
from api.jobs.supervisor.spec import Step
from api.sandbox.sandbox import WORKSPACE, Mount

CACHE, WHEELHOUSE, CERTIFICATES = f"{MOUNT_POINT}/cache", f"{MOUNT_POINT}/wheelhouse", f"{MOUNT_POINT}/certificates.pem"
INSTALLING = "Installing dependencies...\n"
NOTHING_TO_INSTALL_FROM = (
    "Nothing but pytest, pip and setuptools can be installed on this server: it has no folder of packages (CI_JOB_WHEELHOUSE), and no "
    "network for installing (CI_JOB_INSTALL_NETWORK).\n")
# What an index said of the same declarations is not asked again for so long, where all that it led to is in the cache.
FRESH_MINUTES = 24 * 60
PYTHON = ("python", "python3")
TOOLS = ("pytest", "tox", "nox", "coverage")
# How a runner of environments is told to make them and do no more, while there is a network, and to use them as they are.
PREPARING = {"tox": ("env", "TOX_NOTEST=true", "tox"), "nox": ("nox", "--install-only")}
PREPARED = {"tox": ("env", "TOX_SKIP_PKG_INSTALL=true", "tox"), "nox": ("nox", "--reuse-existing-virtualenvs", "--no-install")}
# How the versions of a lock are written down as constraints: of all that it may be used for, since each is resolved to one version.
LOCKED = "/tmp/locked.txt"
EXPORT = (
    "uv export --quiet --frozen --no-hashes --no-header --no-annotate --no-emit-local --all-groups --all-extras | "
    "grep -E '^[A-Za-z0-9._-]+=='")
# A test must not reach the cache through its environment, so files are copied out of it.
FIXED = {
    "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_NO_INPUT": "1"}
# How many environments are kept as they were built, each no larger than this, in MiB, nor than a part of what a job may write.
MOST_BUILT, BUILT_MIB, BUILT_PART = 3, 128, 4
# Arguments: the range of Pythons, the mark of what is fresh, a command that prepares more, names under which the environment is kept as it
# was built, how large it may be for that, then the requirements. The first name holds for all projects of which a build may depend on the
# same; the second one for the same files alone, and is taken where the build left anything of its own among them. What was built without
# such a name is not kept.
SCRIPT = f"""
python={VIRTUAL_ENVIRONMENT}/bin/python mark=$2 prepare=$3 built=$4 exact=$5 most=$6
for kept in $built $exact; do
    [ -n "$(find "$kept.tar" -mmin -{FRESH_MINUTES} 2>/dev/null)" ] || continue
    if tar -xPf "$kept.tar" 2>/dev/null && "$python" -ISc '' 2>/dev/null; then
        cat "$kept.log"
        echo "Taken as it was built before."
        exit
    fi
    rm -rf {VIRTUAL_ENVIRONMENT} "$kept.tar"
done
began=/tmp/began said=/tmp/said-by-the-installer
touch "$began"
uv venv --quiet --no-project ${{1:+--python "$1"}} {VIRTUAL_ENVIRONMENT} || exit
shift 6
# The installer has certificates of its own for where the system has none.
[ -n "$UV_NO_INDEX" ] || [ ! -s "${{SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}" ] || export UV_SYSTEM_CERTS=true
version="Python $("$python" -c 'import platform; print(platform.python_version())')"
echo "$version"
bundled=$("$python" -ISc 'import ensurepip; print(ensurepip.__path__[0])' 2>/dev/null)
if ls "$bundled"/_bundled/*.whl >/dev/null 2>&1; then
    uv pip install --quiet --no-index --no-deps --python "$python" "$bundled"/_bundled/*.whl || exit
else
    set -- pip "$@"
fi
# Without an index there is but one version of most packages, and a lock would name another.
for word; do [ "$word" = {LOCKED} ] && [ -z "$UV_NO_INDEX" ] && {EXPORT} >{LOCKED}; done
[ -e {LOCKED} ] || : >{LOCKED}
# What was built of another project in this place is not this one's.
rm -rf "$UV_CACHE_DIR"/sdists-*/editable "$UV_CACHE_DIR"/sdists-*/path
if [ -n "$(find "$mark" -mmin -{FRESH_MINUTES} 2>/dev/null)" ] && uv pip install --offline --python "$python" "$@" >"$said" 2>&1; then
    cat "$said"
else
    {{ uv pip install --python "$python" "$@"; echo $? >/tmp/status; }} 2>&1 | tee "$said"
    read -r status </tmp/status && [ "$status" = 0 ] || exit "$status"
    mkdir -p "${{mark%/*}}" && touch "$mark"
fi
[ -z "$prepare" ] || exec /bin/sh -c "$prepare"
[ -n "$built" ] && [ "$(du -sm {VIRTUAL_ENVIRONMENT} | cut -f1)" -le "$most" ] || exit 0
made=/tmp/made
find {WORKSPACE} ! -type d -cnewer "$began" ! -path '*/__pycache__/*' -print0 >"$made" || exit 0
if tr '\\0' '\\n' <"$made" | grep -qv '\\.egg-info/'; then built=$exact; fi
mkdir -p "${{built%/*}}"
{{ echo "$version"; cat "$said"; }} >"$built.log"
tar -cPf "$built.part" {VIRTUAL_ENVIRONMENT} --null -T "$made" && mv "$built.part" "$built.tar" || rm -f "$built".*
ls -t "${{built%/*}}"/*.tar 2>/dev/null | tail -n +{MOST_BUILT + 1} | while read -r old; do rm -f "$old" "${{old%.tar}}.log"; done
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed for a job, digests of the project, and a folder for what is fetched and built, if there is one."""

    declared: Declared
    digests: Digests
    cache: Path | None = None

    def ordered(self, orders: Orders) -> Installation:
        """What is installed for a job with these orders."""
        python = self.declared.python if orders.python is None else orders.python
        said = () if not orders.install else (Declaration(orders.install, "what the submission or tool.ci says"),)
        return replace(self, declared=Declared(self.declared.items if orders.install is None else said, python))


def installation_step(wanted: Installation, command: Sequence[str], options: JobOptions, runtime: PythonRuntime) -> Step | None:
    """The step that installs; None where there is nothing to be installed, and the Python of all jobs will do."""
    tool = tool_of(command)
    items = _items(wanted.declared, tool)
    if not items:
        return None
    words = [LOCKED if word == LOCK else word for item in items for word in item.words]
    folder = ENVIRONMENT if wanted.cache is None else CACHE
    variables = {**runtime.environment, **options.environment, **_variables(options, folder)}
    asked = (words, wanted.declared.python, command, options.folder, sorted(variables.items()))
    declaring, *rest = (_key(digest, asked) for digest in (wanted.digests.declaring, wanted.digests.building, wanted.digests.exact))
    prepare = shlex.join((*PREPARING[tool], *arguments_of(command))) if tool in PREPARING else ""
    built = ["", ""] if prepare or wanted.cache is None else [f"{folder}/built/{key}" for key in rest]
    most = min(BUILT_MIB, options.limits.workspace_bytes // BUILT_PART >> 20)
    script = ("/bin/sh", "-c", SCRIPT, "install", wanted.declared.python or "", f"{folder}/recent/{declaring}", prepare, *built, str(most))
    return Step(
        "dependencies", in_folder(options, (*script, *words)), replace(options.limits, network=options.install_network), variables,
        _heading(items, options), _mounts(wanted, options))


def _key(digest: str, asked: object) -> str:
    return hashlib.sha256(repr((digest, asked)).encode()).hexdigest()


def in_folder(options: JobOptions, command: tuple[str, ...]) -> tuple[str, ...]:
    """A command in the working folder; where that is not there, the shell says so."""
    return command if options.folder is None else ("/bin/sh", "-c", 'cd -- "$0" && exec "$@"', options.folder, *command)


def prepared(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as it is run where its environments are made already."""
    tool = tool_of(command)
    return (*PREPARED[tool], *arguments_of(command)) if tool in PREPARED else command


def tool_of(command: Sequence[str]) -> str | None:
    """Which of the tools that are installed where they are the command this is: `pytest` also of `python -m pytest`."""
    module = command[:1] and command[0] in PYTHON and command[1:2] == ("-m",)
    name = command[2:3] if module else command[:1]
    return name[0] if name and name[0] in TOOLS else None


def arguments_of(command: Sequence[str]) -> Sequence[str]:
    """What stands behind the tool's name."""
    return command[3:] if command[0] in PYTHON else command[1:]


def _items(declared: Declared, tool: str | None) -> tuple[Declaration, ...]:
    """What is installed: what runs environments needs nothing but itself."""
    own = (Declaration((tool,), f"{tool}, which is the command"),) if tool is not None else ()
    return own if tool in PREPARING else (*declared.items, *own)


def _heading(items: Sequence[Declaration], options: JobOptions) -> str:
    lacking = "" if options.install_network or options.wheelhouse is not None else NOTHING_TO_INSTALL_FROM
    return INSTALLING + lacking + "".join(f"{number}. {item.source}\n" for number, item in enumerate(items, start=1))


def _variables(options: JobOptions, folder: str) -> Mapping[str, str]:
    """The environment of installers: both of ours and of what a project's own tools bring."""
    links = [*([WHEELHOUSE] if options.wheelhouse is not None else []), *([] if options.install_network else [SEEDS])]
    found = {
        **FIXED, "UV_CACHE_DIR": f"{folder}/uv", "PIP_CACHE_DIR": f"{folder}/pip",
        "UV_FIND_LINKS": ",".join(links), "PIP_FIND_LINKS": " ".join(links)}
    if not options.install_network:
        return {**found, "UV_NO_INDEX": "1", "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    index = options.index
    found |= {"UV_DEFAULT_INDEX": index.url, "PIP_INDEX_URL": index.url} if index.url else {}
    extra = " ".join(index.extra_urls)
    found |= {"UV_INDEX": extra, "PIP_EXTRA_INDEX_URL": extra} if extra else {}
    found |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), index.proxy) if index.proxy else {}
    certificates = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
    return found | (dict.fromkeys(certificates, CERTIFICATES) if index.certificates is not None else {})


def _mounts(wanted: Installation, options: JobOptions) -> tuple[Mount, ...]:
    """What this step alone is shown."""
    shown = [(wanted.cache, CACHE, True), (options.wheelhouse, WHEELHOUSE, False), (options.index.certificates, CERTIFICATES, False)]
    return tuple(Mount(source, target, writable) for source, target, writable in shown if source is not None)
