import json

import pytest
from msgspec import structs

from emulator.config import Config, Storage
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.storage.words import eventually

DAY = 86_400
RULE = """
<Rule><ID>logs</ID><Prefix>{prefix}</Prefix><Status>Enabled</Status>
<Expiration><Days>7</Days></Expiration>
<AbortMultipartUpload><Days>1</Days></AbortMultipartUpload></Rule>
"""


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    """A client of an emulator whose clock stands still."""
    return await make_oss(clock=clock)


async def put_rules(oss: OssClient, rules: str) -> Response:
    body = f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>"
    answer = await oss.request("PUT", "/examplebucket?lifecycle", body=body)
    assert answer.status == 200
    return answer


async def test_what_is_due_by_the_clock_is_done_and_told(oss: OssClient) -> None:
    await put_rules(oss, RULE.format(prefix="logs/"))
    await oss.put("logs/a", "old")
    await oss.put("a", "old")
    upload = (await oss.request("POST", "/examplebucket/logs/b?uploads")).xml.findtext("UploadId")
    await oss.request("PUT", "/_emulator/clock", body=json.dumps({"step_seconds": 30 * DAY}))
    answer = await oss.request("POST", "/_emulator/lifecycle/apply")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "now": "2024-07-01T12:00:00Z",
        "expired": 1,
        "moved": 0,
        "aborted": 1,
        "markers_removed": 0,
        "changes": [
            {"bucket": "examplebucket", "key": "logs/a", "action": "expired", "rule": "logs"},
            {"bucket": "examplebucket", "key": "logs/b", "action": "aborted", "rule": "logs", "upload_id": upload},
        ],
        "is_truncated": False,
        "not_followed": [],
    }
    assert (await oss.get("logs/a")).code == "NoSuchKey"
    assert (await oss.get("a")).body == b"old"
    assert json.loads((await oss.request("POST", "/_emulator/lifecycle/apply")).body)["changes"] == []


async def test_it_can_be_done_in_one_bucket_alone(oss: OssClient, clock: HeldClock) -> None:
    await put_rules(oss, RULE.format(prefix=""))
    await oss.put("a")
    await oss.request("PUT", "/another-bucket")
    clock.step(30 * DAY)
    answer = await oss.request("POST", "/_emulator/lifecycle/apply?bucket=another-bucket")
    assert json.loads(answer.body)["expired"] == 0
    answer = await oss.request("POST", "/_emulator/lifecycle/apply?bucket=examplebucket")
    assert json.loads(answer.body)["expired"] == 1
    answer = await oss.request("POST", "/_emulator/lifecycle/apply?bucket=no-such-bucket")
    assert (answer.status, json.loads(answer.body)["error"]) == (404, "The specified bucket does not exist.")


async def test_rules_by_access_time_say_that_they_are_not_followed(oss: OssClient) -> None:
    transition = (
        "<Transition><Days>1</Days><StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime></Transition>"
    )
    answer = await put_rules(oss, f"<Rule><ID>seldom</ID><Status>Enabled</Status>{transition}</Rule>")
    assert "kept, but not followed" in answer.headers["x-emulator-hint"]
    report = json.loads((await oss.request("POST", "/_emulator/lifecycle/apply")).body)
    (told,) = report["not_followed"]
    assert (told["bucket"], told["rule"]) == ("examplebucket", "seldom")
    assert "access time" in told["reason"]


async def test_nothing_happens_by_itself_unless_that_is_configured(
    make_oss: MakeOss, config: Config, clock: HeldClock
) -> None:
    storage = structs.replace(config.storage, lifecycle_interval_seconds=3600)
    oss = await make_oss(clock=clock, storage=storage)
    assert Storage().lifecycle_interval_seconds is None
    await put_rules(oss, RULE.format(prefix=""))
    await oss.put("a")
    store = oss.emulator.context.store
    clock.step(30 * DAY)
    await eventually(lambda: store.find("examplebucket", "a") is None)


async def test_answers_say_when_an_object_ends(oss: OssClient, clock: HeldClock) -> None:
    await put_rules(oss, RULE.format(prefix="logs/").replace("<ID>logs<", "<ID>日志 &quot;<"))
    await oss.put("logs/a", "a")
    await oss.put("a", "a")
    for method in ("GET", "HEAD"):
        answer = await oss.request(method, "/examplebucket/logs/a")
        assert answer.headers["x-oss-expiration"] == (
            'expiry-date="Sun, 09 Jun 2024 00:00:00 GMT", rule-id="%E6%97%A5%E5%BF%97 %22"'
        )
        assert "x-oss-expiration" not in (await oss.request(method, "/examplebucket/a")).headers
    await oss.request("DELETE", "/examplebucket?lifecycle")
    assert "x-oss-expiration" not in (await oss.get("logs/a")).headers


async def test_versions_of_the_past_do_not_end_by_the_rule_of_objects(oss: OssClient) -> None:
    versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await oss.request("PUT", "/examplebucket?versioning", body=versioning)
    await put_rules(oss, RULE.format(prefix="").partition("<AbortMultipartUpload>")[0] + "</Rule>")
    old = (await oss.put("a", "old")).headers["x-oss-version-id"]
    new = (await oss.put("a", "new")).headers["x-oss-version-id"]
    assert "x-oss-expiration" not in (await oss.get(f"a?versionId={old}")).headers
    assert "x-oss-expiration" in (await oss.get(f"a?versionId={new}")).headers
