from datetime import UTC, datetime
from typing import cast

import pytest

from emulator.errors import MethodNotAllowed, OperationNotImplemented
from emulator.operations import TABLE, resolve
from emulator.wire.address import Address
from emulator.wire.request import Body, OssRequest, parse_query
from tests.client import OssClient


def make_request(line: str, *header_names: str) -> OssRequest:
    """A request such as `GET /examplebucket/key?acl`, with headers of these names."""
    method, target = line.split(" ", 1)
    path, _, query = target.partition("?")
    bucket, _, key = path[1:].partition("/")
    pairs = parse_query(query)
    return OssRequest(
        method=method,
        target=path,
        raw_query=query,
        host="localhost",
        scheme="http",
        address=Address(bucket=bucket, key=key),
        query=pairs,
        parameters={name: value or "" for name, value in reversed(pairs)},
        headers=dict.fromkeys(header_names, "x"),
        body=cast(Body, None),
        request_id="0" * 24,
        received=datetime(2024, 6, 1, tzinfo=UTC),
        client="127.0.0.1",
    )


# What policies can allow on an object, and what is asked for under no other name.
PERMISSIONS = {
    *("GetObject", "PutObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "RestoreObject"),
    *("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging", "ListParts", "AbortMultipartUpload"),
    *("PostProcessTask", "CleanRestoredObject"),
}


def test_operation_on_an_object_asks_for_a_permission_that_policies_know():
    asking = {row.name: row.action for row in TABLE.rows if row.resource == "Object" and row.function and row.is_signed}
    wrong = {name: action for name, action in asking.items() if action not in PERMISSIONS}
    assert wrong == {}, "the row says action=, as HeadObject's does"


def test_no_two_rows_are_alike():
    demands = [(row.method, row.resource, frozenset(row.query), frozenset(row.headers)) for row in TABLE.rows]
    assert len(demands) == len(set(demands))


def test_a_name_has_one_row_unless_it_is_about_two_resources_or_comes_by_two_methods():
    named = [(row.name, row.method, row.resource) for row in TABLE.rows]
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("GET /", "ListBuckets"),
        ("GET /?prefix=a&max-keys=1&marker=b", "ListBuckets"),
        ("PUT /b", "PutBucket"),
        ("DELETE /b", "DeleteBucket"),
        ("HEAD /b", "HeadBucket"),
        ("GET /b", "ListObjects"),
        ("GET /b?prefix=a&delimiter=/&encoding-type=url", "ListObjects"),
        ("GET /b?list-type=2&start-after=x", "ListObjectsV2"),
        ("GET /b?list-type=3", "ListObjects"),
        ("GET /b?bucketInfo", "GetBucketInfo"),
        ("GET /b?location=", "GetBucketLocation"),
        ("GET /b?stat", "GetBucketStat"),
        ("GET /b?acl", "GetBucketAcl"),
        ("PUT /b?acl=", "PutBucketAcl"),
        ("POST /b?delete&encoding-type=url", "DeleteMultipleObjects"),
        ("GET /b/k", "GetObject"),
        ("GET /b/k?OSSAccessKeyId=a&Expires=1&Signature=s&security-token=t", "GetObject"),
        ("GET /b/k?response-content-type=text%2Fplain&versionId=null&x-oss-traffic-limit=819200", "GetObject"),
        ("GET /b/k?style=2&location=here&v=1", "GetObject"),
        ("HEAD /b/k", "HeadObject"),
        ("HEAD /b/k?objectMeta", "GetObjectMeta"),
        ("PUT /b/k", "PutObject"),
        ("POST /b", "PostObject"),
        ("POST /b/?x-oss-signature=x&name=y", "PostObject"),
        ("PUT /b/k?callback=e30&callback-var=e30", "PutObject"),
        ("DELETE /b/k?versionId=null", "DeleteObject"),
        ("GET /b/k?acl=", "GetObjectACL"),
        ("PUT /b/k?acl", "PutObjectACL"),
        ("POST /b/k?append&position=0", "AppendObject"),
        ("POST /b/k?uploads", "InitiateMultipartUpload"),
        ("POST /b/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE /b/k?uploadId=u", "AbortMultipartUpload"),
        ("GET /b/k?uploadId=u&max-parts=1", "ListParts"),
        ("GET /b?uploads&prefix=a", "ListMultipartUploads"),
        ("GET /b?cors", "GetBucketCors"),
        ("OPTIONS /b", "OptionObject"),
        ("OPTIONS /b/k", "OptionObject"),
        ("OPTIONS /b/k?partNumber=1&uploadId=u", "OptionObject"),
        ("OPTIONS /b?lifecycle", "OptionObject"),
    ],
)
def test_the_operation_of_a_request(line: str, name: str):
    assert resolve(make_request(line)).name == name


@pytest.mark.parametrize(
    ("line", "headers", "name"),
    [
        pytest.param("PUT /b/k", ["x-oss-copy-source"], "CopyObject", id="a header is a demand"),
        pytest.param("PUT /b/k?partNumber=1&uploadId=u", [], "UploadPart", id="two demands of the query"),
        pytest.param("PUT /b/k?partNumber=1&uploadId=u", ["x-oss-copy-source"], "UploadPartCopy", id="three demands"),
        pytest.param("POST /b?cname&comp=add", [], "PutCname", id="a value that is demanded"),
        pytest.param("GET /b?cname&comp=other", [], "ListCname", id="another value than the one demanded"),
        pytest.param("GET /b?inventory&inventoryId=i", [], "GetBucketInventory", id="one of a list"),
        pytest.param("PUT /b/k?symlink", ["x-oss-copy-source"], "PutSymlink", id="the query outranks the header"),
    ],
)
def test_the_row_with_the_most_demands_wins(line: str, headers: list[str], name: str):
    assert resolve(make_request(line, *headers)).name == name


@pytest.mark.parametrize(
    ("line", "headers", "name"),
    [
        pytest.param("GET /b?replication=", [], "GetBucketReplication", id="with an equals sign"),
        pytest.param("POST /b/k?x-oss-process=csv%2Fselect", [], "SelectObject", id="a value against a mere name"),
        pytest.param("GET /?cloudboxes", [], "ListCloudBoxes", id="no listing of buckets"),
        pytest.param(
            "PUT /b?publicAccessBlock&x-oss-access-point-name=p",
            [],
            "PutAccessPointPublicAccessBlock",
            id="a setting of something in the bucket",
        ),
    ],
)
def test_an_operation_that_is_not_emulated_is_refused_by_its_name(line: str, headers: list[str], name: str):
    with pytest.raises(OperationNotImplemented, match=f"^{name} is not implemented by the emulator"):
        resolve(make_request(line, *headers))


@pytest.mark.parametrize(
    ("line", "sub_resource"),
    [
        pytest.param("DELETE /b?acl", "acl", id="a method that the sub-resource does not take"),
        pytest.param("DELETE /b?bucketInfo=", "bucketInfo", id="with an equals sign"),
        pytest.param("GET /?cors", "cors", id="the bucket got lost"),
        pytest.param("GET /b?symlink", "symlink", id="the key got lost"),
        pytest.param("GET /b/k?acl&tagging", "tagging", id="two at once"),
        pytest.param("HEAD /b/k?uploadId=u", "uploadId", id="no such HEAD"),
        pytest.param("PUT /b/k?partNumber=1", "partNumber", id="half of an UploadPart"),
        pytest.param("PUT /b/k?append", "append", id="PUT for POST"),
    ],
)
def test_a_sub_resource_that_nobody_claims_never_falls_through(line: str, sub_resource: str):
    with pytest.raises(
        OperationNotImplemented, match=rf"\?{sub_resource} on (the service|a bucket|an object) is not implemented"
    ):
        resolve(make_request(line))


@pytest.mark.parametrize(
    ("line", "resource", "allow"),
    [
        ("PATCH /b/k", "Object", "GET DELETE HEAD PUT POST OPTIONS"),
        ("POST /b/k", "Object", "GET DELETE HEAD PUT POST OPTIONS"),
        ("POST /b/k?foo", "Object", "GET DELETE HEAD PUT POST OPTIONS"),
        ("PATCH /b", "Bucket", "GET DELETE HEAD PUT POST OPTIONS"),
        ("POST /", "Service", "GET DELETE PUT POST"),
        ("HEAD /", "Service", "GET DELETE PUT POST"),
        ("get /b/k", "Object", "GET DELETE HEAD PUT POST OPTIONS"),
    ],
)
def test_a_method_that_the_resource_does_not_know(line: str, resource: str, allow: str):
    with pytest.raises(MethodNotAllowed) as caught:
        resolve(make_request(line))
    assert caught.value.headers == {"Allow": allow}
    assert caught.value.elements == {"ResourceType": resource}


async def test_a_refusal_of_the_table_on_the_wire(oss: OssClient):
    refused = await oss.request("GET", "/examplebucket?replication")
    assert (refused.status, refused.code) == (501, "NotImplemented")
    assert "GetBucketReplication" in (refused.message or "")
    refused = await oss.request("PATCH", "/examplebucket/a")
    assert (refused.status, refused.code, refused.xml.findtext("ResourceType")) == (405, "MethodNotAllowed", "Object")
    assert refused.headers["allow"] == "GET DELETE HEAD PUT POST OPTIONS"
