import base64
import json
import sys
from urllib.parse import quote

import pytest

from emulator.config import Auth
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.image.pictures import look, picture
from tests.operations.test_versioning import set_versioning

PICTURE = picture(400, 267, "JPEG")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def process(oss: OssClient, process: str, key: str = "a.jpg", query: str = "", **headers: str) -> Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request(
        "GET", f"/examplebucket/{key}?x-oss-process={quote(process, safe='')}{query}", headers=fields
    )


async def save(oss: OssClient, process: str, key: str = "a.jpg") -> Response:
    return await oss.request("POST", f"/examplebucket/{key}?x-oss-process", body=f"x-oss-process={process}")


async def test_info_of_an_image_comes_as_json(oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    answer = await process(oss, "image/info")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body) == {
        "FileSize": {"value": str(len(PICTURE))},
        "Format": {"value": "jpg"},
        "FrameCount": {"value": "1"},
        "ImageHeight": {"value": "267"},
        "ImageWidth": {"value": "400"},
    }


async def test_an_image_is_changed_on_its_way(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    stored = await oss.put("a.jpg", PICTURE, Content_Type="text/plain", x_oss_storage_class="IA")
    answer = await process(oss, "image/resize,w_100/format,png")
    image = look(answer.body)
    assert (image.format, image.size) == ("PNG", (100, 67))
    expected = {
        "content-type": "image/png",
        "etag": stored.headers["etag"],
        "last-modified": "Sat, 01 Jun 2024 12:00:00 GMT",
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "IA",
    }
    assert expected.items() <= answer.headers.items()
    for name in ("x-oss-hash-crc64ecma", "content-md5", "accept-ranges"):  # they would be those of other bytes
        assert name not in answer.headers
    assert (await oss.get("a.jpg")).body == PICTURE


async def test_conditions_and_overrides_are_those_of_get_object(oss: OssClient) -> None:
    etag = (await oss.put("a.jpg", PICTURE)).headers["etag"]
    assert (await process(oss, "image/info", If_None_Match=etag)).status == 304
    assert (await process(oss, "image/info", If_Match='"X"')).status == 412
    answer = await process(oss, "image/info", query="&response-content-type=text/plain")
    assert answer.headers["content-type"] == "text/plain"


async def test_an_empty_process_is_none(oss: OssClient) -> None:
    await oss.put("a.jpg", b"hello")
    assert (await process(oss, "")).body == b"hello"


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        pytest.param("image/resize,w_0", 400, "InvalidArgument", id="parameter"),
        pytest.param("image/", 400, "InvalidArgument", id="no action"),
        pytest.param("image/info|sys/saveas,o_YQ", 400, "InvalidArgument", id="nothing is saved by a GET"),
        pytest.param("image/crop,x_400", 400, "BadRequest", id="cut outside"),
        pytest.param("style/missing", 404, "NoSuchStyle", id="no such style"),
        pytest.param("image/watermark,text_YQ", 501, "NotImplemented", id="watermark"),
        pytest.param("video/snapshot,t_1000", 501, "NotImplemented", id="video"),
        pytest.param("doc/preview", 501, "NotImplemented", id="document"),
    ],
)
async def test_what_cannot_be_done_is_refused(text: str, status: int, code: str, oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    answer = await process(oss, text)
    assert (answer.status, answer.code) == (status, code)


async def test_what_is_no_image_is_refused(oss: OssClient) -> None:
    await oss.put("a.jpg", b"hello")
    answer = await process(oss, "image/info")
    assert (answer.status, answer.code, answer.message) == (400, "ImageDamage", "The image file may be damaged.")
    await oss.put("a.jpg", bytes(20 * 1024 * 1024 + 1))
    assert (await process(oss, "image/info")).code == "ImageTooLarge"
    assert (await process(oss, "image/info", "missing")).code == "NoSuchKey"
    assert (await process(oss, "image/info", "/a")).code == "InvalidObjectName"


async def test_a_style_is_a_process_under_a_name(oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    style = "<Style><Content>image/resize,p_50</Content></Style>"
    assert (await oss.request("PUT", "/examplebucket?style&styleName=half", body=style)).status == 200
    assert look((await process(oss, "style/half")).body).size == (200, 133)
    answer = await save(oss, f"style/half|sys/saveas,o_{encoded('half.jpg')}")
    assert answer.status == 200
    assert look((await oss.get("half.jpg")).body).size == (200, 133)


async def test_a_link_an_archive_and_a_version_are_read_as_ever(oss: OssClient) -> None:
    await set_versioning(oss, "Enabled")
    old = (await oss.put("a.jpg", PICTURE)).headers["x-oss-version-id"]
    await oss.put("a.jpg", b"no image")
    answer = await process(oss, "image/resize,w_100", query=f"&versionId={old}")
    assert (look(answer.body).size, answer.headers["x-oss-version-id"]) == ((100, 67), old)
    await oss.put("b.jpg", PICTURE)
    await oss.request("PUT", "/examplebucket/link?symlink", headers={"x-oss-symlink-target": "b.jpg"})
    assert look((await process(oss, "image/resize,w_100", "link")).body).size == (100, 67)
    await oss.put("b.jpg", PICTURE, x_oss_storage_class="Archive")
    assert (await process(oss, "image/info", "b.jpg")).code == "InvalidObjectState"


async def test_whoever_may_read_the_object_may_have_it_processed(make_oss: MakeOss) -> None:
    trusting = await make_oss()
    await trusting.put("a.jpg", PICTURE, x_oss_object_acl="public-read")
    await trusting.put("closed.jpg", PICTURE)
    await trusting.emulator.stop()
    oss = await make_oss(auth=Auth())
    assert (await process(oss, "image/info")).status == 200
    assert (await process(oss, "image/info", "closed.jpg")).status == 403
    assert (await save(oss, f"image/info|sys/saveas,o_{encoded('b')}")).status == 403


async def test_a_result_does_not_overwrite_what_a_rule_of_the_bucket_protects(oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    await oss.put("kept.jpg", "old")
    rule = "<OverwriteConfiguration><Rule><Action>forbid</Action></Rule></OverwriteConfiguration>"
    await oss.request("PUT", "/examplebucket?overwriteConfig", body=rule)
    answer = await save(oss, f"image/resize,w_100|sys/saveas,o_{encoded('kept.jpg')}")
    assert (answer.status, answer.code) == (409, "FileAlreadyExists")
    assert (await oss.get("kept.jpg")).body == b"old"


@pytest.mark.parametrize("encode", [str, lambda text: quote(text, safe="")], ids=["as it is", "encoded"])
async def test_the_result_is_saved_under_the_key_that_is_named(encode: type[str], oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE, x_oss_meta_owner="me")
    text = f"image/resize,w_100|sys/saveas,o_{encoded('小/a+b.jpg')}"
    answer = await save(oss, encode(text))
    key = quote("小/a+b.jpg")
    saved = await oss.get(key)
    assert (look(saved.body).size, saved.headers["content-type"]) == ((100, 67), "image/jpeg")
    assert "x-oss-meta-owner" not in saved.headers
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body) == {
        "bucket": "",
        "fileSize": len(saved.body),
        "object": "小/a+b.jpg",
        "status": "OK",
    }


async def test_the_result_may_go_to_another_bucket(oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    await oss.request("PUT", "/other-bucket")
    answer = await save(oss, f"image/rotate,90|sys/saveas,o_{encoded('b.jpg')},b_{encoded('other-bucket')}")
    assert json.loads(answer.body)["bucket"] == "other-bucket"
    assert look((await oss.request("GET", "/other-bucket/b.jpg")).body).size == (267, 400)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        pytest.param("", 400, "InvalidArgument", id="nothing"),
        pytest.param("image/resize,w_100", 400, "InvalidArgument", id="saved nowhere"),
        pytest.param(f"image/info|sys/saveas,o_{encoded('/a')}", 400, "InvalidObjectName", id="no good key"),
        pytest.param(
            f"image/info|sys/saveas,o_{encoded('a')},b_{encoded('missing-bucket')}", 404, "NoSuchBucket", id="no bucket"
        ),
        pytest.param(f"image/watermark,text_YQ|sys/saveas,o_{encoded('b')}", 501, "NotImplemented", id="watermark"),
        pytest.param(f"video/convert|sys/saveas,o_{encoded('b')}", 501, "NotImplemented", id="video"),
    ],
)
async def test_what_cannot_be_saved_saves_nothing(text: str, status: int, code: str, oss: OssClient) -> None:
    await oss.put("a.jpg", PICTURE)
    answer = await save(oss, text)
    assert (answer.status, answer.code) == (status, code)
    assert (await oss.request("GET", "/examplebucket")).texts("Contents/Key") == ["a.jpg"]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("csv/select", "SelectObject"),
        ("csv/meta", "CreateSelectObjectMeta"),
        ("json/select", "SelectObject"),
        ("json/meta", "CreateSelectObjectMeta"),
    ],
)
async def test_select_object_is_not_there_and_says_so(what: str, name: str, oss: OssClient) -> None:
    await oss.put("a.csv", b"1,2")
    answer = await oss.request("POST", f"/examplebucket/a.csv?x-oss-process={quote(what, safe='')}", body=b"<x/>")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert answer.message == f"{name} is not implemented by the emulator."


async def test_without_pillow_the_answer_names_the_extra(oss: OssClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await oss.put("a.jpg", PICTURE)
    monkeypatch.setitem(sys.modules, "PIL", None)
    answer = await process(oss, "image/info")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert "pip install 'oss-emulator[image]'" in answer.headers["x-emulator-hint"]
