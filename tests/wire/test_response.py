import base64
from xml.etree import ElementTree

import pytest

from emulator.errors import AccessDenied, InvalidArgument, NoSuchKey, NotModified, OssError, SignatureDoesNotMatch
from emulator.wire.response import OssResponse, error_response

REQUEST_ID = "65E86E44D76E913234A3FACA"


def respond(error: OssError, *, is_head: bool = False) -> OssResponse:
    return error_response(error, request_id=REQUEST_ID, host="examplebucket.localhost:8280", is_head=is_head)


def test_the_error_document_of_the_documentation():
    response = respond(NoSuchKey(Key="a<b>&城\x01"))
    assert (response.status, response.headers) == (
        404,
        {"x-oss-ec": "0026-00000001", "Content-Type": "application/xml"},
    )
    assert isinstance(response.body, bytes)
    assert response.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error>\n"
        "  <Code>NoSuchKey</Code>\n"
        "  <Message>The specified key does not exist.</Message>\n"
        "  <RequestId>65E86E44D76E913234A3FACA</RequestId>\n"
        "  <HostId>examplebucket.localhost</HostId>\n"
        "  <Key>a&lt;b&gt;&amp;城\x01</Key>\n"
        "  <EC>0026-00000001</EC>\n"
        "  <RecommendDoc>https://api.aliyun.com/troubleshoot?q=0026-00000001</RecommendDoc>\n"
        "</Error>\n"
    )


@pytest.mark.parametrize("error", [InvalidArgument("bad"), AccessDenied("no", ec="")], ids=["unknown", "emptied"])
def test_an_error_without_ec_says_nothing_of_one(error: OssError):
    response = respond(error)
    assert isinstance(response.body, bytes)
    assert "x-oss-ec" not in response.headers
    assert b"EC>" not in response.body and b"RecommendDoc" not in response.body


def test_the_document_is_utf_8_whatever_the_client_sent():
    response = respond(InvalidArgument("bad", ArgumentName="prefix", ArgumentValue="a\udcffb"))
    assert isinstance(response.body, bytes)
    assert ElementTree.fromstring(response.body).findtext("ArgumentValue") == "a?b"


def test_to_a_head_the_document_goes_in_a_header():
    error = NoSuchKey(Key="a")
    response = respond(error, is_head=True)
    assert (response.status, response.body, response.headers["x-oss-ec"]) == (404, b"", "0026-00000001")
    assert base64.b64decode(response.headers["x-oss-err"]) == respond(error).body


def test_to_a_head_what_is_too_long_for_a_header_is_left_out():
    error = SignatureDoesNotMatch(OSSAccessKeyId="id", StringToSign="x" * 3000, StringToSignBytes="78 " * 3000)
    header = respond(error, is_head=True).headers["x-oss-err"]
    document = base64.b64decode(header)
    assert len(header) < 8000
    assert b"<OSSAccessKeyId>id</OSSAccessKeyId>" in document
    assert b"<StringToSign>" in document and b"<StringToSignBytes>" not in document


def test_not_modified_has_headers_alone():
    response = respond(NotModified(headers={"ETag": '"A"'}))
    assert (response.status, response.headers, response.body) == (304, {"ETag": '"A"'}, b"")
