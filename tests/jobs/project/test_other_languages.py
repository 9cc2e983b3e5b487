"""Projects in other languages, run by their command with what the host has of that language."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from api.jobs.project.collecting import collect
from api.jobs.project.job_options import JobOptions
from api.jobs.project.keeping import ArtifactLimits
from api.jobs.project.python_runtime import host_runtime
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, Bench
from tests.jobs.project.zips import honest
from tests.parts import need

LARGE = replace(LIMITS, memory_bytes=1 << 30, processes=256)
NODE = {
    "package.json": '{"name": "sums", "scripts": {"test": "node --test"}}',
    "sums.js": "exports.add = (a, b) => a + b;\n",
    "sums.test.js": (
        "const test = require('node:test');\nconst assert = require('node:assert');\nconst { add } = require('./sums.js');\n"
        "test('two and two', () => assert.strictEqual(add(2, 2), SUM));\n"
        "test('a child has a Node too', () => require('node:child_process').execFileSync('node', ['-e', '0']));\n")}
JAVA = {
    "Makefile": "test:\n\tjavac -d classes *.java\n\tjava -cp classes SumsTest\n",
    "Sums.java": "class Sums { static int add(int a, int b) { return a + b; } }\n",
    "SumsTest.java": (
        "import java.nio.file.*;\nclass SumsTest {\n    public static void main(String[] words) throws Exception {\n"
        "        boolean good = Sums.add(2, 2) == SUM && new java.security.SecureRandom().nextInt(1) == 0;\n"
        "        String failure = good ? \"\" : \"<failure>not so</failure>\";\n"
        "        String text = \"<testsuite><testcase classname='Sums' name='two and two'>\" + failure + \"</testcase></testsuite>\";\n"
        "        Files.writeString(Path.of(\"report.xml\"), text);\n        System.exit(good ? 0 : 1);\n    }\n}\n")}


def ran(bubblewrap: Sandbox, folder: Path, command: str, files: Mapping[str, str], total: int) -> tuple[int | None, str, Bench]:
    """Run a project whose tests expect that two and two are `total`."""
    bench = Bench(bubblewrap, folder)
    (folder / "project.zip").write_bytes(honest({name: text.replace("SUM", str(total)).encode() for name, text in files.items()}))
    options = JobOptions(command=tuple(command.split()), limits=LARGE)
    return *bench.run_project(folder / "project.zip", options, host_runtime(folder / "kit")), bench


@pytest.mark.parametrize(("total", "code"), [(4, 0), (5, 1)])
@pytest.mark.parametrize("command", ["node --test", "npm test"])
def test_a_project_of_node_is_run_by_the_hosts_node(bubblewrap: Sandbox, tmp_path: Path, command: str, total: int, code: int) -> None:
    need("npm")

    ended, log, bench = ran(bubblewrap, tmp_path, command, NODE, total)

    assert ended == code, log
    assert "a child has a Node too" in log
    bench.clear()


@pytest.mark.parametrize(("total", "code", "failures"), [(4, 0, 0), (5, 2, 1)])
def test_a_project_of_java_is_built_and_run_by_make_and_its_report_is_read(
    bubblewrap: Sandbox, tmp_path: Path, total: int, code: int, failures: int,
) -> None:
    need("javac")
    need("make")

    ended, log, bench = ran(bubblewrap, tmp_path, "make test", JAVA, total)

    kept = collect(bench.last.workspace, bench.last.files, ["report.xml"], ArtifactLimits())
    assert ended == code, log
    assert kept.report is not None
    assert (kept.report.tests, kept.report.failures) == (1, failures)
    bench.clear()
