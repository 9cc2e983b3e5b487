"""What every sandbox must do for a job, and what it must hold back; each test is run in each of them, under a real supervisor."""
from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.jobs.supervisor.start import SupervisorNotStarted, start_supervisor
from api.sandbox.sandbox import Mount, Sandbox
from tests.jobs.attempts import LIMITS, Bench, await_true, processes_of, python, shell

SYSTEM_CALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"


def is_unharmed(bench: Bench) -> bool:
    """Whether the next job runs as if nothing had been."""
    record, log = bench.run(shell("echo fine"))
    return (record.reason, record.exit_code, log) == (JobReason.EXIT_CODE, 0, "fine\n")


def test_it_can_be_used_here(sandbox: Sandbox) -> None:
    capabilities = sandbox.probe()

    assert capabilities.trouble is None
    assert {"memory", "processes", "cpus", "own_user", "system_calls"} <= {guard.name for guard in capabilities.guards if guard.enforced}


def test_a_command_runs_to_its_end(bench: Bench) -> None:
    record, log = bench.run(shell("echo out; echo err >&2; exit 3"))

    assert (record.fence, record.reason, record.exit_code, record.signal, record.step) == (3, JobReason.EXIT_CODE, 3, None, "step0")
    assert log == "out\nerr\n"
    assert record.log_bytes == len(log)


def test_a_commands_words_reach_it_as_they_are(bench: Bench) -> None:
    _, log = bench.run((*python("print(sys.argv[1:])"), "a b", "$HOME", "", "--", "'ö'"))

    assert log == "['a b', '$HOME', '', '--', \"'ö'\"]\n"


def test_a_command_that_is_not_there_ends_as_in_a_shell(bench: Bench) -> None:
    record, log = bench.run(("no-such-program",))

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 127)
    assert "no-such-program" in log


def test_a_command_that_crashes_is_told_by_its_signal(bench: Bench) -> None:
    record, _ = bench.run(python("os.abort()"))

    assert (record.exit_code, record.signal) == (128 + signal.SIGABRT, signal.SIGABRT)


def test_a_later_step_finds_what_an_earlier_one_left(bench: Bench) -> None:
    record, log = bench.run(shell("echo kept > left"), shell("cat left; exit 4"))

    assert (record.step, record.exit_code, log) == ("step1", 4, "kept\n")


def test_a_step_that_fails_is_the_last_one(bench: Bench) -> None:
    record, log = bench.run(shell("exit 2"), shell("echo never"))

    assert (record.step, record.exit_code, log) == ("step0", 2, "")


def test_the_environment_is_a_clean_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_DATABASE_URL", "mysql+pymysql://user:secret@host/name")

    _, log = bench.run(("env",), shell("tr '\\0' '\\n' < /proc/1/environ; cat /proc/*/environ"))

    names = {line.split("=")[0] for line in log.splitlines() if "=" in line}
    assert {"HOME", "LANG", "PATH", "TZ"} <= names
    assert "secret" not in log


def test_the_workspace_is_writable_and_its_files_belong_to_the_slots_user(bench: Bench) -> None:
    running = bench.start(shell("pwd; echo x > made; mkdir sub; echo y > /workspace/sub/other"))

    running.ended()

    assert running.log == "/workspace\n"
    assert (running.workspace / "sub" / "other").read_text() == "y\n"
    assert (running.workspace / "made").stat().st_uid == running.user_id


def test_nothing_else_is_writable_but_memory(bench: Bench) -> None:
    places = "/ /usr /usr/bin /etc /dev /proc /var /run /root /lib"

    _, log = bench.run(shell(
        f"for place in {places}; do touch $place/x 2>/dev/null && echo $place; done; touch /tmp/x /dev/shm/x && echo ok"))

    assert log == "ok\n"


def test_a_file_that_is_shown_is_read_only_unless_said_otherwise(bench: Bench, tmp_path: Path) -> None:
    shown, given = tmp_path / "shown", tmp_path / "given"
    for path in (shown, given):
        path.write_text("before")
        path.chmod(0o666)
    mounts = (Mount(shown, "/opt/shown"), Mount(given, "/opt/given", writable=True))

    running = bench.start(shell("cat /opt/shown; echo after > /opt/given; echo after > /opt/shown"), mounts=mounts)
    record = running.ended()

    assert record.exit_code != 0
    assert (shown.read_text(), given.read_text()) == ("before", "after\n")
    assert running.log.startswith("before")


def test_output_is_in_the_log_while_the_command_still_runs(bench: Bench) -> None:
    running = bench.start(python("print('half a line', end='', flush=True); time.sleep(600)"))

    running.await_log("half a line")

    assert running.files.is_supervised()
    assert not running.files.exit.exists()


def test_a_long_log_arrives_whole(bench: Bench) -> None:
    body = "block = bytes(range(256)) * 256\nfor _ in range(800):\n    sys.stdout.buffer.write(block)"
    running = bench.start(python(body), limits=replace(LIMITS, log_bytes=64 << 20))

    record = running.ended()

    expected = hashlib.sha256(bytes(range(256)) * 256 * 800).hexdigest()
    assert record.log_bytes == 800 << 16
    assert hashlib.sha256(running.files.log.read_bytes()).hexdigest() == expected
    assert not record.log_truncated


def test_there_is_no_network(bench: Bench) -> None:
    with socket.create_server(("0.0.0.0", 0)) as host:
        port = host.getsockname()[1]
        addresses = {"127.0.0.1", socket.gethostbyname(socket.gethostname())}
        record, log = bench.run(python(
            f"for address in {sorted(addresses)!r}:\n    try:\n        socket.create_connection((address, {port}), 3)\n"
            "        print('reached')\n    except OSError as fault:\n        print('no')\n"
            "print([line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line])"))

    assert record.exit_code == 0
    assert "reached" not in log
    assert log.splitlines()[-1] == "['lo']"


@pytest.mark.parametrize("family", [16, 17, 38, 40])
def test_sockets_that_no_network_namespace_holds_back_are_refused(bench: Bench, family: int) -> None:
    _, log = bench.run(python(
        f"try:\n    socket.socket({family}, socket.SOCK_RAW if {family} in (16, 17) else socket.SOCK_STREAM if {family} == 40 else 5)\n"
        "except OSError as fault:\n    print('refused', fault.errno)"))

    assert log == "refused 97\n"


def test_a_fork_bomb_is_contained(bench: Bench) -> None:
    running = bench.start(
        python("while True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)"), limits=replace(LIMITS, seconds=3))

    await_true(lambda: len(processes_of(running.user_id)) >= LIMITS.processes - 4)
    most = len(processes_of(running.user_id))
    record = running.ended()

    assert record.reason is JobReason.TIMEOUT
    assert most <= LIMITS.processes + 4
    assert processes_of(running.user_id) == []
    assert is_unharmed(bench)


def test_a_memory_bomb_is_contained(bench: Bench) -> None:
    record, log = bench.run(python("held = []\nwhile True:\n    held.append(bytearray(16 << 20))"))

    assert record.reason is JobReason.OUT_OF_MEMORY
    assert "MemoryError" not in log
    assert is_unharmed(bench)


def test_a_memory_bomb_in_a_child_ends_the_whole_job(bench: Bench) -> None:
    body = "if os.fork() == 0:\n    held = []\n    while True:\n        held.append(bytearray(16 << 20))\nos.wait()\ntime.sleep(600)"

    record, _ = bench.run(python(body))

    assert record.reason is JobReason.OUT_OF_MEMORY


def test_many_processes_share_one_limit_of_memory(bench: Bench) -> None:
    body = "for _ in range(8):\n    if os.fork() == 0:\n        held = bytearray(64 << 20)\n        time.sleep(600)\ntime.sleep(600)"

    record, _ = bench.run(python(body))

    assert record.reason is JobReason.OUT_OF_MEMORY


def test_files_in_memory_count_as_memory(bench: Bench) -> None:
    record, _ = bench.run(shell("dd if=/dev/zero of=/tmp/big bs=1M count=2000 2>/dev/null; exit 9"))

    assert (record.reason, record.exit_code) in [(JobReason.EXIT_CODE, 9), (JobReason.OUT_OF_MEMORY, 137)]
    assert is_unharmed(bench)


def test_a_disk_bomb_is_contained(bench: Bench) -> None:
    limits = replace(LIMITS, file_bytes=1 << 40)
    fill = "dd if=/dev/zero of=big bs=1M 2>/dev/null || dd if=/dev/zero of=more bs=1M 2>/dev/null; exit 9"
    running = bench.start(shell(fill), limits=limits)

    record = running.ended()

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 9)
    assert (running.workspace / "big").stat().st_size <= LIMITS.workspace_bytes
    assert is_unharmed(bench)


def test_a_disk_bomb_is_ended_where_only_the_supervisor_watches(sandbox: Sandbox, tmp_path: Path) -> None:
    bench = Bench(sandbox, tmp_path, images=False)
    body = "while True:\n    open('big', 'ab').write(bytes(1 << 20))\n    time.sleep(0.02)"
    try:
        record, log = bench.run(python(body))
    finally:
        bench.clear()

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 137)
    assert "The workspace has more than" in log


def test_one_file_cannot_be_larger_than_allowed(bench: Bench) -> None:
    limits = replace(LIMITS, file_bytes=1 << 20)

    record, _ = bench.run(python("signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('big', 'wb').write(bytes(2 << 20))"), limits=limits)

    assert record.signal == signal.SIGXFSZ


def test_a_log_bomb_is_contained(bench: Bench) -> None:
    running = bench.start(shell("yes"), limits=replace(LIMITS, log_bytes=1 << 20))

    record = running.ended()

    assert (record.reason, record.log_truncated, record.log_bytes) == (JobReason.LOG_LIMIT, True, 1 << 20)
    assert is_unharmed(bench)


def test_a_log_of_just_the_limit_is_no_bomb(bench: Bench) -> None:
    record, _ = bench.run(shell("head -c 65536 /dev/zero"), limits=replace(LIMITS, log_bytes=65536))

    assert (record.reason, record.log_truncated) == (JobReason.EXIT_CODE, False)


def test_at_the_time_limit_a_command_may_say_goodbye(bench: Bench) -> None:
    body = (
        "def bye(*_):\n    print('bye', flush=True)\n    sys.exit(5)\nsignal.signal(signal.SIGTERM, bye)\n"
        "print('up', flush=True)\ntime.sleep(600)")
    running = bench.start(python(body), limits=replace(LIMITS, seconds=2), grace=60)

    record = running.ended()

    assert (record.reason, record.exit_code, running.log) == (JobReason.TIMEOUT, 5, "up\nbye\n")


def test_a_command_that_does_not_want_to_end_is_killed(bench: Bench) -> None:
    running = bench.start(
        python("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    pass"), limits=replace(LIMITS, seconds=1))

    record = running.ended()

    assert record.reason is JobReason.TIMEOUT
    assert processes_of(running.user_id) == []


def test_a_cancel_ends_the_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 600; echo never"), shell("echo never"))
    running.await_log("up")

    running.files.ask_cancel()
    record = running.ended()

    assert (record.reason, running.log) == (JobReason.CANCELLED, "up\n")
    assert processes_of(running.user_id) == []


def test_the_end_of_the_lease_is_the_end_of_the_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 600"))
    running.await_log("up")

    running.files.renew(datetime.now(UTC) - timedelta(seconds=1))
    still_there = running.files.is_supervised()
    os.kill(running.supervisor, 0)
    # The deadline that the supervisor knows is an hour away: it is told of an earlier one by nothing, so a new job shows it.
    late = bench.start(shell("sleep 600"), lease=1)
    record = late.ended()

    assert still_there
    assert record.reason is JobReason.LOST
    assert processes_of(late.user_id) == []


def test_a_lease_that_is_renewed_goes_on(bench: Bench) -> None:
    running = bench.start(shell("sleep 3; echo done"), lease=2)

    running.files.renew(datetime.now(UTC) + timedelta(hours=1))
    record = running.ended()

    assert (record.reason, running.log) == (JobReason.EXIT_CODE, "done\n")


def test_the_hosts_files_are_not_there(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    secret.chmod(0o644)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    places = ["/etc/shadow", "/root/.bashrc", "/var/lib/dpkg/status", "/etc/ssh/sshd_config", str(secret), str(Path(__file__))]

    _, log = bench.run(shell(f"for place in {' '.join(places)}; do test -s $place && cat $place; done; echo end"))

    assert "SECRET" not in log
    assert "import annotations" not in log
    assert "root:*" not in log and "root:$" not in log and "root:!" not in log


def test_a_link_leads_nowhere_outside(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    secret.chmod(0o644)

    _, log = bench.run(shell(
        f"ln -s {secret} link; cat link 2>/dev/null; ln -s ../../../../../..{secret} up; cat up 2>/dev/null; ln {secret} hard 2>/dev/null;"
        f" cat hard 2>/dev/null; cat /proc/self/cwd/../..{secret} 2>/dev/null; echo end"))

    assert log == "end\n"


def test_proc_leads_nowhere_outside(bench: Bench) -> None:
    body = (
        "for path in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory'):\n"
        "    try:\n        open(path, 'r+b').write(b'1')\n        print('wrote', path)\n    except OSError:\n        pass\n"
        "print(max(int(name) for name in os.listdir('/proc') if name.isdigit()) < 100)\n"
        "print(os.path.exists('/proc/1/root/root/.bashrc'))\n"
        "try:\n    print('read', len(open('/proc/kcore', 'rb').read(1)))\nexcept OSError:\n    pass")

    _, log = bench.run(python(body))

    assert log == "True\nFalse\n"


def test_no_file_gives_more_rights(bench: Bench) -> None:
    body = (
        "status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())\n"
        "print([status[name].strip() for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')])\n"
        "import shutil\nshutil.copy('/usr/bin/id', 'id')\nos.chmod('id', 0o6755)\n"
        "print(subprocess.run(['./id', '-u'], capture_output=True, text=True).stdout.strip() == str(os.getuid()))\n"
        "try:\n    os.setuid(0)\n    print('root')\nexcept OSError:\n    pass")

    _, log = bench.run(python(body))

    rights, same_user = log.splitlines()
    assert eval(rights) == ["0" * 16] * 5 + ["1", "2"]
    assert same_user == "True"


@pytest.mark.parametrize(("call", "arguments"), [
    (272, "0x10000000"), (165, "b'none', b'/tmp', b'tmpfs', 0, 0"), (101, "0, 0, 0, 0"), (248, "b'user', b'a', b'b', 1, -1"),
    (321, "0, 0, 0"), (298, "0, 0, -1, -1, 0"), (323, "0"), (425, "1, 0"), (56, "0x10000011, 0, 0, 0, 0"), (304, "0, 0, 0"), (435, "0, 0"),
    (155, "b'/tmp', b'/tmp'"), (999, "0"),
])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of calls are another architecture's")
def test_system_calls_that_reach_out_of_the_sandbox_are_refused(bench: Bench, call: int, arguments: str) -> None:
    _, log = bench.run(python(f"{SYSTEM_CALL}print(libc.syscall({call}, {arguments}), ctypes.get_errno() in (1, 38))"))

    assert log == "-1 True\n"


def test_a_daemon_does_not_survive(bench: Bench) -> None:
    body = (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        os.closerange(0, 3)\n        time.sleep(600)\n    os._exit(0)\nos.wait()\nprint('left', flush=True)")
    running = bench.start(python(body))

    record = running.ended()

    assert (record.reason, record.exit_code, running.log) == (JobReason.EXIT_CODE, 0, "left\n")
    assert processes_of(running.user_id) == []


def test_two_jobs_see_nothing_of_each_other(bench: Bench) -> None:
    first = bench.start(shell("echo SECRET > /tmp/note; echo SECRET > note; chmod 666 note /tmp/note; echo up; sleep 600"))
    first.await_log("up")

    _, log = bench.run(shell(f"cat /tmp/note note {first.workspace}/note 2>/dev/null; kill -9 -1; echo end"))

    assert "SECRET" not in log
    assert first.files.is_supervised()


def test_when_the_supervisor_is_killed_so_is_the_job(bench: Bench) -> None:
    running = bench.start(python("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"))
    running.await_log("up")

    os.kill(running.supervisor, signal.SIGKILL)
    await_true(lambda: processes_of(running.user_id) == [])

    assert not running.files.is_supervised()
    assert running.files.read_exit() is None
    assert is_unharmed(bench)


def test_a_stop_of_the_service_leaves_the_supervisor_and_its_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 2; echo done"))
    running.await_log("up")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(running.supervisor, number)
    record = running.ended()

    assert (record.reason, running.log) == (JobReason.EXIT_CODE, "up\ndone\n")


def test_an_attempt_has_one_supervisor_and_is_run_once(bench: Bench) -> None:
    running = bench.start(shell("echo once; sleep 2"))

    with pytest.raises(SupervisorNotStarted):
        start_supervisor(running.files)
    running.ended()
    with pytest.raises(SupervisorNotStarted):
        start_supervisor(running.files)

    assert running.log == "once\n"


def test_nothing_is_left_of_a_sandbox(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.sweep(time.time() + 60)

    bench.run(shell("echo x"))

    assert sandbox.sweep(time.time() + 60) == 0


def test_what_a_killed_supervisor_leaves_is_swept_up(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.sweep(time.time() + 60)
    running = bench.start(shell("echo up; sleep 600"))
    running.await_log("up")
    in_use = sandbox.sweep(time.time() + 60)

    os.kill(running.supervisor, signal.SIGKILL)
    await_true(lambda: processes_of(running.user_id) == [])
    young = sandbox.sweep(time.time() - 3600)
    sandbox.sweep(time.time() + 60)

    assert (in_use, young, sandbox.sweep(time.time() + 60)) == (0, 0, 0)
