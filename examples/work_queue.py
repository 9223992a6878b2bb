"""The documents' complaint, measured: one long job on the work queue delays all that is queued behind it."""

from board import Board


def app(sys):
    long_job, short_job = sys.work("long job"), sys.work("short job")
    done = sys.semaphore()

    def compute(_):
        sys.kernel.burn(40_000_000)  # 40 ms

    def note(queued_at):
        sys.print(f"  short job ran {(sys.now_ns - queued_at) / 1e6:.3f} ms after it was queued")
        done.post()

    for queue, name in ((sys.LPWORK, "LPWORK"), (sys.HPWORK, "HPWORK")):
        sys.print(f"behind a long job on LPWORK, the short one on {name}:")
        sys.work_queue(sys.LPWORK, long_job, compute)
        sys.sleep(0.01)
        sys.work_queue(queue, short_job, note, sys.now_ns)
        done.wait()


for threads in (1, 2):
    with Board("stm32f7", SCHED_LPNTHREADS=threads) as b:
        console = b.console.open()
        b.spawn(app, name="app", priority=120)
        b.run(0.5)
        print(f"SCHED_LPNTHREADS={threads}")
        print(console.read(console.in_waiting).decode().replace("\r", ""))
