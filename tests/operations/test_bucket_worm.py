import re

import pytest

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

HOUR = 3600


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    return await make_oss(clock=clock)


async def initiate(oss: OssClient, days: object = 10) -> Response:
    body = (
        f"<InitiateWormConfiguration><RetentionPeriodInDays>{days}</RetentionPeriodInDays></InitiateWormConfiguration>"
    )
    return await oss.request("POST", "/examplebucket?worm", body=body)


async def extend(oss: OssClient, worm_id: str, days: object) -> Response:
    body = f"<ExtendWormConfiguration><RetentionPeriodInDays>{days}</RetentionPeriodInDays></ExtendWormConfiguration>"
    return await oss.request("POST", f"/examplebucket?wormId={worm_id}&wormExtend", body=body)


async def complete(oss: OssClient, worm_id: str) -> Response:
    return await oss.request("POST", f"/examplebucket?wormId={worm_id}")


async def get(oss: OssClient) -> Response:
    return await oss.request("GET", "/examplebucket?worm")


async def abort(oss: OssClient) -> Response:
    return await oss.request("DELETE", "/examplebucket?worm")


def refusal(answer: Response) -> tuple[int, str | None, str | None]:
    return answer.status, answer.code, answer.message


NO_WORM = (404, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")
NO_ID = (404, "NoSuchWORMConfiguration", "The specified WORM ID does not exist.")
LOCKED = (403, "WORMConfigurationLocked", "The WORM Configuration is locked.")
INVALID = (400, "InvalidWORMConfiguration", "Invalid WORM Configuration.")


async def test_a_retention_is_begun_locked_and_extended(oss: OssClient):
    assert refusal(await get(oss)) == NO_WORM
    answer = await initiate(oss)
    worm_id = answer.headers["x-oss-worm-id"]
    assert (answer.status, answer.body) == (200, b"")
    assert re.fullmatch("[0-9A-F]{32}", worm_id)
    assert (await get(oss)).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<WormConfiguration>\n"
        f"  <WormId>{worm_id}</WormId>\n"
        "  <State>InProgress</State>\n"
        "  <RetentionPeriodInDays>10</RetentionPeriodInDays>\n"
        "  <CreationDate>2024-06-01T12:00:00.000Z</CreationDate>\n"
        "  <ExpirationDate>2024-06-02T12:00:00.000Z</ExpirationDate>\n"
        "</WormConfiguration>\n"
    )
    answer = await complete(oss, worm_id)
    assert (answer.status, answer.body) == (200, b"")
    assert (await extend(oss, worm_id, 11)).status == 200
    answer = await get(oss)
    assert (answer.texts("State"), answer.texts("RetentionPeriodInDays")) == (["Locked"], ["11"])
    assert answer.texts("ExpirationDate") == []


async def test_who_does_not_lock_a_retention_within_a_day_has_none(oss: OssClient, clock: HeldClock):
    worm_id = (await initiate(oss)).headers["x-oss-worm-id"]
    clock.step(24 * HOUR - 1)
    assert (await get(oss)).texts("State") == ["InProgress"]
    clock.step(1)
    assert refusal(await get(oss)) == NO_WORM
    assert refusal(await complete(oss, worm_id)) == NO_ID
    assert (await initiate(oss)).headers["x-oss-worm-id"] != worm_id


async def test_a_locked_retention_stays(oss: OssClient, clock: HeldClock):
    worm_id = (await initiate(oss)).headers["x-oss-worm-id"]
    await complete(oss, worm_id)
    clock.step(1000 * 24 * HOUR)
    assert (await get(oss)).texts("State") == ["Locked"]
    assert refusal(await abort(oss)) == LOCKED
    assert refusal(await complete(oss, worm_id)) == LOCKED
    assert (await initiate(oss)).code == "WORMConfigurationAlreadyExists"


async def test_a_retention_in_progress_is_given_up(oss: OssClient):
    await initiate(oss)
    answer = await initiate(oss)
    assert (answer.status, answer.code) == (409, "WORMConfigurationAlreadyExists")
    for _ in range(2):
        assert (await abort(oss)).status == 204
        assert refusal(await get(oss)) == NO_WORM


async def test_only_a_locked_retention_is_extended_and_never_shortened(oss: OssClient):
    worm_id = (await initiate(oss)).headers["x-oss-worm-id"]
    assert refusal(await extend(oss, worm_id, 11)) == INVALID
    await complete(oss, worm_id)
    for days in (9, 10, 25_551):
        assert refusal(await extend(oss, worm_id, days)) == INVALID
    for other in ("", "0" * 32):
        assert refusal(await extend(oss, other, 11)) == NO_ID
        assert refusal(await complete(oss, other)) == NO_ID
    assert (await get(oss)).texts("RetentionPeriodInDays") == ["10"]


@pytest.mark.parametrize("days", [0, 25_551])
async def test_a_retention_has_its_bounds(oss: OssClient, days: int):
    assert refusal(await initiate(oss, days)) == INVALID


@pytest.mark.parametrize("days", ["", "many", "-1"])
async def test_days_are_a_number(oss: OssClient, days: str):
    assert (await initiate(oss, days)).code == "MalformedXML"


async def test_a_retention_survives_a_restart(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    worm_id = (await initiate(oss)).headers["x-oss-worm-id"]
    await oss.emulator.stop()
    oss = await make_oss(clock=clock)
    assert (await get(oss)).texts("WormId") == [worm_id]
