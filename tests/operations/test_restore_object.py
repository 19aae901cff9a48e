import pytest

from emulator import Config
from emulator.config import Storage
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.test_versioning import set_versioning
from tests.operations.uploads import initiate

DAY = 24 * 3600
TARGET = "/examplebucket/a"
CLASSES = ["Archive", "ColdArchive", "DeepColdArchive"]


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    """A client of an emulator whose clock stands at noon and that restores in the default second."""
    return await make_oss(clock=clock)


async def archive(oss: OssClient, storage_class: str = "Archive") -> None:
    assert (await oss.put("a", b"hello", x_oss_storage_class=storage_class)).status == 200


async def restore(oss: OssClient, body: str = "") -> Response:
    return await oss.request("POST", f"{TARGET}?restore", body=body)


async def clean(oss: OssClient) -> Response:
    return await oss.request("POST", f"{TARGET}?cleanRestoredObject")


async def state(oss: OssClient) -> str | None:
    head = await oss.request("HEAD", TARGET)
    assert head.status == 200
    return head.headers.get("x-oss-restore")


def document(days: int | str | None = None, tier: str | None = None) -> str:
    inner = "" if days is None else f"<Days>{days}</Days>"
    inner += "" if tier is None else f"<JobParameters><Tier>{tier}</Tier></JobParameters>"
    return f"<RestoreRequest>{inner}</RestoreRequest>"


@pytest.mark.parametrize("storage_class", CLASSES)
async def test_an_archived_object_cannot_be_read_but_looked_at(storage_class: str, oss: OssClient) -> None:
    await archive(oss, storage_class)
    answer = await oss.get("a")
    assert (answer.status, answer.code) == (403, "InvalidObjectState")
    assert answer.message == "The operation is not valid for the object's state"
    assert answer.xml.findtext("EC") == "0016-00000404"
    head = await oss.request("HEAD", TARGET)
    assert (head.headers["content-length"], head.headers["x-oss-storage-class"]) == ("5", storage_class)
    assert "x-oss-restore" not in head.headers
    assert (await oss.request("HEAD", f"{TARGET}?objectMeta")).status == 200
    assert (await oss.get("a", If_None_Match=head.headers["etag"])).status == 304


@pytest.mark.parametrize("storage_class", ["Standard", "IA"])
async def test_other_classes_are_read_and_not_restored(storage_class: str, oss: OssClient) -> None:
    await archive(oss, storage_class)
    assert (await oss.get("a")).body == b"hello"
    for answer in (await restore(oss), await clean(oss)):
        assert (answer.status, answer.code) == (400, "OperationNotSupported")
    answer = await restore(oss)
    assert answer.message == "The operation is not supported for this resource"
    assert answer.texts("EC") == ["0016-00000702"]
    assert answer.texts("Detail") == ["RestoreObject operation does not support this object storage class"]


async def test_restoring_takes_a_while_and_lasts_for_a_while(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    first = await restore(oss)
    assert (first.status, first.body) == (202, b"")
    assert await state(oss) == 'ongoing-request="true"'
    assert (await oss.get("a")).code == "InvalidObjectState"
    again = await restore(oss)
    assert (again.status, again.code) == (409, "RestoreAlreadyInProgress")
    assert (again.message, again.texts("EC")) == ("The restore operation is in progress.", ["0016-00000701"])
    clock.step(1)
    restored = 'ongoing-request="false", expiry-date="Sun, 02 Jun 2024 12:00:01 GMT"'
    assert await state(oss) == restored
    got = await oss.get("a")
    assert (got.body, got.headers["x-oss-restore"], got.headers["x-oss-storage-class"]) == (
        b"hello",
        restored,
        "Archive",
    )
    clock.step(DAY - 0.001)
    assert (await oss.get("a")).status == 200
    clock.step(0.001)
    assert await state(oss) is None
    assert (await oss.get("a")).code == "InvalidObjectState"
    assert (await restore(oss)).status == 202


async def test_restoring_again_lets_it_stay_longer_up_to_seven_days(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    await restore(oss, document(days=2))
    clock.step(1)
    assert await state(oss) == 'ongoing-request="false", expiry-date="Mon, 03 Jun 2024 12:00:01 GMT"'
    answer = await restore(oss, document(days=3))
    assert (answer.status, answer.body) == (200, b"")
    assert await state(oss) == 'ongoing-request="false", expiry-date="Thu, 06 Jun 2024 12:00:01 GMT"'
    await restore(oss, document(days=7))
    assert await state(oss) == 'ongoing-request="false", expiry-date="Sat, 08 Jun 2024 12:00:01 GMT"'


@pytest.mark.parametrize(
    ("storage_class", "body", "priority"),
    [
        pytest.param("Archive", document(), None, id="archive"),
        pytest.param("ColdArchive", "", "Standard", id="cold"),
        pytest.param("ColdArchive", document(365, "Expedited"), "Expedited", id="cold, expedited"),
        pytest.param("ColdArchive", document(2, "Bulk"), "Bulk", id="cold, bulk"),
        pytest.param("DeepColdArchive", document(2, "Standard"), "Standard", id="deep cold"),
    ],
)
async def test_a_cold_archive_has_a_priority(
    storage_class: str, body: str, priority: str | None, oss: OssClient, clock: HeldClock
) -> None:
    await archive(oss, storage_class)
    answer = await restore(oss, body)
    assert (answer.status, answer.headers.get("x-oss-object-restore-priority")) == (202, priority)
    clock.step(1)
    assert (await oss.get("a")).body == b"hello"


@pytest.mark.parametrize(
    ("storage_class", "body", "code"),
    [
        pytest.param("Archive", document(2, "Standard"), "MalformedXML", id="priority of an archive"),
        pytest.param("ColdArchive", document(2, "Fast"), "InvalidArgument", id="no such priority"),
        pytest.param("DeepColdArchive", document(2, "Bulk"), "InvalidArgument", id="not for deep cold"),
        pytest.param("ColdArchive", document(2, ""), "MalformedXML", id="empty priority"),
        pytest.param("ColdArchive", document("two"), "MalformedXML", id="no number"),
        pytest.param("ColdArchive", document("-1"), "MalformedXML", id="negative", marks=pytest.mark.guess),
        pytest.param("ColdArchive", document(0), "InvalidArgument", id="no day", marks=pytest.mark.guess),
        pytest.param("Archive", document(8), "InvalidArgument", id="too long", marks=pytest.mark.guess),
        pytest.param("ColdArchive", document(366), "InvalidArgument", id="too long, cold", marks=pytest.mark.guess),
        pytest.param("Archive", "<Restore/>", "MalformedXML", id="another root"),
        pytest.param("Archive", "no xml", "MalformedXML", id="no XML"),
    ],
)
async def test_bad_requests_restore_nothing(storage_class: str, body: str, code: str, oss: OssClient) -> None:
    await archive(oss, storage_class)
    answer = await restore(oss, body)
    assert (answer.status, answer.code) == (400, code)
    assert await state(oss) is None


async def test_of_two_at_once_one_restores(oss: OssClient) -> None:
    await archive(oss)
    async with await oss.connect() as one, await oss.connect() as other:
        for connection in (one, other):
            await connection.send(b"POST /examplebucket/a?restore HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert sorted([(await one.receive()).status, (await other.receive()).status]) == [202, 409]


async def test_a_restored_object_can_be_archived_again_at_once(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    stale = await clean(oss)
    assert (stale.status, stale.code, stale.texts("EC")) == (409, "ArchiveRestoreFileStale", ["0016-00000718"])
    await restore(oss)
    early = await clean(oss)
    assert (early.status, early.code, early.texts("EC")) == (409, "ArchiveRestoreNotFinished", ["0016-00000719"])
    clock.step(1)
    assert ((await clean(oss)).status, await state(oss)) == (200, None)
    assert (await oss.get("a")).code == "InvalidObjectState"


async def test_how_long_restoring_takes_is_configured(make_oss: MakeOss, config: Config, clock: HeldClock) -> None:
    oss = await make_oss(clock, storage=Storage(data_dir=config.storage.data_dir, restore_seconds=0))
    await archive(oss)
    assert (await restore(oss)).status == 202
    assert (await oss.get("a")).body == b"hello"
    await oss.emulator.stop()
    oss = await make_oss(clock, storage=Storage(data_dir=config.storage.data_dir, restore_seconds=3600))
    await oss.put("b", b"hello", x_oss_storage_class="Archive")
    await oss.request("POST", "/examplebucket/b?restore")
    clock.step(3599)
    assert (await oss.get("b")).code == "InvalidObjectState"
    clock.step(1)
    assert (await oss.get("b")).body == b"hello"


async def test_a_restoration_outlives_a_restart(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    await archive(oss)
    await restore(oss)
    await oss.emulator.stop()
    clock.step(1)
    oss = await make_oss(clock=clock)
    assert (await oss.get("a")).body == b"hello"


async def test_restoring_leaves_etag_and_date_alone_and_ends_with_the_object(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    before = await oss.request("HEAD", TARGET)
    clock.step(60)
    await restore(oss)
    after = await oss.request("HEAD", TARGET)
    for name in ("etag", "last-modified"):
        assert after.headers[name] == before.headers[name]
    await archive(oss)
    assert await state(oss) is None


async def test_an_archived_object_is_copied_when_it_is_restored(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    upload_id = await initiate(oss)
    source = {"x-oss-copy-source": TARGET}
    copies = ("/examplebucket/copy", TARGET, f"/examplebucket/key?partNumber=1&uploadId={upload_id}")
    for target in copies:
        answer = await oss.request("PUT", target, headers={**source, "x-oss-storage-class": "Standard"})
        assert (answer.status, answer.code) == (403, "InvalidObjectState")
    await restore(oss)
    clock.step(1)
    for target in copies:
        answer = await oss.request("PUT", target, headers={**source, "x-oss-storage-class": "Standard"})
        assert answer.status == 200
    assert (await oss.get("copy")).body == b"hello"
    own = await oss.get("a")
    assert (own.body, own.headers["x-oss-storage-class"]) == (b"hello", "Standard")
    assert "x-oss-restore" not in own.headers


async def test_copying_may_archive(oss: OssClient) -> None:
    await archive(oss, "Standard")
    headers = {"x-oss-copy-source": TARGET, "x-oss-storage-class": "ColdArchive"}
    assert (await oss.request("PUT", TARGET, headers=headers)).status == 200
    assert (await oss.get("a")).code == "InvalidObjectState"


async def test_a_link_to_an_archived_object_is_read_when_that_is_restored(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    await oss.request("PUT", "/examplebucket/link?symlink", headers={"x-oss-symlink-target": "a"})
    assert (await oss.get("link")).code == "InvalidObjectState"
    assert (await oss.request("HEAD", "/examplebucket/link")).status == 200
    await restore(oss)
    clock.step(1)
    assert (await oss.get("link")).body == b"hello"
    copied = await oss.request("PUT", "/examplebucket/copy", headers={"x-oss-copy-source": "/examplebucket/link"})
    assert copied.status == 200


@pytest.mark.parametrize("query", ["restore", "cleanRestoredObject"])
@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/examplebucket/missing?{}", 404, "NoSuchKey", id="missing key"),
        pytest.param("/missing-bucket/a?{}", 404, "NoSuchBucket", id="missing bucket"),
        pytest.param("/examplebucket//a?{}", 400, "InvalidObjectName", id="leading slash"),
        pytest.param("/examplebucket/a?{}&versionId=234", 400, "InvalidArgument", id="no version id"),
    ],
)
async def test_restoring_nothing(oss: OssClient, query: str, target: str, status: int, code: str) -> None:
    answer = await oss.request("POST", target.format(query))
    assert (answer.status, answer.code) == (status, code)


async def test_each_version_is_restored_by_itself(oss: OssClient, clock: HeldClock) -> None:
    await set_versioning(oss, "Enabled")
    old, new = [
        (await oss.put("a", body, x_oss_storage_class="Archive")).headers["x-oss-version-id"] for body in ("old", "new")
    ]
    restored = await oss.request("POST", f"{TARGET}?restore&versionId={old}")
    assert (restored.status, restored.headers["x-oss-version-id"]) == (202, old)
    clock.step(1)
    assert (await oss.request("GET", f"{TARGET}?versionId={old}")).body == b"old"
    assert (await oss.get("a")).code == "InvalidObjectState"
    assert (await restore(oss)).headers["x-oss-version-id"] == new
    cleaned = await oss.request("POST", f"{TARGET}?cleanRestoredObject&versionId={old}")
    assert (cleaned.status, cleaned.headers["x-oss-version-id"]) == (200, old)
    marker = (await oss.request("DELETE", TARGET)).headers["x-oss-version-id"]
    refused = await oss.request("POST", f"{TARGET}?restore&versionId={marker}")
    assert (refused.status, refused.code) == (405, "MethodNotAllowed")


async def test_listings_say_what_is_restored(oss: OssClient, clock: HeldClock) -> None:
    async def infos(query: str, element: str) -> dict[str, str | None]:
        page = await oss.request("GET", f"/examplebucket?{query}")
        return {entry.findtext("Key", ""): entry.findtext("RestoreInfo") for entry in page.xml.findall(element)}

    pages = [("", "Contents"), ("list-type=2", "Contents"), ("versions", "Version")]
    await archive(oss)
    await oss.put("b", b"hello", x_oss_storage_class="ColdArchive")
    await oss.put("c", b"hello")
    await restore(oss, document(days=2))
    expected = [
        'ongoing-request="true"',
        'ongoing-request="false", expiry-date="Mon, 03 Jun 2024 12:00:01 GMT"',
        None,
    ]
    for info, seconds in zip(expected, (1, 2 * DAY, 0), strict=True):
        for query, element in pages:
            assert await infos(query, element) == {"a": info, "b": None, "c": None}
        clock.step(seconds)


async def test_listings_say_which_versions_are_restored(oss: OssClient) -> None:
    await set_versioning(oss, "Enabled")
    for body in ("old", "new"):
        answer = await oss.put("a", body, x_oss_storage_class="Archive")
        if body == "old":
            old = answer.headers["x-oss-version-id"]
    await oss.request("POST", f"{TARGET}?restore&versionId={old}")
    page = await oss.request("GET", "/examplebucket?versions")
    infos = [entry.findtext("RestoreInfo") for entry in page.xml.findall("Version")]
    assert infos == [None, 'ongoing-request="true"']


async def test_archives_of_a_bucket_that_says_so_are_read_directly_but_cold_ones_are_not(oss: OssClient) -> None:
    setting = "<ArchiveDirectReadConfiguration><Enabled>{}</Enabled></ArchiveDirectReadConfiguration>"
    await archive(oss)
    await oss.put("cold", b"hello", x_oss_storage_class="ColdArchive")
    for is_enabled, status in (("true", 200), ("false", 403)):
        body = setting.format(is_enabled)
        assert (await oss.request("PUT", "/examplebucket?bucketArchiveDirectRead", body=body)).status == 200
        assert (await oss.get("a")).status == status
        assert (await oss.get("cold")).status == 403


@pytest.mark.guess
async def test_what_a_rule_moves_to_a_colder_archive_is_restored_no_more(oss: OssClient, clock: HeldClock) -> None:
    await archive(oss)
    await restore(oss)
    clock.step(2)
    assert (await oss.get("a")).body == b"hello"
    rule = (
        "<Rule><ID>r</ID><Prefix>a</Prefix><Status>Enabled</Status><Transition>"
        "<CreatedBeforeDate>2030-01-01T00:00:00.000Z</CreatedBeforeDate><StorageClass>ColdArchive</StorageClass>"
        "</Transition></Rule>"
    )
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>"
    assert (await oss.request("PUT", "/examplebucket?lifecycle", body=body)).status == 200
    assert (await oss.request("POST", "/_emulator/lifecycle/apply")).status == 200
    assert await state(oss) is None
    assert (await oss.get("a")).code == "InvalidObjectState"
    assert (await restore(oss)).status == 202
