"""Work that is queued when something becomes available: work_notifier_setup() and iob_notifier_setup().

One-shot: a notification is used up when its worker begins. Whoever finds nothing left then sets up another.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOENT
from typing import TYPE_CHECKING, Any

from kernel.core import check, lib
from kernel.wqueue import Work, work_cancel_sync

if TYPE_CHECKING:
    from kernel.kernel import Kernel

WORK_IOB_AVAIL = 1


class Notifiers:
    """The pending notifications of a board."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._works: dict[int, Work] = {}

    def setup(self, evtype: int, qid: int, worker: Callable[[Any], None], arg: Any = None, qualifier: int = 0) -> int:
        """work_notifier_setup(): returns a key > 0. Raises OSError (EINVAL, ENOMEM)."""
        kernel = self._kernel
        queue = kernel.queues.get(qid)
        work = Work(kernel, f"notifier {evtype}")
        key = 0

        def notified(_: Any) -> None:
            lib.notifier_remove(kernel.board, key)
            del self._works[key]
            worker(arg)

        work.set_call(notified, None)
        number = queue.number if queue else 0
        key = check(lib.notifier_setup(kernel.board, evtype, qualifier, number, work.number), "work_notifier_setup")
        self._works[key] = work
        return key

    def teardown(self, key: int) -> int:
        """work_notifier_teardown(): 0 or -ENOENT. Waits for a worker that runs it, so it may block behind a queue."""
        work = self._works.pop(key, None)
        if work is None:
            return -ENOENT
        lib.notifier_remove(self._kernel.board, key)
        return work_cancel_sync(work)

    def iob_setup(self, qid: int, worker: Callable[[Any], None], arg: Any = None) -> int:
        """iob_notifier_setup(): told whenever a multiple of CONFIG_IOB_NOTIFIER_DIV buffers is free after a free."""
        return self.setup(WORK_IOB_AVAIL, qid, worker, arg)
