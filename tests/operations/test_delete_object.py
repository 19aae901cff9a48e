import base64
import hashlib
from collections.abc import Iterable

import pytest

from tests.client import OssClient
from tests.conftest import MakeOss

KNOWN_FORM_OF_VERSION_ID = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"


def delete_document(keys: Iterable[str], quiet: str = "") -> str:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete>{quiet}{objects}</Delete>"


async def keys(oss: OssClient) -> list[str]:
    return (await oss.request("GET", "/examplebucket")).texts("Contents/Key")


@pytest.mark.parametrize("query", ["", "?versionId=null"])
async def test_delete_object_deletes_what_is_there_and_what_is_not(oss: OssClient, query: str):
    await oss.put("a")
    for _ in range(2):
        answer = await oss.request("DELETE", f"/examplebucket/a{query}")
        assert (answer.status, answer.body) == (204, b"")
        assert "x-oss-version-id" not in answer.headers
    assert (await oss.get("a")).code == "NoSuchKey"


async def test_delete_object_of_another_version_deletes_nothing(oss: OssClient):
    await oss.put("a", "x")
    answer = await oss.request("DELETE", f"/examplebucket/a?versionId={KNOWN_FORM_OF_VERSION_ID}")
    assert (answer.status, answer.headers["x-oss-version-id"]) == (204, KNOWN_FORM_OF_VERSION_ID)
    assert (await oss.get("a")).body == b"x"


async def test_delete_object_takes_the_parameter_of_links(oss: OssClient):
    await oss.put("a", "x")
    await oss.request("PUT", "/examplebucket/link?symlink", headers={"x-oss-symlink-target": "a"})
    assert (await oss.request("DELETE", "/examplebucket/link?symlink")).status == 204
    assert await keys(oss) == ["a"]


async def test_delete_multiple_objects_takes_keys_that_xml_forbids(oss: OssClient):
    key = "a\x0c\x01b"
    await oss.put(key.replace("\x0c", "%0C").replace("\x01", "%01"))
    answer = await oss.request("POST", "/examplebucket?delete&encoding-type=url", body=delete_document([key]))
    assert (answer.status, answer.texts("Deleted/Key")) == (200, ["a%0C%01b"])
    assert await keys(oss) == []


@pytest.mark.parametrize(
    ("target", "code"),
    [
        pytest.param("/examplebucket/a?versionId=", "InvalidArgument", id="empty version id"),
        pytest.param("/examplebucket/a?versionId=IllegalVersion", "InvalidArgument", id="no version id"),
        pytest.param("/examplebucket//a", "InvalidObjectName", id="leading slash"),
        pytest.param("/missing-bucket/a", "NoSuchBucket", id="missing bucket"),
    ],
)
async def test_delete_object_that_is_refused_deletes_nothing(oss: OssClient, target: str, code: str):
    await oss.put("a")
    assert (await oss.request("DELETE", target)).code == code
    assert await keys(oss) == ["a"]


async def test_delete_object_takes_one_of_several_that_look_alike(oss: OssClient):
    for key in ("a", "a/", "a/b", "A"):
        await oss.put(key)
    await oss.request("DELETE", "/examplebucket/a/")
    assert await keys(oss) == ["A", "a", "a/b"]


async def test_delete_multiple_objects_reports_every_entry_in_order(oss: OssClient):
    for key in ("a", "b", "c"):
        await oss.put(key)
    answer = await oss.request("POST", "/examplebucket?delete", body=delete_document(["c", "missing", "a", "a"]))
    assert (answer.status, answer.headers["content-type"], answer.xml.tag) == (200, "application/xml", "DeleteResult")
    assert answer.texts("Deleted/Key") == ["c", "missing", "a", "a"]
    assert answer.texts("EncodingType") == answer.texts("Deleted/VersionId") == []
    assert await keys(oss) == ["b"]


async def test_delete_multiple_objects_reads_keys_as_xml_and_encodes_only_the_answer(oss: OssClient):
    await oss.put("a%26b%20%2525")
    body = delete_document(["a&amp;b %25"])
    answer = await oss.request("POST", "/examplebucket?delete&encoding-type=url", body=body)
    assert (answer.texts("EncodingType"), answer.texts("Deleted/Key")) == (["url"], ["a%26b%20%2525"])
    assert await keys(oss) == []


@pytest.mark.parametrize("quiet", ["<Quiet>true</Quiet>", "<Quiet>True</Quiet>", "<Quiet> true\n</Quiet>"])
async def test_delete_multiple_objects_quietly_answers_with_nothing(oss: OssClient, quiet: str):
    await oss.put("a")
    answer = await oss.request("POST", "/examplebucket?delete", body=delete_document(["a"], quiet))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert await keys(oss) == []


async def test_delete_multiple_objects_accepts_a_namespace_and_a_digest(oss: OssClient):
    await oss.put("a")
    body = delete_document(["a"]).replace("<Delete>", '<Delete xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">')
    digest = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    answer = await oss.request("POST", "/examplebucket?delete", headers={"Content-MD5": digest}, body=body)
    assert answer.texts("Deleted/Key") == ["a"]


async def test_delete_multiple_objects_by_version(oss: OssClient):
    await oss.put("a")
    await oss.put("b")
    body = (
        "<Delete><Object><Key>a</Key><VersionId>null</VersionId></Object>"
        f"<Object><Key>b</Key><VersionId>{KNOWN_FORM_OF_VERSION_ID}</VersionId></Object></Delete>"
    )
    answer = await oss.request("POST", "/examplebucket?delete", body=body)
    assert answer.texts("Deleted/VersionId") == ["null", KNOWN_FORM_OF_VERSION_ID]
    assert await keys(oss) == ["b"]


async def test_delete_multiple_objects_takes_a_thousand_keys(oss: OssClient):
    answer = await oss.request("POST", "/examplebucket?delete", body=delete_document(f"k{n}" for n in range(1000)))
    assert len(answer.texts("Deleted/Key")) == 1000


@pytest.mark.parametrize(
    ("body", "code", "ec"),
    [
        pytest.param("", "MalformedXML", "0016-00000608", id="empty"),
        pytest.param("<Delete><Object>", "MalformedXML", "0016-00000608", id="cut off"),
        pytest.param("<Remove/>", "MalformedXML", "0016-00000608", id="another root"),
        pytest.param("<Delete/>", "MalformedXML", "0016-00000615", id="no object"),
        pytest.param(
            "<Delete><Object><Key>a</Key></Object><Object/></Delete>",
            "UserKeyMustBeSpecified",
            "0016-00000613",
            id="no key",
        ),
        pytest.param(delete_document(["a", ""]), "UserKeyMustBeSpecified", "0016-00000613", id="empty key"),
        pytest.param(delete_document(["a", "/b"]), "InvalidObjectName", "0016-00000005", id="leading slash"),
        pytest.param(delete_document(["a"] * 1001), "MalformedXML", "0016-00000608", id="1,001 objects"),
        pytest.param(delete_document(["a", "b" * 2_100_000]), "MalformedXML", "0016-00000608", id="above 2 MB"),
        pytest.param(
            "<Delete><Object><Key>a</Key><VersionId>234</VersionId></Object></Delete>",
            "InvalidArgument",
            None,
            id="no version id",
        ),
    ],
)
async def test_delete_multiple_objects_that_is_refused_deletes_nothing(
    oss: OssClient, body: str, code: str, ec: str | None
):
    await oss.put("a")
    answer = await oss.request("POST", "/examplebucket?delete", body=body)
    assert (answer.status, answer.code, answer.xml.findtext("EC")) == (400, code, ec)
    assert await keys(oss) == ["a"]


async def test_delete_multiple_objects_with_another_root_names_the_one_it_wants(oss: OssClient):
    answer = await oss.request("POST", "/examplebucket?delete", body="<Remove/>")
    assert answer.texts("ErrorDetail") == ["the root node is not named Delete."]


async def test_delete_multiple_objects_with_a_wrong_digest_deletes_nothing(oss: OssClient):
    await oss.put("a")
    headers = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    answer = await oss.request("POST", "/examplebucket?delete", headers=headers, body=delete_document(["a"]))
    assert (answer.status, answer.code, answer.texts("EC")) == (400, "InvalidDigest", ["0017-00000503"])
    assert answer.texts("Content-MD5") == ["1B2M2Y8AsgTpgAmY7PhCfg=="]
    assert await keys(oss) == ["a"]


async def test_delete_multiple_objects_without_a_digest_is_refused_by_the_strict_profile(make_oss: MakeOss):
    oss = await make_oss(profile="real")
    answer = await oss.request("POST", "/examplebucket?delete", body=delete_document(["a"]))
    assert (answer.status, answer.code, answer.texts("EC")) == (400, "MissingArgument", ["0016-00000606"])
