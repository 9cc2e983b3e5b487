"""The Compose file: what it starts there is, and each part finds what it needs of the others."""
from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli import make_parser
from api.config import Settings, file_variables
from tests.docs.pages import ROOT, blocks_of
from tests.parts import need

FILE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "ci-api")
SECRET = re.compile(r"/run/secrets/([a-z-]+)")


def volumes(name: str) -> dict[str, str]:
    """Where a service has each volume."""
    return dict(each.split(":")[:2] for each in SERVICES[name].get("volumes", []))


def option(name: str, word: str) -> str:
    """The value of an option in a service's command."""
    command: list[str] = SERVICES[name]["command"]
    return command[command.index(word) + 1]


@pytest.mark.parametrize("name", OURS)
def test_each_service_of_the_image_calls_a_command_with_settings_that_there_are(name: str) -> None:
    known = {each.metadata["variable"] for each in fields(Settings)} | file_variables()
    given: dict[str, str] = SERVICES[name].get("environment", {})

    make_parser().parse_args(SERVICES[name]["command"])

    assert set(given) <= known
    Settings.from_environment({key: value for key, value in given.items() if "_FILE" not in key and "$" not in value})


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_given_the_secrets_and_volumes_that_it_names(name: str) -> None:
    service = SERVICES[name]
    named = set(SECRET.findall(" ".join(service.get("environment", {}).values())))

    assert named == set(service.get("secrets", ()))
    assert named <= set(FILE["secrets"])
    assert set(volumes(name)) <= set(FILE["volumes"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_is_waited_for_can_come(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        awaited = SERVICES[other]
        checked = "healthcheck" in awaited or awaited["image"] == "ci-api"
        if wanted["condition"] == "service_healthy":
            assert checked and awaited.get("healthcheck") != {"disable": True}
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert "restart" not in awaited


def test_a_machine_reads_the_token_that_was_made_for_it() -> None:
    file = option("machine-token", "--token-file")

    assert option("machine", "--token-file") == file
    assert volumes("machine")["machine-token"] == volumes("machine-token")["machine-token"] == file.rpartition("/")[0]


def test_a_machine_is_told_no_secret_of_the_servers() -> None:
    machine = SERVICES["machine"]

    assert "secrets" not in machine
    assert "environment" not in machine
    assert set(volumes("machine")) & set(volumes("server")) == set()


def test_volumes_lie_where_the_image_keeps_what_lasts() -> None:
    made = (ROOT / "deploy/Dockerfile").read_text()

    for name in OURS:
        for place in volumes(name).values():
            assert f" {place}" in made.partition("install -d")[2].partition("COPY")[0]


def test_the_pages_secrets_are_those_of_the_file(tmp_path: Path) -> None:
    [block] = [each.text for each in blocks_of("docs/deployment.md") if "deploy/secrets" in each.text and each.language == "shell"]
    making, starting = block.split("docker compose", 1)
    need("openssl")

    subprocess.run([need("bash"), "-e", "-c", f"mkdir deploy\n{making}"], cwd=tmp_path, check=True)

    made = {path.name: path.read_text().rstrip("\n") for path in (tmp_path / "deploy/secrets").iterdir()}
    given = Settings.from_environment({"CI_DATABASE_URL_FILE": str(tmp_path / "deploy/secrets/database-url")})
    assert {f"secrets/{name}" for name in made} == {secret["file"] for secret in FILE["secrets"].values()}
    assert given.database_url == f"mysql+pymysql://ci:{made['database-password']}@mariadb/{SERVICES['mariadb']['environment']['MARIADB_DATABASE']}"
    make_parser().parse_args(shlex.split(starting.rpartition(" exec server ci-api ")[2]))
