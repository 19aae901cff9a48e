"""What a bucket's retention (WORM) keeps: objects are neither changed nor deleted before their days are over."""

from collections.abc import Awaitable, Callable

import pytest

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

DAY = 24 * 3600
TEN_DAYS = "<InitiateWormConfiguration><RetentionPeriodInDays>10</RetentionPeriodInDays></InitiateWormConfiguration>"

Change = Callable[[OssClient], Awaitable[Response]]


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    """With the object `old`, which came before the retention, and `source`."""
    oss = await make_oss(clock=clock)
    await oss.put("source", "new")
    await oss.request("POST", "/examplebucket/old?append&position=0", body="old")
    return oss


async def begin(oss: OssClient, *, is_locked: bool = True) -> None:
    worm_id = (await oss.request("POST", "/examplebucket?worm", body=TEN_DAYS)).headers["x-oss-worm-id"]
    if is_locked:
        await oss.request("POST", f"/examplebucket?wormId={worm_id}")


async def set_versioning(oss: OssClient, status: str) -> None:
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
    await oss.request("PUT", "/examplebucket?versioning", body=body)


def delete_many(*keys: str) -> Change:
    body = f"<Delete>{''.join(f'<Object><Key>{key}</Key></Object>' for key in keys)}</Delete>"
    return lambda oss: oss.request("POST", "/examplebucket?delete", body=body)


async def complete(oss: OssClient) -> Response:
    (upload_id,) = (await oss.request("POST", "/examplebucket/old?uploads")).texts("UploadId")
    await oss.request("PUT", f"/examplebucket/old?partNumber=1&uploadId={upload_id}", body="new")
    header = {"x-oss-complete-all": "yes"}
    return await oss.request("POST", f"/examplebucket/old?uploadId={upload_id}", headers=header)


LINK = {"x-oss-symlink-target": "source"}
COPY = {"x-oss-copy-source": "/examplebucket/source"}
CHANGES: dict[str, Change] = {
    "PutObject": lambda oss: oss.put("old", "new"),
    "a big PutObject": lambda oss: oss.put("old", "x" * 200_000),
    "CopyObject": lambda oss: oss.request("PUT", "/examplebucket/old", headers=COPY),
    "PutSymlink": lambda oss: oss.request("PUT", "/examplebucket/old?symlink", headers=LINK),
    "AppendObject": lambda oss: oss.request("POST", "/examplebucket/old?append&position=3", body="new"),
    "CompleteMultipartUpload": complete,
    "DeleteObject": lambda oss: oss.request("DELETE", "/examplebucket/old"),
    "a version's DeleteObject": lambda oss: oss.request("DELETE", "/examplebucket/old?versionId=null"),
    "DeleteMultipleObjects": delete_many("source", "old"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_an_object_is_kept_as_it_is_until_its_days_are_over(oss: OssClient, clock: HeldClock, change: Change):
    await begin(oss)
    clock.step(10 * DAY - 1)
    answer = await change(oss)
    assert (answer.status, answer.code) == (409, "FileImmutable")
    assert answer.message == "The object you specified is immutable."
    assert (await oss.get("old")).body == b"old"
    assert (await oss.get("source")).body == b"new"
    clock.step(1)
    assert (await change(oss)).status in (200, 204)


async def test_new_objects_are_stored_and_what_is_not_there_deleted(oss: OssClient):
    await begin(oss)
    assert (await oss.put("other", "x")).status == 200
    assert (await oss.request("DELETE", "/examplebucket/missing")).status == 204
    assert (await oss.request("PUT", "/examplebucket/old?acl", headers={"x-oss-object-acl": "private"})).status == 200


async def test_a_retention_that_nobody_has_locked_keeps_for_a_day(oss: OssClient, clock: HeldClock):
    await begin(oss, is_locked=False)
    clock.step(DAY - 1)
    assert (await oss.put("old", "new")).code == "FileImmutable"
    clock.step(1)
    assert (await oss.put("old", "new")).status == 200


async def test_where_versions_are_kept_a_new_one_takes_nothing_away(oss: OssClient):
    await set_versioning(oss, "Enabled")
    await begin(oss)
    answer = await oss.put("old", "new")
    assert answer.status == 200
    newest = answer.headers["x-oss-version-id"]
    assert (await oss.request("DELETE", "/examplebucket/old")).status == 204
    for version_id in ("null", newest):
        answer = await oss.request("DELETE", f"/examplebucket/old?versionId={version_id}")
        assert (answer.status, answer.code) == (409, "FileImmutable")


async def test_where_versions_are_no_longer_kept_the_null_one_stays(oss: OssClient):
    await set_versioning(oss, "Suspended")
    await begin(oss)
    for change in (CHANGES["PutObject"], CHANGES["DeleteObject"]):
        assert (await change(oss)).code == "FileImmutable"
    assert (await oss.get("old")).body == b"old"


@pytest.mark.parametrize("versioning", ["", "Enabled"])
async def test_rules_that_expire_objects_wait_for_the_retention(oss: OssClient, clock: HeldClock, versioning: str):
    async def left() -> list[str]:
        await oss.request("POST", "/_emulator/lifecycle/apply")
        listed = await oss.request("GET", "/examplebucket?versions&prefix=old")
        return listed.texts("Version/Key")

    if versioning:
        await set_versioning(oss, versioning)
    await begin(oss)
    rule = (
        "<Rule><ID>all</ID><Prefix></Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration>"
        "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>"
    )
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>"
    assert (await oss.request("PUT", "/examplebucket?lifecycle", body=body)).status == 200
    for _ in range(3):
        clock.step(3 * DAY)
        assert await left() == ["old"]
    clock.step(3 * DAY)
    assert await left() == []
