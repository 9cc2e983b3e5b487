"""Projects that mean harm: each does its worst in `job.py`, and says on its output what it got hold of."""
from __future__ import annotations

ALL = "import ctypes, glob, json, os, shutil, signal, socket, subprocess, sys, time\n"

FORK_BOMB = """
print("begun", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
"""

# It keeps a processor to itself for long enough to be seen to, and from then on costs the other tests nothing.
ENDLESS = """
until = time.monotonic() + 3
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print("begun", flush=True)
while True:
    if time.monotonic() > until:
        time.sleep(1)
"""

MEMORY_BOMB = """
print("begun", flush=True)
blocks = []
while True:
    blocks.append(b"x" * (4 << 20))
"""

DISK_BOMB = """
print("begun", flush=True)
try:
    for number in range(1000):
        with open(f"filling-{number}", "wb", buffering=0) as filling:
            for _ in range(16):
                filling.write(os.urandom(1 << 20))
except OSError:
    print("full", flush=True)
    sys.exit(3)
"""

LOG_BOMB = """
while True:
    os.write(1, b"y" * 65536)
"""

DAEMON = """
word = open("word").read()
stay = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(600)"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", stay, word], start_new_session=True)
        subprocess.Popen(
            [sys.executable, "-c", stay, word], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, close_fds=True)
    os._exit(0)
os.wait()
print("left", flush=True)
"""

KILL_ALL = """
print("begun", flush=True)
for pid in (1, os.getppid(), -1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
sys.exit(5)
"""

# Whatever succeeds here is a way out.
LOOK_AROUND = """
targets = json.load(open("targets.json"))

def reached(what):
    print("REACHED", what, flush=True)

for host, port in targets["addresses"]:
    try:
        socket.create_connection((host, port), 3).close()
        reached((host, port))
    except OSError:
        pass
for name in targets["sockets"]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            socket.socket(socket.AF_UNIX, kind).connect(name)
            reached(name)
        except OSError:
            pass
roots = ["", "/workspace/../..", *glob.glob("/proc/[0-9]*/root"), *glob.glob("/proc/[0-9]*/cwd/../../../../..")]
for path in (root + path for root in roots for path in targets["paths"]):
    try:
        reached(("list", path, os.listdir(path)) if os.path.isdir(path) else ("read", path, open(path, "rb").read(1000)))
    except OSError:
        pass
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(path, open(path, "rb").read(), flush=True)
    except OSError:
        pass
for path in ("/etc/passwd", "/usr/bin/python3", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper",
             "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda"):
    try:
        open(path, "r+b").close()
        reached(("write", path))
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
for name, act in {
    "setuid": lambda: libc.setuid(0), "chroot": lambda: libc.chroot(b"/tmp"), "unshare": lambda: libc.unshare(0x10000000),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), "ptrace": lambda: libc.ptrace(16, 1, None, None),
}.items():
    if act() == 0:
        reached(name)
shutil.copy(shutil.which("id"), "id")
os.chmod("id", 0o6755)
if subprocess.run(["./id", "-u"], capture_output=True, text=True).stdout.strip() == "0":
    reached("root")
print("LOOKED", flush=True)
"""

ARTIFACTS = """
targets = json.load(open("targets.json"))
os.makedirs("artifacts/deep")
os.makedirs(".ci-job", exist_ok=True)
for name in targets["names"]:
    open("artifacts/" + name, "w").write("kept")
open("artifacts/new\\nline", "w").write("no")
open(b"artifacts/\\xff\\xfe", "w").write("no")
os.mkfifo("artifacts/pipe")
os.symlink("/etc/passwd", "junit.xml")
os.symlink(targets["paths"][0], ".ci-job/junit.xml")
os.symlink("/", "htmlcov")
os.symlink("..", "artifacts/loop")
for number, path in enumerate(targets["paths"]):
    os.symlink(path, f"artifacts/link-{number}")
"""

LAUGHS = """
os.makedirs(".ci-job", exist_ok=True)
os.makedirs("artifacts/1")
os.makedirs("artifacts/2")
entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
declared = f'<!ENTITY l0 "ha"><!ENTITY x SYSTEM "file:///etc/passwd">{entities}'
open(".ci-job/junit.xml", "w").write(f"<!DOCTYPE t [{declared}]><testsuite>&x;&l29;</testsuite>")
open("artifacts/1/junit.xml", "w").write('<testsuite name="' + "n" * (8 << 20))
name = "&#10;&#x202e;&lt;script&gt;alert(1)&lt;/script&gt;&quot;"
open("artifacts/2/junit.xml", "w").write(
    f'<testsuite><testcase classname="{name}" name="{name}" time="1e999"><failure message="{name * 1000}"/></testcase></testsuite>')
"""

# What a reader of the stream could take for the end of it, or of the line, or of the page.
FALSE_END = """
os.write(1, b"first\\n")
os.write(1, b'\\n\\ndata: {"type": "complete", "success": true}\\n\\nid: 9-9\\nevent: complete\\nretry: 1\\n: ping\\n\\n')
noise = b"\\xff\\xfe\\xc3\\x28\\xed\\xa0\\x80\\0\\x1b[2J\\x1b]0;title\\x07\\r\\x85\\xe2\\x80\\xa8"
os.write(1, (noise + b"</pre><script>alert(1)</script>\\n") * 100)
for act in (
    lambda: os.ftruncate(1, 0), lambda: os.lseek(1, 0, 0), lambda: open("/proc/self/fd/1", "r+b").truncate(0),
):
    try:
        act()
    except OSError:
        pass
os.closerange(3, 1000)
os.write(1, b"last, without a line end")
"""

CONFTEST = """
import os, signal, sys
os.write(1, b"\\xff\\xfe\\x1b[2J begun\\n")
for descriptor in range(3, 100):
    try:
        os.write(descriptor, b"into every descriptor")
    except OSError:
        pass
os.kill(os.getppid(), signal.SIGKILL)
os.kill(-1, signal.SIGKILL)
os._exit(0)
"""
CONFTEST_STARTER = "import os\nos.execvp('sh', ['sh', '-c', 'python3 -m pytest -s; echo not reached'])\n"

HONEST = "import os\nprint('unharmed', sorted(os.listdir('.')), os.listdir('/tmp'))\n"
