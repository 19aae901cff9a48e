"""How quick it is, held to what the documentation promises: the best of several tries, because machines are shared."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from emulator.testing import OssEmulator


def best_milliseconds(work: Callable[[], object], tries: int, prepare: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(tries):
        prepare()
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return min(times)


def test_a_start_takes_less_than_50_ms(record_testsuite_property: Callable[[str, object], None]) -> None:
    with ExitStack() as running:
        milliseconds = best_milliseconds(lambda: running.enter_context(OssEmulator()), 5)
    record_testsuite_property("start_milliseconds", milliseconds)
    assert milliseconds < 50


def test_a_clean_slate_takes_less_than_2_ms(
    oss: OssEmulator, record_testsuite_property: Callable[[str, object], None]
) -> None:
    milliseconds = best_milliseconds(oss.reset, 20, lambda: oss.put("a", b"1"))
    record_testsuite_property("clean_slate_milliseconds", milliseconds)
    assert milliseconds < 2


def test_a_reset_of_1000_objects_takes_less_than_5_ms(
    oss: OssEmulator, record_testsuite_property: Callable[[str, object], None]
) -> None:
    def fill() -> None:
        with ThreadPoolExecutor(32) as threads:
            list(threads.map(oss.put, map(str, range(1000))))

    milliseconds = best_milliseconds(oss.reset, 4, fill)
    record_testsuite_property("reset_milliseconds", milliseconds)
    assert milliseconds < 5
