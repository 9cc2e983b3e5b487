"""The configuration: every variable, what it may hold, and what is said where it holds something else."""
from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from api.config import ConfigurationError, Settings, unknown_variables
from api.config_values import written
from tests.commands.conftest import Call
from tests.docs.pages import ROOT

SECRET = "hunter2-is-secret"
NAME = re.compile("`([A-Z_]+)`")


def test_every_variable_is_shown_with_its_meaning_and_its_value(bare_call: Call) -> None:
    said = bare_call("settings")

    assert said.status == 0
    for each in fields(Settings):
        assert f"\n{each.metadata['variable']}=" in f"\n{said.output}"
        assert f"    {each.metadata['about']}\n" in said.output
    assert "\nCI_RATE_READS=120\n" in said.output
    assert "\nCI_TRUST_EXECUTABLES=false\n" in said.output


def test_the_usual_settings_are_a_dozen_and_can_be_shown_alone(bare_call: Call) -> None:
    usual = [each.metadata["variable"] for each in fields(Settings) if each.metadata["usual"]]

    listed, table = bare_call("settings", "--usual"), bare_call("settings", "--usual", "--table")

    assert len(usual) == 12
    assert [line.partition("=")[0] for line in listed.output.splitlines() if not line.startswith(" ")] == usual
    assert [line.split("`")[1] for line in table.output.splitlines()[2:]] == usual


def test_the_table_of_all_settings_has_each_once_below_its_group(bare_call: Call) -> None:
    said = bare_call("settings", "--table")

    group, shown = "", []
    for line in said.output.splitlines():
        if line.startswith("**"):
            group = line.strip("*").lower()
        elif line.startswith("| `"):
            shown.append((group, line.split("`")[1]))
    assert shown == [(each.metadata["group"], each.metadata["variable"]) for each in fields(Settings)]


def test_secrets_are_hidden(bare_call: Call) -> None:
    said = bare_call(
        "settings", CI_DATABASE_URL=f"mysql+pymysql://ci:{SECRET}@localhost/ci", CI_RATE_STORE=f"redis://:{SECRET}@localhost/0")

    assert said.status == 0
    assert SECRET not in said.output + said.errors
    assert "CI_DATABASE_URL=(hidden)\n" in said.output
    assert "CI_RATE_STORE=(hidden)\n" in said.output


def test_a_secret_can_stand_in_a_file_without_the_lines_end(tmp_path: Path) -> None:
    file = tmp_path / "database-url"
    file.write_text(f"mysql+pymysql://ci:{SECRET}@mariadb/ci\n")

    settings = Settings.from_environment({"CI_DATABASE_URL_FILE": str(file)})

    assert settings.database_url == f"mysql+pymysql://ci:{SECRET}@mariadb/ci"
    assert unknown_variables({"CI_DATABASE_URL_FILE": str(file)}) == []


def test_the_page_names_the_settings_that_can_stand_in_a_file() -> None:
    named = (ROOT / "docs/configuration.md").read_text().partition("have such a second variable:")[2].partition("##")[0]

    assert NAME.findall(named) == [each.metadata["variable"] for each in fields(Settings) if each.metadata["secret"]]


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "threads").write_text("7")

    assert Settings.from_environment({"CI_THREADS_FILE": str(tmp_path / "threads")}).threads == 32
    assert unknown_variables({"CI_THREADS_FILE": "7"}) == ["CI_THREADS_FILE is not a setting; is CI_THREADS meant?"]


def test_a_secrets_file_is_faulted_without_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text(SECRET)
    missing, wrong = ({"CI_DATABASE_URL_FILE": str(tmp_path / name)} for name in ("missing", "wrong"))
    both = {"CI_DATABASE_URL_FILE": str(tmp_path / "wrong"), "CI_DATABASE_URL": "sqlite:///ci.db"}

    with pytest.raises(ConfigurationError, match=r"^CI_DATABASE_URL_FILE: the file .*missing cannot be read\.$"):
        Settings.from_environment(missing)
    with pytest.raises(ConfigurationError, match=r"^CI_DATABASE_URL: must be sqlite") as fault:
        Settings.from_environment(wrong)
    with pytest.raises(ConfigurationError, match=r"^CI_DATABASE_URL_FILE: CI_DATABASE_URL is set too; one of them must go\.$"):
        Settings.from_environment(both)

    assert SECRET not in str(fault.value)


WRONG = (
    ("CI_THREADS", "many", "must be a whole number"),
    ("CI_THREADS", "0", "must be at least 1"),
    ("CI_THREADS", "9" * 5000, "must be a whole number"),
    ("CI_LEASE_DURATION", "9", "must be at least 10"),
    ("CI_TRUST_EXECUTABLES", "perhaps", "must be true or false"),
    ("CI_VALIDATION_ENGINE", "fast", "must be one of compiled, plain, off"),
    ("CI_LOG_FORMAT", "xml", "must be one of text, json"),
    ("CI_DATABASE_URL", SECRET, "must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME"),
    ("CI_DATABASE_URL", f"mysql://ci:{SECRET}@localhost/ci", "must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME"),
    ("CI_DATABASE_URL", f"mysql+pymysql://ci:{SECRET}@localhost:port/ci", "must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME"),
    ("CI_DATABASE_URL", "sqlite://", "must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME"),
    ("CI_RATE_STORE", f"memcached://{SECRET}", "must be memory://, or redis://HOST:PORT/0"),
    ("CI_TRUSTED_PROXIES", "10.0.0.1, proxy.example.org", "must be IP addresses or networks"),
    ("CI_PUBLIC_URL", "ci.example.org", "must be an http or https URL"),
    ("CI_PUBLIC_URL", "https://", "must be an http or https URL"),
    ("CI_PUBLIC_URL", "https://ci.example.org/ci\n", "must be an http or https URL"),
    ("CI_PUBLIC_URL", "https://ci.example.org\t", "must be an http or https URL"),
    ("CI_PUBLIC_URL", "https://ci.example.org:99999", "must be an http or https URL"),
    ("CI_GITHUB_API_URL", " https://ci.example.org", "must be an http or https URL"),
    ("CI_GITHUB_API_URL", "", "must be an http or https URL"),
    ("CI_CORS_ORIGINS", "https://ci.example.org/path", "must be origins"),
    ("CI_WEBHOOK_HOSTS", "hooks.example.org, https://x", "must be hosts"),
    ("CI_WEBHOOK_HOSTS", "*", "must be hosts"),
    ("CI_WEBHOOK_SECRET", "too short", "must have 16 to 256"),
    ("CI_FILE_MODE", "0666", "must be 0600, 0640, 0644, 0660 or 0664"),
    ("CI_FILE_MODE", "0o600", "must be 0600, 0640, 0644, 0660 or 0664"),
    ("CI_SIGNING_KEY", "a" * 31, "must have at least 32 characters"),
    ("CI_SIGNING_KEY_PREVIOUS", "a", "must have at least 32 characters"),
    ("CI_SIGNING_KEY", " " * 40, "must have at least 8 different characters"),
    ("CI_SIGNING_KEY", "abcdefg " * 5, "must have at least 8 different characters"),
    ("CI_WEBHOOK_SECRET", "0" * 64, "must have at least 8 different characters"),
    ("CI_METRICS_TOKEN", "secret" * 6, "must have at least 8 different characters"),
    ("CI_METRICS_TOKEN", f"{SECRET} with blanks", "must have 16 to 256"),
    ("CI_MAIN_REPOSITORY", "ccextractor", "must be a repository, as owner/name"),
    ("CI_EXECUTABLE_SOURCES", "", "must be one or more of folder, artifact, build"),
    ("CI_EXECUTABLE_SOURCES", "folder,cloud", "must be one or more of folder, artifact, build"),
    ("CI_EXECUTABLE_SOURCES", "folder,folder", "must be one or more of folder, artifact, build"),
    ("CI_GIT_BASE_URL", f"https://ci:{SECRET}@git.example.org", "must not hold a name or a password"),
    ("CI_GIT_BASE_URL", "ext::sh -c date", "must be an http or https URL"),
    ("CI_GIT_BASE_URL", "file://host/folder", "must be an http or https URL"),
    ("CI_BASE_BRANCH", "--upload-pack=date", "must be a branch's name"),
    ("CI_BASE_BRANCH", "a..b", "must be a branch's name"),
    ("CI_BUILD_OUTPUT", "", "must not be empty"),
    ("CI_BUILD_OUTPUT", "../program", "must be a path below a folder"),
    ("CI_BUILD_ARTIFACT_FILE", "/bin/sh", "must be a path below a folder"),
    ("CI_ALLOWED_REPOSITORIES", "one/two, three", "must be repositories, as owner/name"),
)


@pytest.mark.parametrize(("variable", "text", "wanted"), WRONG, ids=[f"{name}-{number}" for number, (name, *_) in enumerate(WRONG)])
def test_a_wrong_value_is_refused_with_the_variables_name_and_never_quoted(
    bare_call: Call, variable: str, text: str, wanted: str,
) -> None:
    said = bare_call("settings", **{variable: text})

    assert said.status == 2
    assert said.output == ""
    assert said.errors.startswith(f"ci-api: {variable}: {wanted}")
    assert said.errors.count("\n") == 1
    assert SECRET not in said.errors


RIGHT = (
    ("CI_FILE_MODE", "file_mode", "640", "0640"),
    ("CI_DATABASE_URL", "database_url", "sqlite:////var/lib/ci/ci.db", "sqlite:////var/lib/ci/ci.db"),
    ("CI_DATABASE_URL", "database_url", "mysql+pymysql://ci:p%40ss@db/ci", "mysql+pymysql://ci:p%40ss@db/ci"),
    ("CI_DATABASE_URL", "database_url", "mariadb+pymysql://ci@/ci?unix_socket=/run/db", "mariadb+pymysql://ci@/ci?unix_socket=/run/db"),
    ("CI_RATE_STORE", "rate_store", "redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
    ("CI_TRUSTED_PROXIES", "trusted_proxies", " 10.0.0.0/8 , ::1,", ("10.0.0.0/8", "::1")),
    ("CI_PUBLIC_URL", "public_url", "https://ci.example.org/", "https://ci.example.org"),
    ("CI_CORS_ORIGINS", "cors_origins", "https://ci.example.org,http://localhost:3000", ("https://ci.example.org", "http://localhost:3000")),
    ("CI_SIGNING_KEY", "signing_key", "0123456789abcdef" * 4, "0123456789abcdef" * 4),
    ("CI_TRUST_EXECUTABLES", "trust_executables", "Yes", True),
    ("CI_EXECUTABLE_SOURCES", "executable_sources", "build, folder", ("build", "folder")),
    ("CI_GIT_BASE_URL", "git_base_url", "file:///srv/git/", "file:///srv/git"),
    ("CI_BASE_BRANCH", "base_branch", "release/1.0", "release/1.0"),
    ("CI_BUILD_ARTIFACT_FILE", "build_artifact_file", "", ""),
    ("CI_ALLOWED_REPOSITORIES", "allowed_repositories", "one/two", ("one/two",)),
)


@pytest.mark.parametrize(("variable", "name", "text", "value"), RIGHT, ids=[f"{row[0]}-{number}" for number, row in enumerate(RIGHT)])
def test_a_right_value_is_read(variable: str, name: str, text: str, value: object) -> None:
    settings = Settings.from_environment({variable: text})

    assert getattr(settings, name) == value


def test_a_variable_that_is_no_setting_is_warned_of_with_the_name_that_may_be_meant(
    bare_call: Call, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)

    said = bare_call("settings", CI_DATABSE_URL=SECRET, CI_JOB_POLL="1", CI_TOKEN="x", CI_SERVER="y")

    assert said.status == 0
    assert said.errors == "ci-api: CI_DATABSE_URL is not a setting; is CI_DATABASE_URL meant?\nci-api: CI_JOB_POLL is not a setting.\n"


def test_the_variables_of_a_ci_service_are_not_warned_of(bare_call: Call) -> None:
    assert bare_call("settings", CI="true", CI_COMMIT_SHA="abc").errors == ""


def test_variables_that_are_not_ours_do_not_matter() -> None:
    assert Settings.from_environment({"CI": "true", "CI_COMMIT_SHA": "abc", "PATH": "/bin"}) == Settings()


def test_the_defaults_are_what_their_variables_would_be_read_as() -> None:
    for variable, each in ((each.metadata["variable"], each) for each in fields(Settings)):
        assert getattr(Settings.from_environment({variable: written(each.default)}), each.name) == each.default


def test_the_first_wrong_variable_is_raised() -> None:
    with pytest.raises(ConfigurationError, match="^CI_MAX_UPLOAD: must be at least 1024"):
        Settings.from_environment({"CI_MAX_UPLOAD": "1"})


@pytest.mark.parametrize(("environ", "url"), [
    ({"CI_DB_PATH": "test1.db"}, "sqlite:///test1.db"), ({"CI_DB_PATH": "/data/ci_jobs.db"}, "sqlite:////data/ci_jobs.db"),
    ({"CI_DB_PATH": "/data/a?b.db"}, "sqlite:////data/a%3Fb.db"), ({"CI_DB_PATH": ""}, "sqlite:///instance/ci.db"),
    ({"CI_DB_PATH": "test1.db", "CI_DATABASE_URL": "sqlite:///other.db"}, "sqlite:///other.db")])
def test_the_database_may_be_given_as_the_path_of_a_file(environ: dict[str, str], url: str) -> None:
    assert Settings.from_environment(environ).database_url == url
