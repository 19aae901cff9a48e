from itertools import pairwise

import pytest

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.uploads import A_CRC64, A_ETAG, MIN_PART, initiate, upload_part


async def list_parts(oss: OssClient, upload_id: str, query: str = "", key: str = "key") -> Response:
    return await oss.request("GET", f"/examplebucket/{key}?uploadId={upload_id}{query}")


async def list_uploads(oss: OssClient, query: str = "") -> Response:
    return await oss.request("GET", f"/examplebucket?uploads{query}")


def fields(response: Response) -> list[tuple[str, str]]:
    """The document's elements in order; those with content of their own by name."""
    return [(element.tag, element.text or "") if not len(element) else (element.tag, "...") for element in response.xml]


# --- ListParts ------------------------------------------------------------------------------------------------------


async def test_parts_are_shown_with_all_that_clients_read(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    upload_id = await initiate(oss, "dir/a%20b", x_oss_storage_class="IA")
    clock.step(60)
    await upload_part(oss, upload_id, 5, MIN_PART, "dir/a%20b")
    response = await list_parts(oss, upload_id, key="dir/a%20b")
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert fields(response) == [
        ("Bucket", "examplebucket"),
        ("Key", "dir/a b"),
        ("UploadId", upload_id),
        ("StorageClass", "IA"),
        ("PartNumberMarker", "0"),
        ("NextPartNumberMarker", "5"),
        ("MaxParts", "1000"),
        ("IsTruncated", "false"),
        ("Part", "..."),
    ]
    (part,) = response.xml.findall("Part")
    assert [(element.tag, element.text) for element in part] == [
        ("PartNumber", "5"),
        ("LastModified", "2024-06-01T12:01:00.000Z"),
        ("ETag", A_ETAG),
        ("HashCrc64ecma", A_CRC64),
        ("Size", "102400"),
    ]


async def test_upload_without_parts_has_the_marker_0(oss: OssClient) -> None:
    response = await list_parts(oss, await initiate(oss), "&part-number-marker=7")
    assert response.texts("PartNumberMarker") == ["7"]
    assert response.texts("NextPartNumberMarker") == ["0"]
    assert response.texts("Part") == []


@pytest.mark.parametrize(
    ("query", "numbers", "next_marker", "is_truncated"),
    [
        pytest.param("", "1 2 30 400 10000", "10000", "false", id="all"),
        pytest.param("&max-parts=5", "1 2 30 400 10000", "10000", "false", id="exactly as many"),
        pytest.param("&max-parts=2", "1 2", "2", "true", id="first page"),
        pytest.param("&max-parts=2&part-number-marker=2", "30 400", "400", "true", id="second page"),
        pytest.param("&max-parts=2&part-number-marker=400", "10000", "10000", "false", id="last page"),
        pytest.param("&part-number-marker=31", "400 10000", "10000", "false", id="marker that is no part"),
        pytest.param("&part-number-marker=10000", "", "0", "false", id="marker at the end"),
        pytest.param("&part-number-marker=", "1 2 30 400 10000", "10000", "false", id="empty marker"),
    ],
)
async def test_parts_come_by_number_in_pages(
    query: str, numbers: str, next_marker: str, is_truncated: str, oss: OssClient
) -> None:
    upload_id = await initiate(oss)
    for number in (400, 30, 2, 10_000, 1):
        await upload_part(oss, upload_id, number, b"x")
    response = await list_parts(oss, upload_id, query)
    assert " ".join(response.texts("Part/PartNumber")) == numbers
    assert response.texts("NextPartNumberMarker") == [next_marker]
    assert response.texts("IsTruncated") == [is_truncated]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-parts", "0"),
        ("max-parts", "1001"),
        ("max-parts", "x"),
        ("part-number-marker", "-1"),
        ("part-number-marker", "x"),
    ],
)
async def test_bad_bounds_of_a_page_of_parts_are_refused(name: str, value: str, oss: OssClient) -> None:
    response = await list_parts(oss, await initiate(oss), f"&{name}={value}")
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert (response.texts("ArgumentName"), response.texts("ArgumentValue")) == ([name], [value])
    if name == "max-parts":
        assert response.message == "Argument max-parts must be an integer between 1 and 1000."


async def test_key_of_listed_parts_is_encoded_where_asked_for(oss: OssClient) -> None:
    key = "a%20%E6%B5%8B/%01"
    response = await list_parts(oss, await initiate(oss, key, query="&encoding-type=url"), "&encoding-type=url", key)
    assert fields(response)[0] == ("EncodingType", "url")
    assert response.texts("Key") == ["a%20%E6%B5%8B%2F%01"]


# --- ListMultipartUploads -------------------------------------------------------------------------------------------


async def test_uploads_are_shown_with_all_that_clients_read(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    upload_id = await initiate(oss, "dir/a%20b", x_oss_storage_class="IA")
    response = await list_uploads(oss)
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert fields(response) == [
        ("Bucket", "examplebucket"),
        ("KeyMarker", ""),
        ("UploadIdMarker", ""),
        ("NextKeyMarker", "dir/a b"),
        ("NextUploadIdMarker", upload_id),
        ("Delimiter", ""),
        ("Prefix", ""),
        ("MaxUploads", "1000"),
        ("IsTruncated", "false"),
        ("Upload", "..."),
    ]
    (upload,) = response.xml.findall("Upload")
    assert [(element.tag, element.text) for element in upload] == [
        ("Key", "dir/a b"),
        ("UploadId", upload_id),
        ("StorageClass", "IA"),
        ("Initiated", "2024-06-01T12:00:00.000Z"),
    ]


async def test_bucket_without_uploads_has_empty_markers(oss: OssClient) -> None:
    response = await list_uploads(oss, "&key-marker=k&upload-id-marker=u")
    assert dict(fields(response)) | {"MaxUploads": ""} == {
        "Bucket": "examplebucket",
        "KeyMarker": "k",
        "UploadIdMarker": "u",
        "NextKeyMarker": "",
        "NextUploadIdMarker": "",
        "Delimiter": "",
        "Prefix": "",
        "MaxUploads": "",
        "IsTruncated": "false",
    }


KEYS = ["a", "b/1", "b/2", "b/2", "c", "c", "d/x"]


@pytest.mark.parametrize(
    ("query", "keys", "groups", "is_truncated"),
    [
        pytest.param("", " ".join(KEYS), "", "false", id="all"),
        pytest.param("&max-uploads=7", " ".join(KEYS), "", "false", id="exactly as many"),
        pytest.param("&max-uploads=6", "a b/1 b/2 b/2 c c", "", "true", id="one less"),
        pytest.param("&prefix=b/", "b/1 b/2 b/2", "", "false", id="prefix"),
        pytest.param("&delimiter=/", "a c c", "b/ d/", "false", id="delimiter"),
        pytest.param("&delimiter=/&prefix=b/", "b/1 b/2 b/2", "", "false", id="delimiter in the prefix"),
        pytest.param("&delimiter=/&max-uploads=2", "a", "b/", "true", id="groups count"),
        pytest.param("&delimiter=/&max-uploads=3", "a c", "b/", "true", id="within a key"),
        pytest.param("&key-marker=b/2", "c c d/x", "", "false", id="all uploads of the marker are over"),
        pytest.param("&key-marker=b/", "b/1 b/2 b/2 c c d/x", "", "false", id="marker that is no key"),
        pytest.param("&key-marker=b/&delimiter=/", "c c", "d/", "false", id="marker that is a group"),
        pytest.param("&upload-id-marker=0", " ".join(KEYS), "", "false", id="marker of no key is ignored"),
        pytest.param("&key-marker=c&upload-id-marker=0", "c c d/x", "", "false", id="marker before all ids"),
        pytest.param("&key-marker=c&upload-id-marker=G", "d/x", "", "false", id="marker behind all ids"),
        pytest.param("&key-marker=z", "", "", "false", id="marker at the end"),
    ],
)
async def test_uploads_come_by_key_and_id_in_pages(
    query: str, keys: str, groups: str, is_truncated: str, oss: OssClient
) -> None:
    for key in reversed(KEYS):
        await initiate(oss, key)
    response = await list_uploads(oss, query)
    assert " ".join(response.texts("Upload/Key")) == keys
    assert " ".join(response.texts("CommonPrefixes/Prefix")) == groups
    assert response.texts("IsTruncated") == [is_truncated]
    pairs = zip(response.texts("Upload/Key"), response.texts("Upload/UploadId"), strict=True)
    assert all(one < other for one, other in pairwise(pairs))


@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_pages_follow_each_other_without_gap_or_repetition(delimiter: str, oss: OssClient) -> None:
    ids = {await initiate(oss, key) for key in KEYS}
    found: list[str] = []
    groups: list[str] = []
    query, is_truncated = "", "true"
    while is_truncated == "true":
        response = await list_uploads(oss, f"&max-uploads=2&delimiter={delimiter}{query}")
        found += response.texts("Upload/UploadId")
        groups += response.texts("CommonPrefixes/Prefix")
        (is_truncated,) = response.texts("IsTruncated")
        (key,), (upload_id,) = response.texts("NextKeyMarker"), response.texts("NextUploadIdMarker")
        query = f"&key-marker={key}&upload-id-marker={upload_id}"
    assert groups == (["b/", "d/"] if delimiter else [])
    assert len(found) == len(set(found)) == (3 if delimiter else 7)
    assert set(found) <= ids


@pytest.mark.guess
async def test_page_that_ends_with_a_group_goes_on_after_it(oss: OssClient) -> None:
    for key in KEYS:
        await initiate(oss, key)
    response = await list_uploads(oss, "&delimiter=/&max-uploads=2")
    assert (response.texts("NextKeyMarker"), response.texts("NextUploadIdMarker")) == (["b/"], [""])


@pytest.mark.parametrize("value", ["0", "1001", "x", "-1"])
async def test_bad_length_of_a_page_of_uploads_is_refused(value: str, oss: OssClient) -> None:
    response = await list_uploads(oss, f"&max-uploads={value}")
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert (response.texts("ArgumentName"), response.texts("ArgumentValue")) == (["max-uploads"], [value])


async def test_names_of_listed_uploads_are_encoded_where_asked_for(oss: OssClient) -> None:
    await initiate(oss, "%E6%B5%8B%20/1")
    await initiate(oss, "%E6%B5%8B%20/%01x/2", query="&encoding-type=url")
    response = await list_uploads(
        oss, "&encoding-type=url&prefix=%E6%B5%8B%20/&delimiter=/&key-marker=%E6%B5%8B%20/%01&max-uploads=1000"
    )
    assert fields(response)[0] == ("EncodingType", "url")
    expected = {
        "KeyMarker": "%E6%B5%8B%20%2F%01",
        "NextKeyMarker": "%E6%B5%8B%20%2F1",
        "Prefix": "%E6%B5%8B%20%2F",
        "Delimiter": "%2F",
        "Upload/Key": "%E6%B5%8B%20%2F1",
        "CommonPrefixes/Prefix": "%E6%B5%8B%20%2F%01x%2F",
    }
    assert {path: response.texts(path) for path in expected} == {path: [text] for path, text in expected.items()}


async def test_uploads_of_other_buckets_are_not_shown(oss: OssClient) -> None:
    await oss.request("PUT", "/other-bucket")
    await oss.request("POST", "/other-bucket/key?uploads")
    assert (await list_uploads(oss)).texts("Upload") == []
