"""Threads that work together: how many do, and where they may be afterwards."""

import os
import threading
import time

import pytest

from lavalier.simulate.together import processors, together


def test_each_thread_works_once():
    seen = []

    def work() -> None:
        seen.append(threading.get_ident())
        while len(set(seen)) < 3:  # nobody comes twice
            time.sleep(0.001)

    together(work, 3)
    assert len(seen) == 3 and threading.get_ident() in seen


def test_an_error_in_one_is_raised_when_all_have_ended():
    ended = []

    def work() -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("in a helper")
        time.sleep(0.05)
        ended.append(True)

    with pytest.raises(RuntimeError, match="in a helper"):
        together(work, 2)
    assert ended


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux says where threads may be")
def test_threads_may_be_anywhere_again_and_meanwhile_not_where_the_caller_is():
    allowed = os.sched_getaffinity(0)
    meanwhile = {}
    both = threading.Barrier(2, timeout=10)

    def work() -> None:
        both.wait()
        meanwhile[threading.current_thread() is threading.main_thread()] = os.sched_getaffinity(0)
        both.wait()

    for _ in range(2):  # the first time it starts the helper, which is not told then
        together(work, 2)
    assert os.sched_getaffinity(0) == allowed and processors() == len(allowed)
    if len(allowed) > 1:
        assert len(meanwhile[True]) == 1
        assert meanwhile[False] == allowed - meanwhile[True]
    helper = next(t for t in threading.enumerate() if t.name.startswith("lavalier_"))
    assert os.sched_getaffinity(helper.native_id or 0) == allowed
