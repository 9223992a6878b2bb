"""Notifiers: work that is queued when I/O buffers come free (kwork_notifier, iob_notifier)."""

from __future__ import annotations

from errno import EINVAL, ENOENT
from typing import Any

import pytest
from kernelrig import Rig

from kernel.wqueue import LPWORK

POOL: dict[str, Any] = {"IOB_NBUFFERS": 8, "IOB_THROTTLE": 0}


def free_all(rig: Rig) -> list[int]:
    """Empties the pool and frees it buffer by buffer; how many were free each time the worker ran."""
    iobs = rig.kernel.iobs
    seen: list[int] = []

    def again(_arg: Any) -> None:
        seen.append(iobs.getstats().nfree)
        rig.kernel.notifiers.iob_setup(LPWORK, again)

    def app(sys: Any) -> None:
        held = [iobs.tryalloc() for _ in range(8)]
        rig.kernel.notifiers.iob_setup(LPWORK, again)
        for iob in held:
            iobs.free(iob)
            sys.sleep(0.1)

    rig.spawn(app)
    rig.run()
    return seen


@pytest.mark.parametrize(("div", "told"), [(1, [1, 2, 3, 4, 5, 6, 7, 8]), (4, [4, 8])])
def test_worker_is_told_at_multiples_of_the_divider(div: int, told: list[int]) -> None:
    with Rig(IOB_NOTIFIER_DIV=div, **POOL) as rig:
        assert free_all(rig) == told


def test_without_iob_notifier_nobody_is_told() -> None:
    with Rig(IOB_NOTIFIER=False, **POOL) as rig:
        assert free_all(rig) == []


def test_notification_is_used_up_when_its_worker_begins() -> None:
    with Rig(IOB_NOTIFIER_DIV=1, **POOL) as rig:

        def app(sys: Any) -> None:
            rig.kernel.notifiers.iob_setup(LPWORK, rig.note, "told")
            for _ in range(3):
                sys.iobs.free(sys.iobs.tryalloc())
                sys.sleep(0.1)

        rig.spawn(app)
        rig.run()
        assert rig.words() == ["told"]


def test_notification_that_is_torn_down_is_not_given() -> None:
    with Rig(IOB_NOTIFIER_DIV=1, **POOL) as rig:

        def app(sys: Any) -> None:
            notifiers = rig.kernel.notifiers
            key = notifiers.iob_setup(LPWORK, rig.note, "told")
            rig.note(notifiers.teardown(key))
            sys.iobs.free(sys.iobs.tryalloc())
            rig.note(notifiers.teardown(key))

        rig.spawn(app)
        rig.run()
        assert rig.words() == [0, -ENOENT]


def test_notification_on_a_queue_that_is_not_there_is_refused() -> None:
    with Rig(**POOL) as rig, pytest.raises(OSError) as error:
        rig.kernel.notifiers.iob_setup(7, rig.note)
    assert error.value.errno == EINVAL
