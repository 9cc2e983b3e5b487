"""What a project's files declare to be installed, and in which order."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.declarations import DEVELOPMENT_FILES, FILES, TEST_FILES, find_declarations

BUILT = "[build-system]\nrequires = []\n"
PROJECT = "[project]\nname = 'a'\n"


def words(**files: str) -> list[tuple[str, ...]]:
    """What is declared by files, given with `_` for each dot and `__` for each dash."""
    named = {name.replace("__", "-").replace("_", "."): text for name, text in files.items()}
    return [item.words for item in find_declarations(named).items]


def test_a_project_without_files_declares_nothing() -> None:
    assert find_declarations({}).items == ()
    assert find_declarations({}).python is None


@pytest.mark.parametrize("files", [
    {"pyproject.toml": BUILT}, {"pyproject.toml": PROJECT}, {"pyproject.toml": "[tool.poetry]\nname = 'a'\n"}, {"setup.py": "setup()"},
    {"setup.cfg": "[metadata]\nname = a\n"}])
def test_a_project_that_says_how_it_is_built_is_installed_editable(files: dict[str, str]) -> None:
    (item,) = find_declarations(files).items

    assert item.words == ("-e", ".")
    assert item.source == f"{next(iter(files))}: the project itself, editable"


@pytest.mark.parametrize("files", [{"pyproject.toml": "[tool.ruff]\n"}, {"setup.cfg": "[flake8]\n"}])
def test_files_with_settings_of_tools_alone_make_no_package(files: dict[str, str]) -> None:
    assert find_declarations(files).items == ()


def test_all_that_is_for_tests_is_found_in_a_fixed_order() -> None:
    project = PROJECT + "[project.optional-dependencies]\ntest = ['a']\ntesting = ['b']\ndocs = ['c']\n[dependency-groups]\ntests = ['d']\n"
    files = {
        "constraints.txt": "", "uv.lock": "", "requirements-test.txt": "", "requirements.txt": "", "pyproject.toml": project,
        "setup.cfg": "[options]\ntests_require =\n    e>1\n    f  # why\n"}

    found = find_declarations(files)

    assert [item.words for item in found.items] == [
        ("-e", ".[test,testing]"), ("-r", "requirements.txt"), ("--group", "tests"), ("-r", "requirements-test.txt"), ("e>1", "f"),
        ("-c", "constraints.txt"), ("-c", "uv.lock")]
    assert found.items[0].source == "pyproject.toml: the project itself, editable, with the extra test and testing"


def test_a_lock_without_a_project_says_nothing() -> None:
    assert words(uv_lock="", requirements_txt="") == [("-r", "requirements.txt")]


def test_what_is_for_development_counts_only_where_nothing_is_for_tests() -> None:
    development = "[dependency-groups]\ndev = ['a']\n"

    assert words(pyproject_toml=development) == [("--group", "dev")]
    assert words(pyproject_toml=development, requirements__test_txt="") == [("-r", "requirements-test.txt")]


@pytest.mark.parametrize(("table", "found"), [
    ("[tool.uv]\ndev-dependencies = ['a']\n", ("a",)),
    ("[tool.pdm.dev-dependencies]\ntest = ['a', 'b']\n", ("a", "b")),
    ("[tool.hatch.envs.hatch-test]\nextra-dependencies = ['a']\n", ("a",)),
    ("[tool.hatch.envs.test]\ndependencies = ['a']\n", ("a",)),
    ("[tool.hatch.envs.dev]\ndependencies = ['a']\n", ("a",)),
    ("[tool.poetry.group.test.dependencies]\na = '^1'\n", ("a>=1,<2",)),
    ("[tool.poetry.dev-dependencies]\na = '*'\n", ("a",)),
])
def test_other_tools_tables_of_dependencies_are_read(table: str, found: tuple[str, ...]) -> None:
    assert words(pyproject_toml=table)[-1] == found


def test_options_among_the_requirements_of_a_table_are_left_out() -> None:
    assert words(pyproject_toml="[tool.uv]\ndev-dependencies = ['--index-url=x', 'a', 3, '']\n") == [("a",)]


def test_extras_of_a_setup_script_are_read_without_running_it() -> None:
    script = "extras = {'test': ['a'], name: [], **more}\nsetuptools.setup(extras_require=extras, tests_require=['b'], **rest)\n"

    assert words(setup_py=script) == [("-e", ".[test]"), ("b",)]


@pytest.mark.parametrize("script", ["setup(extras_require=made())", "setup(extras_require=missing)", "setup(", "x()()", "a\0b"])
def test_what_a_setup_script_computes_is_not_known(script: str) -> None:
    assert words(setup_py=script) == [("-e", ".")]


@pytest.mark.parametrize(("files", "found"), [
    ({"tox.ini": "[testenv]\ndeps =\n    # why\n    a>1\n    -r{toxinidir}/x.txt\n    -c y.txt\n    py39: b\n    c{env:D}\n    --pre\n"},
     [("a>1", "-r", "x.txt", "-c", "y.txt")]),
    ({"setup.cfg": "[testenv]\ndeps = a\n"}, [("a",)]),
    ({"pyproject.toml": "[tool.tox.env_run_base]\ndeps = ['a', '-r x.txt', {replace = 'b'}]\n"}, [("a", "-r", "x.txt")]),
    ({"pyproject.toml": PROJECT + "optional-dependencies = {all = []}\n[tool.tox.env_run_base]\nextras = ['all', 'none']\n"},
     [("-e", ".[all]")]),
    ({"pyproject.toml": PROJECT + "optional-dependencies = {all = []}\n", "tox.ini": "[testenv]\nextras = all, none\n"},
     [("-e", ".[all]")]),
    ({"tox.ini": "[testenv]\ncommands = pytest\n"}, []),
])
def test_what_tox_installs_for_tests_counts_before_what_is_for_development(
    files: dict[str, str], found: list[tuple[str, ...]],
) -> None:
    items = find_declarations({**files, "requirements-dev.txt": ""}).items

    assert [item.words for item in items] == (found or [("-r", "requirements-dev.txt")])


@pytest.mark.parametrize(("files", "python"), [
    ({"pyproject.toml": PROJECT + "requires-python = '>=3.9, <4'\n"}, ">=3.9, <4"),
    ({"setup.cfg": "[options]\npython_requires = >=3.10\n"}, ">=3.10"),
    ({"pyproject.toml": PROJECT + "requires-python = '/usr/bin/python'\n"}, None),
    ({"pyproject.toml": PROJECT + "requires-python = 3\n"}, None),
])
def test_the_range_of_versions_is_the_projects_own(files: dict[str, str], python: str | None) -> None:
    assert find_declarations(files).python == python


@pytest.mark.parametrize("text", ["[", "a = " + "[" * 5000, "\0"])
def test_files_that_cannot_be_read_declare_nothing_of_their_own(text: str) -> None:
    assert words(pyproject_toml=text, setup_cfg=text, tox_ini=text) == []


def test_names_that_no_installer_takes_for_extras_are_left_out() -> None:
    project, script = PROJECT + "optional-dependencies = {test = []}\n", "setup(extras_require={'TEST': [], 'b c': []})"

    assert words(pyproject_toml=project, setup_py=script) == [("-e", ".[TEST,test]")]


@given(st.dictionaries(st.sampled_from(FILES), st.text(max_size=200)))
def test_whatever_stands_in_the_files_no_option_comes_of_it(files: dict[str, str]) -> None:
    options = {"-e", "-r", "-c", "--group"}

    for item in find_declarations(files).items:
        assert all(not word.startswith("-") or word in options for word in item.words)


def test_what_has_pytest_counts_only_where_nothing_is_named_for_tests_or_development() -> None:
    extras = PROJECT + "[project.optional-dependencies]\nall = ['pytest >= 8', 'hypothesis']\ndocs = ['sphinx']\nplugin = ['pytest-cov']\n"
    groups = "[dependency-groups]\nci = ['pytest']\nlint = ['ruff']\n"
    setup = "[metadata]\nname = a\n[options.extras_require]\nfull =\n    ruff\n    pytest\n"

    assert words(pyproject_toml=extras) == [("-e", ".[all]")]
    assert words(pyproject_toml=groups) == [("--group", "ci")]
    assert words(setup_cfg=setup) == [("-e", ".[full]")]
    assert words(pyproject_toml=extras + "test = ['x']\n") == [("-e", ".[test]")]


def test_no_file_is_both_for_tests_and_for_development() -> None:
    assert not set(TEST_FILES) & set(DEVELOPMENT_FILES)
    assert len(set(FILES)) == len(FILES)
