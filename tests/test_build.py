"""Building the C core: what is missing is named in one line with the command that fixes it."""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def build_core() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_core", ROOT / "csrc" / "build_core.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_missing_compiler_is_one_line_on_stderr_and_a_failure() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "csrc" / "build_core.py"],
        env={**os.environ, "CC": "no-such-cc -m64"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "no C compiler: 'no-such-cc'" in result.stderr
    assert "apt-get install gcc" in result.stderr


def test_missing_python_headers_name_the_package(
    build_core: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build_core, "compiler_name", lambda: sys.executable)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    problem = build_core.missing_tool()
    assert f"{tmp_path}/Python.h does not exist" in problem
    assert f"apt-get install python3.{sys.version_info.minor}-dev" in problem
    assert "\n" not in problem


def test_missing_c_library_headers_name_the_package(
    build_core: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(build_core, "compiler_name", lambda: "false")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert "apt-get install libc6-dev" in build_core.missing_tool()


@pytest.mark.uninstrumented
@pytest.mark.parametrize("source", sorted(path.name for path in (ROOT / "csrc").glob("*.c")))
def test_what_python_calls_is_declared_as_the_c_file_defines_it(build_core: ModuleType, source: str) -> None:
    """A cdef that disagrees with the definition would build: wrapper and C file are compiled apart."""
    command = shlex.split(build_core.compiler_name())
    if shutil.which(command[0]) is None:
        pytest.skip(f"no C compiler {command[0]}")
    fragments = build_core.plain_fragments(ROOT / "csrc" / "cdef")
    program = "".join(f'#include "{name}"\n' for name in [source, "board.h", *(f"cdef/{name}" for name in fragments)])
    headers = ["-I", str(ROOT / "csrc"), "-I", sysconfig.get_path("include")]
    options = ["-std=c11", f"-DPy_LIMITED_API={build_core.LIMITED_API}", "-fsyntax-only", "-x", "c", "-"]
    result = subprocess.run([*command, *headers, *options], input=program, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_unbuilt_core_says_how_to_build_it() -> None:
    program = "import sys; sys.modules['kernel._core'] = None; import kernel.core"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "the C core is not built" in result.stderr
    assert "make core" in result.stderr
