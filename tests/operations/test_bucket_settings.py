"""The settings of a bucket that are documents: what is put comes back, in OSS's order, or is refused."""

from typing import NamedTuple

import pytest

from tests.client import OssClient, Response


class Row(NamedTuple):
    """A setting: what GET answers before anybody has set it, a document, and how it comes back."""

    sub_resource: str
    absent: str
    put: str
    got: str


def row(sub_resource: str, absent: str, put: str, got: str = "") -> object:
    """`absent` is a document or a Code; `got` is `put` where it is not given."""
    return pytest.param(Row(sub_resource, absent, put, got or put), id=sub_resource)


LOGGING = (
    "<BucketLoggingStatus><LoggingEnabled>{}<TargetPrefix>p-</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"
)

ROWS = [
    row(
        "logging",
        "<BucketLoggingStatus></BucketLoggingStatus>",
        LOGGING.format("<TargetBucket>examplebucket</TargetBucket>"),
    ),
    row(
        "requestPayment",
        "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
        "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>",
    ),
    row(
        "accessmonitor",
        "<AccessMonitorConfiguration><Status>Disabled</Status></AccessMonitorConfiguration>",
        "<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>",
    ),
]
DELETABLE = {"logging"}


async def ask(oss: OssClient, method: str, sub_resource: str, body: str = "") -> Response:
    return await oss.request(method, f"/examplebucket?{sub_resource}", body=body)


def bare(document: bytes) -> str:
    """A document without its declaration and its indentation."""
    declaration, *lines = document.decode().split("\n")
    assert declaration == '<?xml version="1.0" encoding="UTF-8"?>'
    return "".join(line.strip() for line in lines)


async def is_absent(oss: OssClient, setting: Row) -> bool:
    answer = await ask(oss, "GET", setting.sub_resource)
    if setting.absent.startswith("<"):
        return (answer.status, bare(answer.body)) == (200, setting.absent)
    return (answer.status, answer.code, answer.texts("BucketName")) == (404, setting.absent, ["examplebucket"])


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_comes_back_as_it_was_put(oss: OssClient, setting: Row):
    assert await is_absent(oss, setting)
    answer = await ask(oss, "PUT", setting.sub_resource, setting.put)
    assert (answer.status, answer.body) == (200, b"")
    answer = await ask(oss, "GET", setting.sub_resource)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert bare(answer.body) == setting.got
    assert (await ask(oss, "PUT", setting.sub_resource, bare(answer.body))).status == 200
    assert (await ask(oss, "GET", setting.sub_resource)).body == answer.body


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_is_deleted_where_oss_deletes_it(oss: OssClient, setting: Row):
    await ask(oss, "PUT", setting.sub_resource, setting.put)
    expected = 204 if setting.sub_resource in DELETABLE else 501
    assert (await ask(oss, "DELETE", setting.sub_resource)).status == expected
    assert await is_absent(oss, setting) == (setting.sub_resource in DELETABLE)
    assert (await ask(oss, "DELETE", setting.sub_resource)).status == expected


@pytest.mark.parametrize("setting", ROWS)
async def test_what_is_no_such_document_is_refused_and_changes_nothing(oss: OssClient, setting: Row):
    root = setting.put[1 : setting.put.index(">")]
    for body in ("", "{}", "<Other></Other>", setting.put + "x", f"<{root}><Unknown>1</Unknown></{root}>"):
        answer = await ask(oss, "PUT", setting.sub_resource, body)
        assert (answer.status, answer.code) == (400, "MalformedXML"), body
    assert await is_absent(oss, setting)


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_of_a_bucket_that_does_not_exist(oss: OssClient, setting: Row):
    for method in ("GET", "PUT"):
        answer = await oss.request(method, f"/missing-bucket?{setting.sub_resource}", body=setting.put)
        assert (answer.status, answer.code) == (404, "NoSuchBucket")


async def test_settings_do_not_disturb_each_other(oss: OssClient):
    for setting in ROWS:
        await ask(oss, "PUT", setting.values[0].sub_resource, setting.values[0].put)
    for setting in ROWS:
        assert bare((await ask(oss, "GET", setting.values[0].sub_resource)).body) == setting.values[0].got


# --- What no schema can say -------------------------------------------------------------------------------------------


async def test_logs_go_into_a_bucket_that_exists(oss: OssClient):
    answer = await ask(oss, "PUT", "logging", LOGGING.format("<TargetBucket>missing-bucket</TargetBucket>"))
    assert (answer.status, answer.code) == (400, "InvalidTargetBucketForLogging")
    assert answer.message == "put bucket log requester is not target bucket owner."
