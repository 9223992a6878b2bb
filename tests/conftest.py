"""What every test shares: hypothesis without wall-clock deadlines and random examples, and the host's own tools."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from iob_kit import small_kernel

from kernel.iob import IobPool
from kernel.kernel import Kernel

settings.register_profile("nutloop", deadline=None, derandomize=True, database=None)
settings.load_profile("nutloop")


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
