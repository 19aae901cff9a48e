"""The ring: bounded, numbered, honest."""

import pytest

from emulator.ring import Ring


def ring_of(count: int, size: int = 3) -> Ring[int]:
    ring: Ring[int] = Ring(size)
    for number in range(1, count + 1):
        ring.add(number)
    return ring


def test_the_oldest_go_and_are_counted():
    ring = ring_of(5)
    assert (list(ring), len(ring), ring.newest, ring.evicted) == ([3, 4, 5], 3, 5, 2)


def test_clearing_forgets_what_had_to_go_and_goes_on_counting():
    ring = ring_of(5)
    ring.clear()
    assert (list(ring), ring.newest, ring.evicted) == ([], 5, 0)
    ring.add(6)
    assert (list(ring), ring.newest, ring.evicted) == ([6], 6, 0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(5, ([], 0), id="the newest"),
        pytest.param(3, ([4, 5], 0), id="one that is kept"),
        pytest.param(2, ([3, 4, 5], 0), id="the last that is gone"),
        pytest.param(1, ([3, 4, 5], 1), id="one before"),
        pytest.param(0, ([3, 4, 5], 2), id="the beginning"),
    ],
)
def test_after_gives_what_came_behind_and_counts_what_is_gone(number, expected):
    assert ring_of(5).after(number) == expected


def test_what_was_cleared_does_not_count_as_gone():
    ring = ring_of(5)
    ring.clear()
    assert ring.after(1) == ([], 0)
    for number in range(6, 10):
        ring.add(number)
    assert ring.after(1) == ([7, 8, 9], 1)
