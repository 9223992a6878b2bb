"""Builds the C core as the extension module kernel._core (cffi API mode, stable ABI).

setup.py names :func:`ffibuilder`. The sources are all csrc/*.c; what Python may call is declared in csrc/cdef/*.h, one
fragment a C file, read in sorted order. A fragment is plain C: the generated wrapper includes it next to the headers,
so that the compiler checks the two against each other. Only a fragment that uses what C cannot read
(``extern "Python"``, ``#define X ...``) stays out of the wrapper.

``NUTLOOP_SANITIZE=1`` in the environment builds with AddressSanitizer and UndefinedBehaviorSanitizer instead of -O2.
Run as a program it only checks that a build is possible: one line on stderr and exit status 1 if it is not.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cffi import FFI

CSRC = Path("csrc")  # setuptools wants sources relative to setup.py, and runs there
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
OPTIMIZED = ["-O2", "-fno-semantic-interposition", "-fvisibility=hidden"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
LIMITED_API = "0x030a0000"  # the stable ABI of Python 3.10
CFFI_ONLY = ('"Python"', "...")


def compiler_name() -> str:
    """The compiler that setuptools will use, with its options."""
    return os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"


def missing_tool() -> str | None:
    """What a build lacks on this machine and the command that fixes it, in one line; None if nothing."""
    cc = compiler_name()
    command = shlex.split(cc)
    if shutil.which(command[0]) is None:
        return (
            f"nutloop: no C compiler: {command[0]!r} is not on the PATH; install it with"
            " `sudo apt-get install gcc libc6-dev` (Fedora: `sudo dnf install gcc`), or name yours with CC=..."
        )
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"nutloop: no C headers for Python {version}: {include}/Python.h does not exist; install them with"
            f" `sudo apt-get install python{version}-dev` (Fedora: `sudo dnf install python3-devel`)"
        )
    probe = subprocess.run([*command, "-E", "-"], input=b"#include <stdlib.h>\n", capture_output=True, check=False)
    if probe.returncode != 0:
        return (
            f"nutloop: the C compiler {cc!r} finds no <stdlib.h>; install the C library's headers with"
            " `sudo apt-get install libc6-dev` (Fedora: `sudo dnf install glibc-devel`)"
        )
    return None


def plain_fragments(directory: Path) -> list[str]:
    """The names of the fragments that C can read too, sorted."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.h")}
    return sorted(name for name, text in texts.items() if not any(mark in text for mark in CFFI_ONLY))


def ffibuilder() -> FFI:
    """The cffi builder of kernel._core. Raises SystemExit with one line if a compiler or headers are missing."""
    problem = missing_tool()
    if problem:
        raise SystemExit(problem)
    from cffi import FFI

    sanitize = os.environ.get("NUTLOOP_SANITIZE") == "1"
    fragments = sorted((CSRC / "cdef").glob("*.h"))
    headers = sorted(path for path in CSRC.glob("*.h") if path.name != "prelude.h")
    plain = [f"cdef/{name}" for name in plain_fragments(CSRC / "cdef")]
    includes = ["prelude.h", *(path.name for path in headers), *plain]

    ffi = FFI()
    ffi.cdef("\n".join(path.read_text(encoding="utf-8") for path in fragments))
    ffi.set_source(
        "kernel._core",
        "".join(f'#include "{name}"\n' for name in includes),
        sources=[str(path) for path in sorted(CSRC.glob("*.c"))],
        depends=[str(path) for path in [*headers, *fragments, CSRC / "prelude.h", CSRC / "build_core.py"]],
        include_dirs=[str(CSRC)],
        define_macros=[("Py_LIMITED_API", LIMITED_API)],
        py_limited_api=True,
        extra_compile_args=WARNINGS + (SANITIZED if sanitize else OPTIMIZED),
        extra_link_args=SANITIZERS if sanitize else [],
    )
    return ffi


if __name__ == "__main__":
    sys.exit(missing_tool())
