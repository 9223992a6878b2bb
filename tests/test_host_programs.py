"""The host's own TCP tools against the board's programs over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots a live board, types a command line there, runs one of the host's
beside it, and prints what both printed; see :func:`main`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from test_host_tools import in_a_namespace, may_use_tap, python

HERE = Path(__file__).resolve()
MARK = "\n=== board ===\n"


def beside(line: str, command: str, *tools: str) -> tuple[str, str]:
    """Runs ``line`` on a live board at 10.0.1.2 and ``command`` beside it; what the host's and the board's printed."""
    may_use_tap(*tools)
    done = in_a_namespace(*python(), str(HERE), line, command)
    assert done.returncode == 0, done.stdout + done.stderr
    host, _, board = done.stdout.partition(MARK)
    return host, board


def test_nc_hears_its_echo() -> None:
    host, board = beside("tcpecho", "(echo hello; sleep 0.3) | nc -N -w 5 10.0.1.2 80", "nc")
    assert host == "hello\n" and board == "Start echo server\n"


def test_nc_gets_a_megabyte_back_unchanged() -> None:
    host, _ = beside("tcpecho", "head -c 1000000 /dev/urandom > $TMP; nc -N -w 5 10.0.1.2 80 < $TMP | cmp - $TMP", "nc")
    assert host == ""


def main(line: str, command: str) -> int:
    """Inside the namespace: a live board on tap0, and the host's side of it configured."""
    from tempfile import NamedTemporaryFile

    from board import Board
    from kernel.nsh import run_command

    with Board("sim", live=True) as b, NamedTemporaryFile() as temporary:
        b.eth0.attach_tap("tap0")
        for words in ("link set lo up", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        b.boot()
        job = run_command(b.kernel, line)
        script = f"TMP={temporary.name}; {command}"
        b.run(0.3)
        with subprocess.Popen(script, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as host:
            if not b.run_until(lambda: host.poll() is not None, 40):
                host.kill()
                print(f"{command} did not end", file=sys.stderr)
                return 1
            assert host.stdout is not None
            b.run_until(lambda: job.done, 1)
            print(host.stdout.read(), end=MARK)
        print(job.text, end="")
        print("\n".join(b.reports), file=sys.stderr)
        return host.returncode or bool(b.reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
