"""The NuttShell: line editing, language, commands. See shell.py."""

from kernel.nsh.main import Job, nsh_main, run_command

__all__ = ["Job", "nsh_main", "run_command"]
