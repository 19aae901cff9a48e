import pytest

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

STYLE = "<Style><Content>{}</Content></Style>"


async def put(oss: OssClient, name: str, content: str = "image/resize,p_50", more: str = "") -> Response:
    return await oss.request("PUT", f"/examplebucket?style&styleName={name}{more}", body=STYLE.format(content))


async def test_a_style_is_made_changed_and_deleted(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    answer = await put(oss, "small", "image/resize,p_10", "&category=image")
    assert (answer.status, answer.body) == (200, b"")
    clock.step(60)
    await put(oss, "small")
    answer = await oss.request("GET", "/examplebucket?style&styleName=small")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Style>\n"
        "  <Name>small</Name>\n"
        "  <Content>image/resize,p_50</Content>\n"
        "  <Category>image</Category>\n"
        "  <CreateTime>Sat, 01 Jun 2024 12:00:00 GMT</CreateTime>\n"
        "  <LastModifyTime>Sat, 01 Jun 2024 12:01:00 GMT</LastModifyTime>\n"
        "</Style>\n"
    )
    for _ in range(2):
        assert (await oss.request("DELETE", "/examplebucket?style&styleName=small")).status == 204
        answer = await oss.request("GET", "/examplebucket?style&styleName=small")
        assert (answer.status, answer.code, answer.message) == (404, "NoSuchStyle", "No Such Image Style.")


async def test_styles_are_listed_by_name(oss: OssClient):
    assert b"<StyleList></StyleList>" in (await oss.request("GET", "/examplebucket?style")).body
    for name in ("b", "a", "A.1_2-3"):
        await put(oss, name, f"image/{name}")
    answer = await oss.request("GET", "/examplebucket?style")
    assert answer.texts("Style/Name") == ["A.1_2-3", "a", "b"]
    assert answer.texts("Style/Content") == ["image/A.1_2-3", "image/a", "image/b"]


async def test_a_bucket_has_fifty_styles_at_most(oss: OssClient):
    for number in range(50):
        assert (await put(oss, str(number))).status == 200
    answer = await put(oss, "50")
    assert (answer.status, answer.code) == (400, "TooManyStyles")
    assert (await put(oss, "49")).status == 200


@pytest.mark.parametrize("name", ["", "a%20b", "%E6%9D%AD", "x" * 64])
async def test_a_style_cannot_have_every_name(oss: OssClient, name: str):
    answer = await put(oss, name)
    assert (answer.status, answer.code, answer.texts("ArgumentName")) == (400, "InvalidArgument", ["styleName"])


@pytest.mark.parametrize("body", ["", "<Content>image/resize,p_50</Content>"])
async def test_what_is_no_style_is_refused(oss: OssClient, body: str):
    answer = await oss.request("PUT", "/examplebucket?style&styleName=small", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.parametrize("body", ["<Style/>", STYLE.format("")])
async def test_a_style_does_something(oss: OssClient, body: str):
    answer = await oss.request("PUT", "/examplebucket?style&styleName=small", body=body)
    assert (answer.status, answer.code, answer.message) == (400, "InvalidArgument", "Style content is invalid.")
