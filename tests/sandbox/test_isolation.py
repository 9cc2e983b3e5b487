"""Nothing of the host, of its network or of another job can be had from inside of a sandbox."""
from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from api.sandbox.sandbox import Mount
from tests.jobs.attempts import Bench, python, shell
from tests.sandbox.attempts import EVERYWHERE, SYSTEM_CALL


@EVERYWHERE
def test_the_workspace_is_writable_and_its_files_belong_to_the_slots_user(bench: Bench) -> None:
    running = bench.start(shell("pwd; echo x > made; mkdir sub; echo y > /workspace/sub/other"))

    running.ended()

    assert running.log == "/workspace\n"
    assert (running.workspace / "sub" / "other").read_text() == "y\n"
    assert (running.workspace / "made").stat().st_uid == running.user_id


@EVERYWHERE
def test_nothing_else_is_writable_but_memory(bench: Bench) -> None:
    places = "/ /usr /usr/bin /etc /dev /proc /var /run /root /lib"

    _, log = bench.run(shell(
        f"for place in {places}; do touch $place/x 2>/dev/null && echo $place; done; touch /tmp/x /dev/shm/x && echo ok"))

    assert log == "ok\n"


@EVERYWHERE
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


@EVERYWHERE
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


def test_sockets_that_no_network_namespace_holds_back_are_refused(bench: Bench) -> None:
    kinds = {16: "socket.SOCK_RAW", 17: "socket.SOCK_RAW", 38: "5", 40: "socket.SOCK_STREAM"}
    program = "\n".join(
        f"try:\n    socket.socket({family}, {kind})\nexcept OSError as fault:\n    print({family}, fault.errno)"
        for family, kind in kinds.items())

    _, log = bench.run(python(program))

    assert log.splitlines() == [f"{family} 97" for family in kinds]


@EVERYWHERE
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


CALLS = [
    (272, "0x10000000"), (165, "b'none', b'/tmp', b'tmpfs', 0, 0"), (101, "0, 0, 0, 0"), (248, "b'user', b'a', b'b', 1, -1"),
    (321, "0, 0, 0"), (298, "0, 0, -1, -1, 0"), (323, "0"), (425, "1, 0"), (56, "0x10000011, 0, 0, 0, 0"), (304, "0, 0, 0"), (435, "0, 0"),
    (155, "b'/tmp', b'/tmp'"), (999, "0"), (447, "0"), (154, "0, 0, 0"), (68, "0, 0x3ff"), (240, "b'/q', 0x42, 0x1ff, 0"),
    (278, "0, 0, 0, 0"),
]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of calls are another architecture's")
def test_system_calls_that_reach_out_of_the_sandbox_are_refused(bench: Bench) -> None:
    program = "\n".join(
        f"print({call}, libc.syscall({call}, {arguments}), ctypes.get_errno() in (1, 38), flush=True)" for call, arguments in CALLS)

    _, log = bench.run(python(SYSTEM_CALL + program))

    assert log.splitlines() == [f"{call} -1 True" for call, _ in CALLS]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of calls are another architecture's")
def test_calls_that_show_mounts_are_unknown_to_a_job(bench: Bench) -> None:
    _, log = bench.run(python(
        f"{SYSTEM_CALL}for call in (457, 458):\n    print(libc.syscall(call, 0, 0, 0, 0), ctypes.get_errno() == 38)"))

    assert log == "-1 True\n" * 2


def test_two_jobs_see_nothing_of_each_other(bench: Bench) -> None:
    first = bench.start(shell("echo SECRET > /tmp/note; echo SECRET > note; chmod 666 note /tmp/note; echo up; sleep 600"))
    first.await_log("up")

    _, log = bench.run(shell(f"cat /tmp/note note {first.workspace}/note 2>/dev/null; kill -9 -1; echo end"))

    assert "SECRET" not in log
    assert first.files.is_supervised()
