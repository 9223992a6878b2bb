"""What every test shares: hypothesis without wall-clock deadlines and random examples, and the host's own tools."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import settings
from iob_kit import small_kernel

from kernel.iob import IobPool
from kernel.kernel import Kernel

settings.register_profile("nutloop", deadline=None, derandomize=True, database=None)
settings.load_profile("nutloop")

# A job in the background of a script ignores these, and so would the programs that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
for ignored in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(ignored, signal.SIG_DFL)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A kernel alone, with 8 I/O buffers."""
    with small_kernel() as kernel:
        yield kernel


@pytest.fixture
def pool(kernel: Kernel) -> IobPool:
    """Its buffers."""
    return kernel.iobs


@pytest.fixture
def run_tool() -> Callable[..., str]:
    """Runs a program of the host and gives its standard output; skips the test where it is not installed."""

    def run(tool: str, *arguments: str) -> str:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        # The sanitizer that `make sanitize` preloads is for our core; capinfos hangs under it.
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        result = subprocess.run(
            [tool, *arguments], capture_output=True, encoding="utf-8", check=True, timeout=60, env=environment
        )
        # Wireshark's tools exit with 0 after a complaint; that they are run by root they mention there too.
        assert "malformed" not in result.stderr.lower() and "corrupt" not in result.stderr.lower()
        return result.stdout

    return run


BOTH_FAMILIES = {
    f"test_tcp{name}"
    for name in (
        "",
        "_attack",
        "_congestion",
        "_idle",
        "_options",
        "_receive",
        "_retransmission",
        "_rfc",
        "_sack",
        "_sack_attack",
        "_sack_newreno",
        "_send",
        "_streams",
        "_trouble",
        "_unbuffered",
        "_window",
        "_workqueue",
    )
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """TCP over IPv6 is the TCP of IPv4: its tests run with a peer of each."""
    if metafunc.module.__name__ in BOTH_FAMILIES and metafunc.definition.get_closest_marker("ipv4") is None:
        metafunc.parametrize("tcp_family", [AF_INET, AF_INET6], ids=["", "ipv6"], indirect=True)


@pytest.fixture(autouse=True)
def tcp_family(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of the peers that tests/tcp_peer.py makes."""
    family = getattr(request, "param", AF_INET)
    if family == AF_INET:
        yield
        return
    import stack
    import tcp_peer

    tcp_peer.FAMILY[0], stack.MTU[0] = family, 1520  # longer by what the header is, so that segments are as long
    yield
    tcp_peer.FAMILY[0], stack.MTU[0] = AF_INET, 1500
