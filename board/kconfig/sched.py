"""Tasks, the two work queues, and what is measured of them."""

from __future__ import annotations

from board.kconfig.option import INT_MAX, Get, Value, default_stack, derived, flag, influence, integer


def _lpwork(get: Get) -> Value:
    return bool(get("NET_ETHERNET")) and not get("SCHED_HPWORK")


def _lpwork_priomax(get: Get) -> Value:
    if get("PRIORITY_INHERITANCE") or not get("SCHED_HPWORK"):
        return 176
    return int(get("SCHED_HPWORKPRIORITY")) - 16


SCHED = [
    integer(
        "USEC_PER_TICK", lambda c: 100 if c("SCHED_TICKLESS") else 10000, "length of a tick, us", low=1, high=1000000
    ),
    influence("SCHED_TICKLESS", "the board's timer is tickless anyway; only the default tick depends on it"),
    integer("RR_INTERVAL", 0, "time slice of SCHED_RR tasks in ms; 0 switches round robin off", high=INT_MAX // 1000),
    flag("PRIORITY_INHERITANCE", False, "the holder of a mutex runs at the priority of its highest waiter"),
    flag("SIG_DEFAULT", False, "SIGINT, SIGTERM and SIGKILL end a task that has no handler"),
    flag("STACK_COLORATION", False, "ps shows how much of each stack was used"),
    flag("SCHED_DUMP_TASKS", True, "a crash prints a table of the tasks"),
    flag("SCHED_BACKTRACE", False, "a crash prints where each task is"),
    integer("DEFAULT_TASK_STACKSIZE", 2048, "bytes of stack of a task", low=64),
    integer("IDLETHREAD_STACKSIZE", 1024, "bytes of stack of the idle task", low=64),
    integer("INIT_STACKSIZE", default_stack, "bytes of stack of the first task", low=64),
    integer("INIT_PRIORITY", 100, "priority of the first task", low=1, high=255),
    integer("TASK_NAME_SIZE", 31, "characters of a task's name that are kept; 0: tasks have no names", high=255),
    derived("SCHED_WORKQUEUE", lambda c: bool(c("SCHED_HPWORK") or c("SCHED_LPWORK")), "there is a work queue"),
    flag("SCHED_HPWORK", False, "high-priority work queue"),
    integer("SCHED_HPNTHREADS", 1, "its workers", "SCHED_HPWORK", low=1, high=64),
    integer("SCHED_HPWORKPRIORITY", 224, "their priority", "SCHED_HPWORK", low=1, high=255),
    integer("SCHED_HPWORKSTACKSIZE", default_stack, "their stack in bytes", "SCHED_HPWORK", low=64),
    flag("SCHED_LPWORK", _lpwork, "low-priority work queue; the Ethernet driver selects it if there is no other"),
    integer("SCHED_LPNTHREADS", lambda c: 4 if c("FS_AIO") else 1, "its workers", "SCHED_LPWORK", low=1, high=64),
    integer("SCHED_LPWORKPRIORITY", 100, "their priority", "SCHED_LPWORK", low=1, high=255),
    integer(
        "SCHED_LPWORKPRIOMAX",
        _lpwork_priomax,
        "limit of lpwork_boostpriority(), which only asynchronous I/O calls: here it limits their priority",
        "SCHED_LPWORK",
        "PRIORITY_INHERITANCE",
        low=1,
        high=255,
    ),
    integer("SCHED_LPWORKSTACKSIZE", default_stack, "their stack in bytes", "SCHED_LPWORK", low=64),
    flag("SCHED_CPULOAD_SYSCLK", False, "the CPU load is known: top, /proc/cpuload; measured here, not sampled"),
    integer("SCHED_CPULOAD_TIMECONSTANT", 2, "s of it that count", "SCHED_CPULOAD_SYSCLK", low=1, high=86400),
    flag("SCHED_IRQMONITOR", False, "/proc/irqs and irqinfo", "FS_PROCFS"),
    influence("FS_AIO", "asynchronous file I/O; it raises the default number of LP workers"),
]
