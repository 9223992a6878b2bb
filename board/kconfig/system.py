"""What programs find on the board: the clock's start, file systems, the console, the log."""

from __future__ import annotations

from board.kconfig.option import flag, hexadecimal, integer, string

SYSTEM = [
    integer("START_YEAR", 2018, "year of the board's clock at power-on", low=1970, high=2106),
    integer("START_MONTH", 1, "its month", low=1, high=12),
    integer("START_DAY", 1, "its day", low=1, high=31),
    flag("FS_PROCFS", False, "/proc, which ps, free and ifconfig read"),
    flag("FS_TMPFS", False, "files in memory"),
    flag("FS_BINFS", False, "/bin, where the built-in programs are files"),
    string("LIBC_TMPDIR", "/tmp", "where the files in memory are mounted, and back-quotes keep theirs"),
    flag("LIBC_STRERROR", False, "programs that print errors know their names"),
    flag("SERIAL_IFLOWCONTROL", False, "a full console receive buffer takes RTS away; else characters are lost"),
    flag("TTY_FORCE_PANIC", False, "a character on the console crashes the board"),
    hexadecimal("TTY_FORCE_PANIC_CHAR", 0x1F, "that character", "TTY_FORCE_PANIC"),
    integer("TTY_FORCE_PANIC_REPEAT_COUNT", 1, "how often in a row it has to come", "TTY_FORCE_PANIC", low=1),
    flag("SYSLOG_TIMESTAMP", False, "log lines begin with the time"),
    flag("SYSLOG_PRIORITY", False, "log lines say how serious they are"),
    flag("RAMLOG_SYSLOG", False, "the log is kept in RAM, for dmesg, and not printed on the console"),
    integer("RAMLOG_BUFSIZE", 1024, "bytes of it that are kept", "RAMLOG_SYSLOG", low=64),
]
