import base64
import hashlib

import pytest

from emulator.config import Auth
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.test_versioning import set_versioning

TARGET = "/examplebucket/a?tagging"


def tagging(*tags: tuple[str, str]) -> str:
    """The document with these tags."""
    inner = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
    return f"<Tagging><TagSet>{inner}</TagSet></Tagging>"


async def tags(oss: OssClient) -> list[tuple[str, str]]:
    answer = await oss.request("GET", TARGET)
    return list(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value"), strict=True))


async def put_tags(oss: OssClient, *tags: tuple[str, str]) -> Response:
    return await oss.request("PUT", TARGET, body=tagging(*tags))


async def test_tags_are_replaced_as_a_whole_and_keep_their_order(oss: OssClient) -> None:
    await oss.put("a", x_oss_tagging="old=1")
    answer = await put_tags(oss, ("b", "2"), ("a 城", "+-=._:/"))
    assert (answer.status, answer.body) == (200, b"")
    assert (await oss.request("GET", TARGET)).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Tagging>\n  <TagSet>\n'
        "    <Tag>\n      <Key>b</Key>\n      <Value>2</Value>\n    </Tag>\n"
        "    <Tag>\n      <Key>a 城</Key>\n      <Value>+-=._:/</Value>\n    </Tag>\n"
        "  </TagSet>\n</Tagging>\n"
    )
    assert (await oss.get("a")).headers["x-oss-tagging-count"] == "2"


async def test_tags_that_came_with_the_upload_are_the_object_s(oss: OssClient) -> None:
    await oss.put("a", x_oss_tagging="k1=v%201&k2")
    assert await tags(oss) == [("k1", "v 1"), ("k2", "")]


async def test_an_object_without_tags_has_an_empty_set(oss: OssClient) -> None:
    await oss.put("a")
    answer = await oss.request("GET", TARGET)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert [element.tag for element in answer.xml.iter()] == ["Tagging", "TagSet"]
    assert (await oss.request("DELETE", TARGET)).status == 204


async def test_deleting_takes_all_tags_away(oss: OssClient) -> None:
    await oss.put("a", x_oss_tagging="k=v")
    answer = await oss.request("DELETE", TARGET)
    assert (answer.status, answer.body) == (204, b"")
    assert await tags(oss) == []
    assert "x-oss-tagging-count" not in (await oss.get("a")).headers


async def test_an_empty_set_takes_all_tags_away(oss: OssClient) -> None:
    await oss.put("a", x_oss_tagging="k=v")
    assert (await put_tags(oss)).status == 200
    assert await tags(oss) == []


async def test_tagging_leaves_etag_date_and_everything_else_alone(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    await oss.put("a", "hello", x_oss_meta_owner="me", x_oss_object_acl="public-read")
    before = await oss.get("a")
    clock.step(60)
    await put_tags(oss, ("k", "v"))
    after = await oss.get("a")
    for name in ("etag", "last-modified", "x-oss-meta-owner", "content-type"):
        assert after.headers[name] == before.headers[name]
    assert (await oss.request("GET", "/examplebucket/a?acl")).texts("AccessControlList/Grant") == ["public-read"]


async def test_ten_tags_of_the_greatest_length_are_taken(oss: OssClient) -> None:
    await oss.put("a")
    longest = [(str(number) + "键" * 127, "值" * 256) for number in range(10)]
    assert (await put_tags(oss, *longest)).status == 200
    assert await tags(oss) == longest


@pytest.mark.parametrize(
    ("body", "code", "message", "ec"),
    [
        pytest.param(tagging(("", "v")), "InvalidTag", "TagKey", "0010-00000209", id="empty key"),
        pytest.param(tagging(("k" * 129, "v")), "InvalidTag", "TagKey", "0010-00000209", id="key too long"),
        pytest.param(tagging(("k!", "v")), "InvalidTag", "TagKey", "0010-00000209", id="bad character in the key"),
        pytest.param(tagging(("k", "v" * 257)), "InvalidTag", "TagValue", "0010-00000217", id="value too long"),
        pytest.param(tagging(("k", "a,b")), "InvalidTag", "TagValue", "0010-00000217", id="bad character in the value"),
        pytest.param(
            tagging(*((f"k{number}", "v") for number in range(11))), "InvalidTag", "", "0010-00000218", id="eleven tags"
        ),
        pytest.param(
            tagging(("k", "1"), ("k", "2")), "InvalidTag", "Tag keys must be unique.", "0010-00000210", id="key twice"
        ),
        pytest.param("", "MalformedXML", "", None, id="no body"),
        pytest.param("<Tagging>", "MalformedXML", "", None, id="no XML"),
        pytest.param("<Tags/>", "MalformedXML", "", None, id="another root"),
        pytest.param("<Tagging/>", "MalformedXML", "", None, id="no set"),
        pytest.param(
            "<Tagging><TagSet><Tag><Value>v</Value></Tag></TagSet></Tagging>", "MalformedXML", "", None, id="no key"
        ),
    ],
)
async def test_what_is_no_good_set_of_tags_is_refused_and_changes_nothing(
    body: str, code: str, message: str, ec: str | None, oss: OssClient
) -> None:
    await oss.put("a", x_oss_tagging="k=v")
    answer = await oss.request("PUT", TARGET, body=body)
    assert (answer.status, answer.code) == (400, code)
    assert message in (answer.message or "")
    assert answer.xml.findtext("EC") == ec
    assert await tags(oss) == [("k", "v")]


async def test_a_document_that_does_not_fit_its_md5_is_refused(oss: OssClient) -> None:
    await oss.put("a")
    body = tagging(("k", "v"))
    md5 = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    assert (await oss.request("PUT", TARGET, headers={"Content-MD5": md5}, body=body)).status == 200
    answer = await oss.request("PUT", TARGET, headers={"Content-MD5": md5}, body=tagging(("k", "w")))
    assert (answer.status, answer.code) == (400, "InvalidDigest")
    assert await tags(oss) == [("k", "v")]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/examplebucket/missing?tagging", 404, "NoSuchKey", id="missing key"),
        pytest.param("/missing-bucket/a?tagging", 404, "NoSuchBucket", id="missing bucket"),
        pytest.param("/examplebucket//a?tagging", 400, "InvalidObjectName", id="leading slash"),
        pytest.param("/examplebucket/a?tagging&versionId=234", 400, "InvalidArgument", id="no version id"),
    ],
)
async def test_the_tags_of_nothing(oss: OssClient, method: str, target: str, status: int, code: str) -> None:
    answer = await oss.request(method, target, body=tagging() if method == "PUT" else None)
    assert (answer.status, answer.code) == (status, code)


async def test_tags_are_for_those_who_sign(make_oss: MakeOss) -> None:
    trusting = await make_oss()
    await trusting.put("a", "hello", x_oss_object_acl="public-read-write")
    await trusting.emulator.stop()
    oss = await make_oss(auth=Auth())
    for method in ("GET", "PUT", "DELETE"):
        assert (await oss.request(method, TARGET)).status == 403


async def test_each_version_has_tags_of_its_own(oss: OssClient) -> None:
    await set_versioning(oss, "Enabled")
    old = (await oss.put("a", "old", x_oss_tagging="k=old")).headers["x-oss-version-id"]
    new = (await oss.put("a", "new")).headers["x-oss-version-id"]
    changed = await oss.request("PUT", f"{TARGET}&versionId={old}", body=tagging(("k", "changed")))
    assert (changed.status, changed.headers["x-oss-version-id"]) == (200, old)
    of_old = await oss.request("GET", f"{TARGET}&versionId={old}")
    assert (of_old.texts("TagSet/Tag/Value"), of_old.headers["x-oss-version-id"]) == (["changed"], old)
    assert await tags(oss) == []
    assert (await put_tags(oss, ("k", "new"))).headers["x-oss-version-id"] == new
    deleted = await oss.request("DELETE", f"{TARGET}&versionId={old}")
    assert (deleted.status, deleted.headers["x-oss-version-id"]) == (204, old)
    assert await tags(oss) == [("k", "new")]
    marker = (await oss.request("DELETE", "/examplebucket/a")).headers["x-oss-version-id"]
    assert (await oss.request("GET", TARGET)).code == "NoSuchKey"
    refused = await oss.request("GET", f"{TARGET}&versionId={marker}")
    assert (refused.status, refused.code) == (405, "MethodNotAllowed")
