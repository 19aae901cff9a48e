from datetime import UTC, datetime, timedelta

from emulator.model import AssumedRole
from emulator.temporary_keys import TemporaryKey, TemporaryKeys

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def a_key(number: int, minutes: int) -> TemporaryKey:
    return TemporaryKey(
        id=f"STS.{number}",
        secret="secret",
        token=f"token-{number}",
        expires=NOON + timedelta(minutes=minutes),
        role=AssumedRole("acs:sts::1:assumed-role/a/b"),
    )


def test_keys_are_found_by_id_and_by_token() -> None:
    keys = TemporaryKeys()
    keys.add(key := a_key(1, 15))
    assert keys.find("STS.1") is keys.with_token("token-1") is key
    assert keys.find("token-1") is keys.with_token("STS.1") is None
    keys.clear()
    assert keys.find("STS.1") is keys.with_token("token-1") is None


def test_the_one_that_ends_first_makes_room() -> None:
    keys = TemporaryKeys(limit=2)
    for number, minutes in ((1, 60), (2, 15), (3, 30)):
        keys.add(a_key(number, minutes))
    assert [keys.find(f"STS.{number}") is not None for number in (1, 2, 3)] == [True, False, True]
    assert keys.with_token("token-2") is None
