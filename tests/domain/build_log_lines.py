"""Lines as programs wrote them into real build logs, with the level that a reader gives each."""
from __future__ import annotations

from api.domain.log_level import LogLevel

d, i, w, e, c = LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR, LogLevel.CRITICAL

LINES: dict[str, tuple[tuple[LogLevel, str], ...]] = {
    "gcc": (
        (i, "\x1b[01m\x1b[Ka.c:\x1b[m\x1b[K In function ‘\x1b[01m\x1b[Kf\x1b[m\x1b[K’:"),
        (e, "\x1b[01m\x1b[Ka.c:2:29:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kexpected ‘\x1b[01m\x1b[K;\x1b[m\x1b[K’"),
        (w, "\x1b[01m\x1b[Ka.c:2:18:\x1b[m\x1b[K \x1b[01;35m\x1b[Kwarning: \x1b[m\x1b[Kunused variable"),
        (i, "a.c: In function ‘f’:"), (e, "a.c:2:29: error: expected ‘;’ before ‘}’ token"), (i, "    2 | int f(int x){int y; return x}"),
        (w, "a.c:2:18: warning: unused variable ‘y’ [-Wunused-variable]"), (i, "src/error.c:12:3: note: expanded from macro"),
        (c, "c.c:1:10: fatal error: nope.h: No such file or directory"), (c, "cc1: fatal error: nope.c: No such file or directory"),
        (i, "gcc -Wall -Werror -c error_handler.c -o error.o"), (i, "      |          ^~~~~~~~"), (e, "g++: error: unrecognized option"),
    ),
    "ld": (
        (i, "/usr/bin/ld: /tmp/ccrg8eWy.o: in function `main':"), (e, "b.c:(.text+0x5): undefined reference to `f'"),
        (e, "collect2: error: ld returned 1 exit status"), (w, "/usr/bin/ld: warning: libx.so.1, needed by liby.so, not found"),
    ),
    "Microsoft's compiler": (
        (e, "main.cpp(12): error C2065: 'y': undeclared identifier"), (w, "main.cpp(12,4): warning C4101: 'y': unreferenced"),
        (c, "LINK : fatal error LNK1104: cannot open file 'x.lib'"), (e, "src/app.ts(3,7): error TS2304: Cannot find name 'y'."),
        (e, "'nope' is not recognized as an internal or external command,"),
    ),
    "rustc and cargo": (
        (e, "error[E0425]: cannot find value `y` in this scope"), (i, " --> a.rs:1:46"),
        (i, "help: a local variable with a similar name exists"),
        (e, "\x1b[1m\x1b[91merror[E0425]\x1b[0m\x1b[1m: cannot find value `y` in this scope\x1b[0m"),
        (e, "error: aborting due to 2 previous errors"), (i, "Some errors have detailed explanations: E0308, E0425."),
        (i, "For more information about an error, try `rustc --explain E0308`."), (w, "warning: unused variable: `z`"),
        (w, "warning[clippy::all]: this looks odd"), (e, "thread 'main' panicked at p.rs:1:12:"),
        (e, "thread 'main' (4711) panicked at p.rs:1:12:"), (i, "   Compiling error-chain v0.12.4"), (e, "error: could not compile `x`"),
    ),
    "make, ninja, CMake and autoconf": (
        (e, "make: *** [Makefile:4: x] Error 1"), (e, "make[2]: *** [all] Error 2"),
        (e, "make: *** No rule to make target 'nothing'.  Stop."),
        (i, "make[1]: Entering directory '/src/error'"), (i, "make: Nothing to be done for 'all'."), (e, "FAILED: obj/x.o"),
        (e, "ninja: build stopped: subcommand failed."), (e, "ninja: error: loading 'build.ninja': No such file or directory"),
        (e, "CMake Error at CMakeLists.txt:3 (find_package):"), (w, "CMake Warning at CMakeLists.txt:4 (message):"),
        (e, "-- Configuring incomplete, errors occurred!"), (i, "-- Check for working C compiler: /usr/bin/cc - skipped"),
        (e, "configure: error: no acceptable C compiler found in $PATH"), (w, "configure: WARNING: unrecognized options: --x"),
        (e, "libtool:   error: cannot find the library 'x.la'"), (i, "checking for error_at_line... yes"),
    ),
    "apt, dpkg and pip": (
        (i, "Reading package lists..."), (e, "E: Unable to locate package libfoo-nope"), (w, "W: Failed to fetch the index"),
        (e, "Err:1 http://deb.debian.org/debian bookworm InRelease"), (i, "Get:1 http://deb.debian.org/debian bookworm InRelease"),
        (e, "dpkg: error: cannot access archive '/nope.deb': No such file or directory"),
        (e, "dpkg: error processing package x (--configure):"),
        (i, "Setting up liberror-perl (0.17029-2) ..."), (e, "ERROR: No matching distribution found for nope"),
        (w, "WARNING: Location is ignored: it is neither a file nor a directory."), (i, "Collecting errorhandler"),
    ),
    "Python": (
        (e, "Traceback (most recent call last):"), (i, '  File "<string>", line 1, in <module>'),
        (e, "ModuleNotFoundError: No module named 'nope'"),
        (e, "ERROR:root:broken 1"), (w, "WARNING:root:w"), (c, "CRITICAL:root:c"), (d, "DEBUG:urllib3.connectionpool:Starting"),
        (e, "2026-11-29 08:51:12,939 - root - ERROR - text"), (i, "2026-11-29 08:51:12,939 - root - INFO - an ERROR is told"),
        (d, "2026-11-29 08:51:12,939 - root - DEBUG - d"), (e, "2026-11-29 08:51:13,482 ERROR root: text"),
        (e, "2026-11-29 08:51:13.482 | ERROR    | app:main:12 - text"), (w, "08:51:13,482 WARNING root: text"),
        (e, "requests.exceptions.ConnectionError: refused"), (e, "KeyError"), (e, "E   assert 1 == 2"),
        (e, "FAILED test_x.py::test_a - assert 1 == 2"),
        (e, "ERROR test_x.py::test_c - OSError: y"), (i, "test_error.py::test_an_error_is_raised PASSED                [ 25%]"),
        (i, "===================== 2 failed, 1 passed, 1 error in 0.61s ====================="),
    ),
    "shells": (
        (e, "bash: line 1: 22455 Segmentation fault      ./s"), (e, "Segmentation fault (core dumped)"), (e, "Segmentation fault"),
        (e, "bash: line 1: 22458 Aborted                 ./ab"), (e, "r.sh: line 1: 22465 Killed                  sleep 5"), (e, "Killed"),
        (e, "Aborted (core dumped)"), (e, "Bus error (core dumped)"), (e, "bash: line 1: nope: command not found"),
        (e, "sh: 1: nope: not found"),
        (e, "cat: /nope/x: No such file or directory"), (e, "bash: line 1: ./a.c: Permission denied"),
        (i, "Killed by hand, as planned"), (i, "done"),
    ),
    "GitHub's workflows": (
        (e, "##[error]Process completed with exit code 1."), (w, "##[warning]Node.js 16 is out of date"), (i, "##[group]Run make"),
        (d, "##[debug]Evaluating condition"), (e, "::error file=a.c,line=3::broken"), (w, "::warning::careful"), (e, "::error::broken"),
        (e, "2026-11-29T08:51:12.1234567Z ##[error]Process completed with exit code 2."),
    ),
    "Java": (
        (e, "A.java:1: error: incompatible types: String cannot be converted to int"), (i, "1 error"),
        (e, 'Exception in thread "main" java.lang.NullPointerException: Cannot invoke "Object.toString()"'), (i, "\tat B.main(B.java:1)"),
        (e, "Error: Could not find or load main class Nope"), (e, "Caused by: java.lang.ClassNotFoundException: Nope"),
        (e, "[ERROR] Failed to execute goal"), (i, "[INFO] BUILD FAILURE"), (e, "2026-11-29 08:51:13,482 [main] ERROR com.x.App - text"),
    ),
    "JavaScript": (
        (e, 'npm error Missing script: "nope"'), (e, "npm ERR! code ELIFECYCLE"), (w, "npm WARN deprecated x@1"),
        (i, "npm notice New version"),
        (e, "Error: Cannot find module './nope.js'"), (e, "TypeError: x is not a function"), (i, "throw new Error('x')"),
    ),
    "git": ((c, "fatal: not a git repository (or any of the parent directories): .git"), (e, "error: pathspec 'nope' did not match"),),
    "servers": (
        (e, "time=2026-11-29T08:51:12Z level=error msg=x"), (w, "level=warning msg=x"), (e, '{"time": "x", "level": "error", "msg": "y"}'),
        (e, "E1101 10:00:00.000000  1234 main.cc:12] broken"), (i, "I1101 10:00:00.000000  1234 main.cc:12] fine"),
        (c, "panic: runtime error"),
        (e, "==22763==ERROR: AddressSanitizer: stack-buffer-overflow on address 0x7ffc"), (e, "[  FAILED  ] Suite.Test (0 ms)"),
        (e, "ERROR something broke"), (e, "\x1b[31merror: coloured\x1b[0m"), (e, "\x1b[1;31m[ERROR]\x1b[0m broken"),
    ),
    "no marks": (
        (i, "an error: but not at the start"), (i, "0 errors, 0 warnings"), (i, "Errors: 0"), (i, "Error: 0"), (i, "Failed: 0"),
        (i, "Warnings: 12"),
        (i, "ERROR_LIMIT=5"), (i, "INFORMATION is power"), (i, "Error handling was reworked"), (i, "errors:"), (i, "E"), (i, ""),
        (i, "\x1b[31m"),
        (i, "error_log: /var/log/x"), (i, "https://example.org/error: a page"), (i, "no error here, and [ERROR] only in the middle"),
    ),
}
