"""A clock that can be set, moved and stopped; ids that repeat."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from emulator.clock import Clock, Ids

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
A_MOMENT = timedelta(seconds=5)


def is_about(time: datetime, other: datetime) -> bool:
    return abs(time - other) < A_MOMENT


def test_a_clock_follows_real_time_until_told_otherwise() -> None:
    clock = Clock()
    assert is_about(clock.now(), datetime.now(UTC))
    clock.set(NOON)
    assert is_about(clock.now(), NOON)
    assert clock.now() > NOON
    clock.follow()
    assert is_about(clock.now(), datetime.now(UTC))


def test_a_frozen_clock_stands_until_it_is_moved() -> None:
    clock = Clock(NOON, is_frozen=True)
    assert clock.now() == NOON == clock.now()
    clock.step(3600)
    assert clock.now() == NOON + timedelta(hours=1)
    clock.step(-7200.5)
    assert clock.now() == NOON - timedelta(hours=1, seconds=0.5)
    clock.unfreeze()
    assert is_about(clock.now(), NOON - timedelta(hours=1))
    assert not clock.is_frozen


def test_a_clock_stops_where_it_is() -> None:
    clock = Clock()
    clock.step(86_400)
    clock.freeze()
    assert clock.now() == clock.now()
    assert is_about(clock.now(), datetime.now(UTC) + timedelta(days=1))
    assert abs(clock.offset_seconds - 86_400) < 5


def test_reset_makes_it_as_it_was_made() -> None:
    clock = Clock(NOON, is_frozen=True)
    clock.step(60)
    clock.unfreeze()
    clock.reset()
    assert clock.is_frozen
    assert clock.now() == NOON


@pytest.mark.parametrize("seconds", [1e10, -1e10, 1e300, float("inf")])
def test_a_clock_stays_in_the_time_that_request_ids_can_say(seconds: float) -> None:
    clock = Clock(NOON, is_frozen=True)
    with pytest.raises(ValueError, match="the clock"):
        clock.step(seconds)
    assert clock.now() == NOON


async def test_time_jumped_over_is_time_that_has_passed() -> None:
    clock = Clock(NOON, is_frozen=True)

    async def wait() -> None:
        async with clock.timeout(60):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    clock.step(59)
    clock.step(-30)  # what has passed has passed
    assert (await asyncio.wait([waiting], timeout=0.01)) == (set(), {waiting})
    clock.step(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 5)


async def test_a_clock_that_stands_still_lets_nobody_wait_for_ever() -> None:
    with pytest.raises(TimeoutError):
        async with Clock(NOON, is_frozen=True).timeout(0.01):
            await asyncio.Event().wait()


async def test_a_step_after_the_wait_moves_nothing() -> None:
    clock = Clock()
    async with clock.timeout(60):
        pass
    clock.step(120)
    await asyncio.sleep(0)


def test_seeded_ids_repeat() -> None:
    ids = Ids()

    def some() -> list[str]:
        return [ids.request_id(NOON), ids.upload_id(NOON), ids.request_id(NOON)]

    ids.seed(42)
    first = some()
    ids.seed(42)
    assert some() == first
    assert len(set(first)) == 3
    ids.seed(43)
    assert some() != first
    ids.seed(None)
    assert some() != some()
