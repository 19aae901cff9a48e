import pytest

from tests.client import OssClient, Response


def tagging(*tags: tuple[str, str]) -> str:
    inside = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
    return f"<Tagging><TagSet>{inside}</TagSet></Tagging>"


async def put_tags(oss: OssClient, *tags: tuple[str, str]) -> Response:
    return await oss.request("PUT", "/examplebucket?tagging", body=tagging(*tags))


async def tags(oss: OssClient) -> dict[str, str]:
    answer = await oss.request("GET", "/examplebucket?tagging")
    return dict(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value"), strict=True))


async def test_a_bucket_without_tags_has_an_empty_set(oss: OssClient):
    answer = await oss.request("GET", "/examplebucket?tagging")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Tagging>\n  <TagSet></TagSet>\n</Tagging>\n'
    )


async def test_tags_are_read_back_in_their_order_until_others_replace_them(oss: OssClient):
    first = {"b": "1", "a": "", "50%@杭州": "值 %@"}
    answer = await put_tags(oss, *first.items())
    assert (answer.status, answer.body) == (200, b"")
    assert list((await tags(oss)).items()) == list(first.items())
    await put_tags(oss, ("c", "3"))
    assert await tags(oss) == {"c": "3"}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("tagging", {}),
        ("tagging=", {}),
        ("tagging=a", {"b": "2", "c": "3"}),
        ("tagging=a,c", {"b": "2"}),
        ("tagging=a,b,c", {}),
        ("tagging=missing", {"a": "1", "b": "2", "c": "3"}),
    ],
)
async def test_all_tags_are_deleted_or_those_that_are_named(oss: OssClient, query: str, left: dict[str, str]):
    await put_tags(oss, ("a", "1"), ("b", "2"), ("c", "3"))
    assert (await oss.request("DELETE", f"/examplebucket?{query}")).status == 204
    assert await tags(oss) == left


async def test_deleting_tags_where_there_are_none_is_no_error(oss: OssClient):
    assert (await oss.request("DELETE", "/examplebucket?tagging=a")).status == 204


async def test_twenty_tags_of_the_longest_kind_are_taken(oss: OssClient):
    longest = {f"{number:02}" + "杭" * 20 + "xx": "值" * 42 + "xx" for number in range(20)}
    assert (await put_tags(oss, *longest.items())).status == 200
    assert await tags(oss) == longest


@pytest.mark.parametrize(
    ("bad", "code", "message"),
    [
        pytest.param(
            [(str(number), "") for number in range(21)], "TooManyTags", "The bucket tags num is beyond limit.", id="21"
        ),
        pytest.param([("a", "1"), ("a", "2")], "RepeatedTags", "Tag keys must be unique.", id="a key twice"),
        pytest.param([("x" * 65, "")], "InvalidTag", "The TagKey you have provided is invalid.", id="a long key"),
        pytest.param([("a", "x" * 129)], "InvalidTag", "The TagValue you have provided is invalid.", id="a long value"),
        *(
            pytest.param([(key, "")], "InvalidTaggingKey", "The tagging key you provided is invalid.", id=key)
            for key in ("http://a", "https://a", "Aliyun-a")
        ),
        pytest.param([("", "1")], "MalformedXML", "", id="an empty key"),
    ],
)
async def test_tags_that_a_bucket_cannot_have(oss: OssClient, bad: list[tuple[str, str]], code: str, message: str):
    answer = await put_tags(oss, *bad)
    assert (answer.status, answer.code) == (400, code)
    assert message in (answer.message or "")
    assert await tags(oss) == {}


@pytest.mark.parametrize("body", ["", "<Tagging/>", "<Tagging><Tag/></Tagging>", "<TagSet/>"])
async def test_what_is_no_tagging_is_refused(oss: OssClient, body: str):
    answer = await oss.request("PUT", "/examplebucket?tagging", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")
