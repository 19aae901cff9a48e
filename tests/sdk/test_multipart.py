"""Uploads in parts through the official SDKs: in parallel, resumed after an interruption, copied, with a callback."""

import json
import urllib.request
from pathlib import Path

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.app_server import AppServer, encoded
from tests.operations.uploads import listed
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs, refusal

KEY = "dir/测试 a+b&c.bin"
PART_BYTES = 102_400
BODY = bytes(range(256)) * 2000  # five parts
SENT = (
    "bucket=${bucket}&object=${object}&size=${size}&etag=${etag}&operation=${operation}&md5=${contentMd5}&uid=${x:uid}"
)
VARIABLES = {"x:uid": "a b/ä"}


class Interrupted(Exception):
    """What stops an upload half way."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(BODY)
    return path


def interrupt(done: int | None, *_: object) -> None:
    """Stop the upload once two parts are through."""
    if done is not None and done >= 2 * PART_BYTES:
        raise Interrupted


def check_callback(app_server: AppServer, key: str, etag: str) -> None:
    (callback,) = app_server.received
    assert callback.is_signed
    assert callback.form == {
        "bucket": BUCKET,
        "object": key,
        "size": str(len(BODY)),
        "etag": etag.strip('"'),
        "operation": "CompleteMultipartUpload",
        "md5": "",
        "uid": "a b/ä",
    }


def uploads(client: Verbs) -> list[tuple[str, str]]:
    """Key and id of every upload that is under way."""
    if isinstance(client, Oss2Verbs):
        return [(upload.key, upload.upload_id) for upload in oss2.MultipartUploadIterator(client.bucket, max_uploads=1)]
    paginator = client.client.list_multipart_uploads_paginator(limit=1)
    pages = paginator.iter_page(v2.ListMultipartUploadsRequest(bucket=BUCKET, encoding_type="url"))
    return [(upload.key, upload.upload_id) for page in pages for upload in page.uploads or ()]


def parts(client: Verbs, key: str, upload_id: str) -> list[tuple[int, int, str]]:
    """Number, size and ETag of every part of an upload."""
    if isinstance(client, Oss2Verbs):
        found = oss2.PartIterator(client.bucket, key, upload_id, max_parts=2)
        return [(part.part_number, part.size, part.etag) for part in found]
    paginator = client.client.list_parts_paginator(limit=2)
    pages = paginator.iter_page(v2.ListPartsRequest(bucket=BUCKET, key=key, upload_id=upload_id, encoding_type="url"))
    return [(part.part_number, part.size, part.etag.strip('"')) for page in pages for part in page.parts or ()]


def begin(client: Verbs, key: str = KEY) -> str:
    if isinstance(client, Oss2Verbs):
        return client.bucket.init_multipart_upload(key, headers={"Content-Type": "text/plain"}).upload_id
    request = v2.InitiateMultipartUploadRequest(bucket=BUCKET, key=key, content_type="text/plain")
    return client.client.initiate_multipart_upload(request).upload_id


def send(client: Verbs, upload_id: str, number: int, data: bytes, key: str = KEY) -> str:
    """Upload a part; its ETag."""
    if isinstance(client, Oss2Verbs):
        return client.bucket.upload_part(key, upload_id, number, data).etag
    request = v2.UploadPartRequest(bucket=BUCKET, key=key, upload_id=upload_id, part_number=number, body=data)
    return client.client.upload_part(request).etag


def send_copy(client: Verbs, upload_id: str, number: int, source: str, first: int, last: int) -> str:
    """Copy these bytes of an object into a part; its ETag."""
    if isinstance(client, Oss2Verbs):
        return client.bucket.upload_part_copy(BUCKET, source, (first, last), KEY, upload_id, number).etag
    request = v2.UploadPartCopyRequest(
        bucket=BUCKET,
        key=KEY,
        upload_id=upload_id,
        part_number=number,
        source_bucket=BUCKET,
        source_key=source,
        source_range=f"bytes={first}-{last}",
    )
    return client.client.upload_part_copy(request).etag


def finish(client: Verbs, upload_id: str, etags: dict[int, str], callback: str = "", variables: str = "") -> bytes:
    """Complete an upload; what was answered to it."""
    if isinstance(client, Oss2Verbs):
        listed = [oss2.models.PartInfo(number, etag) for number, etag in etags.items()]
        headers = {"x-oss-callback": callback, "x-oss-callback-var": variables} if callback else None
        return client.bucket.complete_multipart_upload(KEY, upload_id, listed, headers=headers).resp.read()
    result = client.client.complete_multipart_upload(
        v2.CompleteMultipartUploadRequest(
            bucket=BUCKET,
            key=KEY,
            upload_id=upload_id,
            complete_multipart_upload=v2.CompleteMultipartUpload(
                parts=[v2.UploadPart(part_number=number, etag=etag) for number, etag in etags.items()]
            ),
            callback=callback or None,
            callback_var=variables or None,
        )
    )
    return str(result.callback_result).encode()


def test_parts_are_sent_listed_and_made_an_object_with_a_callback(client: Verbs, app_server: AppServer) -> None:
    upload_id = begin(client)
    etags = {
        number: send(client, upload_id, number, BODY[start : start + PART_BYTES])
        for number, start in enumerate(range(0, len(BODY), PART_BYTES), 1)
    }
    assert uploads(client) == [(KEY, upload_id)]
    assert parts(client, KEY, upload_id) == [(number, PART_BYTES, etag.strip('"')) for number, etag in etags.items()]
    callback = encoded({"callbackUrl": app_server.url, "callbackBody": SENT})
    answer = finish(client, upload_id, etags, callback, encoded(VARIABLES))
    assert json.loads(answer) == {"Status": "OK"}
    assert client.read(KEY) == BODY
    head = client.head(KEY)
    assert (head.object_type, head.size, head.content_type) == ("Multipart", len(BODY), "text/plain")
    check_callback(app_server, KEY, head.etag)
    assert uploads(client) == []


def test_signed_url_completes_an_upload_with_the_callback_in_its_query(client: Verbs, app_server: AppServer) -> None:
    upload_id = begin(client)
    document = listed((1, send(client, upload_id, 1, BODY))).encode()
    callback = {
        "callback": encoded({"callbackUrl": app_server.url, "callbackBody": SENT}),
        "callback-var": encoded(VARIABLES),
    }
    headers = {"Content-Type": "text/xml"}
    if isinstance(client, Oss2Verbs):
        url = client.bucket.sign_url("POST", KEY, 60, headers, {"uploadId": upload_id, **callback})
    else:
        wanted = v2.CompleteMultipartUploadRequest(
            bucket=BUCKET, key=KEY, upload_id=upload_id, parameters=callback, headers=headers
        )
        presigned = client.client.presign(wanted)
        url, headers = presigned.url, headers | dict(presigned.signed_headers)
    request = urllib.request.Request(url, data=document, method="POST", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (200, b'{"Status":"OK"}')
    check_callback(app_server, KEY, client.head(KEY).etag)


def test_parts_are_copied_from_objects(client: Verbs) -> None:
    client.store("源 a+b", BODY)
    upload_id = begin(client)
    half = len(BODY) // 2
    etags = {
        1: send_copy(client, upload_id, 1, "源 a+b", half, len(BODY) - 1),
        2: send_copy(client, upload_id, 2, "源 a+b", 0, half - 1),
    }
    finish(client, upload_id, etags)
    assert client.read(KEY) == BODY[half:] + BODY[:half]


def test_aborted_upload_is_gone(client: Verbs) -> None:
    upload_id = begin(client)
    send(client, upload_id, 1, b"part")
    if isinstance(client, Oss2Verbs):
        client.bucket.abort_multipart_upload(KEY, upload_id)
    else:
        client.client.abort_multipart_upload(
            v2.AbortMultipartUploadRequest(bucket=BUCKET, key=KEY, upload_id=upload_id)
        )
    assert uploads(client) == []
    assert refusal(send, client, upload_id, 2, b"part") == (404, "NoSuchUpload")
    assert refusal(finish, client, upload_id, {1: "A" * 32}) == (404, "NoSuchUpload")


def test_wrong_etag_is_the_sdk_s_own_error_and_the_upload_goes_on(client: Verbs) -> None:
    upload_id = begin(client)
    etag = send(client, upload_id, 1, BODY)
    assert refusal(finish, client, upload_id, {1: "A" * 32}) == (400, "InvalidPart")
    finish(client, upload_id, {1: etag})
    assert client.read(KEY) == BODY


def test_upload_is_resumed_where_it_was_interrupted(client: Verbs, file: Path, tmp_path: Path) -> None:
    upload = resumable(client, file, tmp_path)
    with pytest.raises((Interrupted, v2.uploader.UploadError)):
        upload(interrupt)
    ((key, upload_id),) = uploads(client)
    before = len(parts(client, key, upload_id))
    assert before >= 1
    upload(None)
    assert client.read(KEY) == BODY
    assert client.head(KEY).etag.endswith("-5")
    assert uploads(client) == []  # it was the same one


def resumable(client: Verbs, file: Path, tmp_path: Path) -> object:
    """The SDK's own upload of a file in parts, which remembers in `tmp_path` how far it came."""

    def by_oss2(progress: object) -> None:
        oss2.resumable_upload(
            client.bucket,
            KEY,
            str(file),
            store=oss2.ResumableStore(root=str(tmp_path)),
            multipart_threshold=PART_BYTES,
            part_size=PART_BYTES,
            num_threads=2,
            progress_callback=progress,
        )

    def by_v2(progress: object) -> None:
        uploader = client.client.uploader(
            part_size=PART_BYTES,
            parallel_num=2,
            leave_parts_on_error=True,
            enable_checkpoint=True,
            checkpoint_dir=str(tmp_path),
        )
        uploader.upload_file(
            v2.PutObjectRequest(
                bucket=BUCKET, key=KEY, progress_fn=(lambda _, done, __: interrupt(done)) if progress else None
            ),
            str(file),
        )

    return by_oss2 if isinstance(client, Oss2Verbs) else by_v2


@pytest.mark.parametrize("threads", [1, 4])
def test_file_is_uploaded_by_threads(
    threads: int, client: Verbs, file: Path, tmp_path: Path, app_server: AppServer
) -> None:
    if isinstance(client, Oss2Verbs):
        oss2.resumable_upload(
            client.bucket,
            KEY,
            str(file),
            store=oss2.ResumableStore(root=str(tmp_path)),
            multipart_threshold=PART_BYTES,
            part_size=PART_BYTES,
            num_threads=threads,
        )
    else:
        result = client.client.uploader(part_size=PART_BYTES, parallel_num=threads).upload_file(
            v2.PutObjectRequest(
                bucket=BUCKET,
                key=KEY,
                callback=encoded({"callbackUrl": app_server.url, "callbackBody": SENT}),
                callback_var=encoded(VARIABLES),
            ),
            str(file),
        )
        assert result.status_code == 200
        check_callback(app_server, KEY, client.head(KEY).etag)
    assert client.read(KEY) == BODY


def test_object_is_copied_in_parts_by_the_sdk_s_own_copier_if_it_has_one(client: Verbs) -> None:
    if isinstance(client, Oss2Verbs):
        oss2_copy(client)
        return
    client.store("source", BODY, {"Content-Type": "text/plain"})
    copier = client.client.copier(part_size=PART_BYTES, parallel_num=3, multipart_copy_threshold=PART_BYTES)
    request = v2.CopyObjectRequest(bucket=BUCKET, key=KEY, source_bucket=BUCKET, source_key="source")
    copier.copy(request, disable_shallow_copy=True)
    assert client.read(KEY) == BODY
    assert client.head(KEY).etag.endswith("-5")


def oss2_copy(client: Oss2Verbs) -> None:
    """What the documentation does by hand where oss2 has no copier."""
    client.store("source", BODY)
    upload_id = begin(client)
    etags = {
        number: send_copy(client, upload_id, number, "source", start, start + PART_BYTES - 1)
        for number, start in enumerate(range(0, len(BODY), PART_BYTES), 1)
    }
    finish(client, upload_id, etags)
    assert client.read(KEY) == BODY


# --- ali-oss --------------------------------------------------------------------------------------------------------

VERSIONS = [pytest.param(True, id="V4"), pytest.param(False, id="V1")]


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_uploads_parts_in_parallel_and_calls_back(
    v4: bool, emulator: EmulatorThread, app_server: AppServer, run_node: RunNode, file: Path
) -> None:
    callback = {"url": app_server.url, "body": SENT, "customValue": {"uid": "a b/ä"}}
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const progress = [];
        const done = await client.multipartUpload({json.dumps(KEY)}, {json.dumps(str(file))}, {{
          partSize: {PART_BYTES}, parallel: 3, callback: {json.dumps(callback)},
          headers: {{"Content-Type": "text/plain", "x-oss-server-side-encryption": "AES256"}},
          progress: async (share) => {{ progress.push(share); }},
        }});
        const got = await client.get({json.dumps(KEY)});
        return {{status: done.res.status, data: done.data, etag: done.etag, size: got.content.length,
                 got: got.res.headers.etag, type: got.res.headers["x-oss-object-type"],
                 progress: Math.max(...progress)}};
        """,
    )
    assert result == {
        "status": 200,
        "data": {"Status": "OK"},
        "etag": result["got"],
        "got": result["etag"],
        "size": len(BODY),
        "type": "Multipart",
        "progress": 1,
    }
    check_callback(app_server, KEY, result["etag"])


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_resumes_from_its_checkpoint(v4: bool, emulator: EmulatorThread, run_node: RunNode, file: Path) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const options = {{partSize: {PART_BYTES}, parallel: 2}};
        const [name, file] = [{json.dumps(KEY)}, {json.dumps(str(file))}];
        let checkpoint, error;
        const progress = async (_, point) => {{
          checkpoint = point;
          if (point.doneParts.length === 2) client.cancel();
        }};
        try {{ await client.multipartUpload(name, file, {{...options, progress}}); }}
        catch (thrown) {{ error = thrown.name; }}
        const uploads = (await client.listUploads({{}})).uploads;
        const before = (await client.listParts(uploads[0].name, uploads[0].uploadId)).parts.length;
        const done = await client.multipartUpload(name, file, {{...options, checkpoint}});
        const left = (await client.listUploads({{}})).uploads;
        const isSame = uploads[0].uploadId === checkpoint.uploadId;
        return {{error, names: uploads.map((upload) => upload.name), isSame, before, etag: done.etag, left,
                 size: (await client.get(name)).content.length}};
        """,
    )
    assert (result["error"], result["names"], result["isSame"]) == ("cancel", [KEY], True)
    assert 2 <= result["before"] <= 5
    assert (result["etag"][-3:], result["size"], result["left"]) == ('-5"', len(BODY), [])


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_copies_in_parts(v4: bool, emulator: EmulatorThread, run_node: RunNode, file: Path) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        await client.put("源/a+b", {json.dumps(str(file))});
        const done = await client.multipartUploadCopy({json.dumps(KEY)},
          {{sourceKey: "源/a+b", sourceBucketName: "examplebucket"}}, {{partSize: {PART_BYTES}, parallel: 2}});
        const [from, to] = [await client.get("源/a+b"), await client.get({json.dumps(KEY)})];
        return {{etag: done.etag, isSame: from.content.equals(to.content)}};
        """,
    )
    assert result == {"etag": result["etag"], "isSame": True}
    assert result["etag"].endswith('-5"')


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_is_told_of_uploads_that_are_gone(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        """
        const {uploadId} = await client.initMultipartUpload("a");
        await client.abortMultipartUpload("a", uploadId);
        return await client.completeMultipartUpload("a", uploadId, [{number: 1, etag: "A"}]);
        """,
    )
    assert (result["error"]["status"], result["error"]["code"]) == (404, "NoSuchUpload")
