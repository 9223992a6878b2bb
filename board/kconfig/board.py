"""The board as a whole."""

from __future__ import annotations

from board.kconfig.option import MAX_CPUS, flag, integer, string

BOARD = [
    string("ARCH", "sim", "architecture, as uname shows it"),
    string("ARCH_BOARD", "sim", "board name, as uname shows it"),
    string("LIBC_HOSTNAME", "", "host name, as uname shows it"),
    integer("RAM_SIZE", 67108864, "bytes of RAM that stacks, buffers and heap share", high=1 << 40),
    flag("SMP", False, "more than one CPU"),
    integer("SMP_NCPUS", 4, "number of CPUs", "SMP", low=1, high=MAX_CPUS),
    integer("BOARD_RESET_ON_ASSERT", 0, "a crash resets the board; 2: so does an assertion that fails in a program"),
]
