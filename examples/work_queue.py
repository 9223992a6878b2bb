"""The documents' complaint about work queues, measured: a long job delays all that is queued behind it.

More threads cure a job that waits. They do not cure one that computes, because its equals never pre-empt it; a higher
queue does.
"""

from board import Board

LONG_MS = 40


def compute(sys):
    sys.burn(LONG_MS * 1000)


def wait(sys):
    sys.sleep(LONG_MS / 1000)


def make_app(long_job, queue):
    def app(sys):
        first, second, done = sys.work("long"), sys.work("short"), sys.semaphore()

        def short_job(queued_at):
            sys.print(f"{(sys.now_ns - queued_at) / 1e6:.3f}")
            done.post()

        sys.work_queue(sys.LPWORK, first, lambda _: long_job(sys))
        sys.usleep(1)
        sys.work_queue(queue(sys), second, short_job, sys.now_ns)
        done.wait()

    return app


print("milliseconds from queueing a short job to its start, behind one of 40 ms on LPWORK")
print(f"{'LPNTHREADS':>10} {'the long job':>13} {'short on LPWORK':>16} {'short on HPWORK':>16}")
for threads in (1, 2):
    for long_job in (compute, wait):
        delays = []
        for queue in (lambda sys: sys.LPWORK, lambda sys: sys.HPWORK):
            with Board("stm32f7", SCHED_LPNTHREADS=threads) as b:
                b.boot()
                console = b.console.open()
                console.read_until(b"nsh> \x1b[K")
                b.spawn(make_app(long_job, queue), name="app", priority=120)
                b.run(0.5)
                delays.append(console.read(console.in_waiting).decode().split()[-1])
        print(f"{threads:>10} {long_job.__name__ + 's':>13} {delays[0]:>16} {delays[1]:>16}")
