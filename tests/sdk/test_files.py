"""What the official SDKs build on the operations: files, file-like objects, streams, signed URLs, encryption."""

import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as v2
import oss2
import pytest
from alibabacloud_oss_v2 import crypto
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs

KEY = "dir/测试 a+b.bin"
PART_BYTES = 102_400
BODY = bytes(range(256)) * 2000  # five parts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(BODY)
    return path


@pytest.fixture(scope="module")
def key_pair() -> tuple[str, str]:
    """A public and a private RSA key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, encryption = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)
    public = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode(), private.decode()


# --- oss2 -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["v1", "v4"])
def oss2_verbs(request: pytest.FixtureRequest, emulator: EmulatorThread) -> Oss2Verbs:
    return Oss2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, request.param)


def test_oss2_sends_and_fetches_files(oss2_verbs: Oss2Verbs, file: Path, tmp_path: Path) -> None:
    bucket, got = oss2_verbs.bucket, tmp_path / "got"
    assert bucket.put_object_from_file(KEY, str(file)).status == 200
    bucket.get_object_to_file(KEY, str(got))
    assert got.read_bytes() == BODY
    store = oss2.ResumableDownloadStore(root=str(tmp_path))
    oss2.resumable_download(
        bucket, KEY, str(got), multiget_threshold=0, part_size=PART_BYTES, num_threads=3, store=store
    )
    assert got.read_bytes() == BODY


def test_oss2_sends_and_fetches_by_urls_that_it_signed(oss2_verbs: Oss2Verbs, file: Path, tmp_path: Path) -> None:
    bucket, got = oss2_verbs.bucket, tmp_path / "got"
    put, get = (bucket.sign_url(method, KEY, 60, slash_safe=True) for method in ("PUT", "GET"))
    bucket.put_object_with_url(put, b"hello")
    assert bucket.get_object_with_url(get, byte_range=(1, 3)).read() == b"ell"
    bucket.put_object_with_url_from_file(put, str(file))
    bucket.get_object_with_url_to_file(get, str(got))
    assert got.read_bytes() == BODY


def test_oss2_changes_the_metadata_of_an_object(oss2_verbs: Oss2Verbs) -> None:
    oss2_verbs.store(KEY, b"hello", {"x-oss-meta-a": "1"})
    oss2_verbs.bucket.update_object_meta(KEY, {"x-oss-meta-b": "2", "Content-Type": "text/x-test"})
    head = oss2_verbs.head(KEY)
    assert (head.metadata, head.content_type, oss2_verbs.read(KEY)) == ({"b": "2"}, "text/x-test", b"hello")


def test_oss2_encrypts_and_decrypts_by_itself(
    oss2_verbs: Oss2Verbs, emulator: EmulatorThread, key_pair: tuple[str, str]
) -> None:
    provider = oss2.RsaProvider(dict(zip(("public_key", "private_key"), key_pair, strict=True)))
    bucket = oss2.CryptoBucket(
        oss2_verbs.auth, emulator.endpoint, BUCKET, crypto_provider=provider, region="cn-hangzhou"
    )
    bucket.put_object(KEY, BODY)
    with urllib.request.urlopen(oss2_verbs.url("GET", KEY)) as response:
        assert response.read() != BODY
    assert bucket.get_object(KEY).read() == BODY
    assert bucket.get_object(KEY, byte_range=(100, 299)).read() == BODY[100:300]
    context = oss2.models.MultipartUploadCryptoContext(len(BODY), PART_BYTES)
    upload_id = bucket.init_multipart_upload("parts", upload_context=context).upload_id
    parts = []
    for number, start in enumerate(range(0, len(BODY), PART_BYTES), 1):
        data = BODY[start : start + PART_BYTES]
        parts.append(
            oss2.models.PartInfo(
                number, bucket.upload_part("parts", upload_id, number, data, upload_context=context).etag
            )
        )
    bucket.complete_multipart_upload("parts", upload_id, parts)
    assert bucket.get_object("parts").read() == BODY


# --- alibabacloud-oss-v2 ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["v1", "v4"])
def v2_verbs(request: pytest.FixtureRequest, emulator: EmulatorThread) -> OssV2Verbs:
    return OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, request.param)


def test_alibabacloud_oss_v2_sends_and_fetches_files(v2_verbs: OssV2Verbs, file: Path, tmp_path: Path) -> None:
    client, got = v2_verbs.client, tmp_path / "got"
    client.put_object_from_file(v2.PutObjectRequest(bucket=BUCKET, key=KEY), str(file))
    client.get_object_to_file(v2.GetObjectRequest(bucket=BUCKET, key=KEY), str(got))
    assert got.read_bytes() == BODY
    downloader = client.downloader(
        part_size=PART_BYTES, parallel_num=3, enable_checkpoint=True, checkpoint_dir=str(tmp_path)
    )
    got.unlink()
    assert downloader.download_file(v2.GetObjectRequest(bucket=BUCKET, key=KEY), str(got)).written == len(BODY)
    assert got.read_bytes() == BODY


@pytest.mark.parametrize("options", [{}, {"enable_prefetch": True, "prefetch_threshold": 0, "chunk_size": PART_BYTES}])
def test_alibabacloud_oss_v2_opens_an_object_as_a_file(v2_verbs: OssV2Verbs, options: dict[str, object]) -> None:
    v2_verbs.store(KEY, BODY)
    with v2_verbs.client.open_file(BUCKET, KEY, **options) as opened:
        assert opened.read(10) == BODY[:10]
        assert opened.seek(-100, 2) == len(BODY) - 100
        assert opened.read() == BODY[-100:]
        opened.seek(0)
        assert opened.read() == BODY


def test_alibabacloud_oss_v2_pages_through_buckets(v2_verbs: OssV2Verbs) -> None:
    for name in ("b-bucket", "a-bucket"):
        v2_verbs.make_bucket(name, "private", "Standard")
    pages = v2_verbs.client.list_buckets_paginator(limit=2).iter_page(v2.ListBucketsRequest())
    assert [[bucket.name for bucket in page.buckets] for page in pages] == [["a-bucket", "b-bucket"], [BUCKET]]


def test_alibabacloud_oss_v2_encrypts_and_decrypts_by_itself(v2_verbs: OssV2Verbs, key_pair: tuple[str, str]) -> None:
    client = v2.EncryptionClient(v2_verbs.client, crypto.MasterRsaCipher({"tag": "value"}, *key_pair))
    client.put_object(v2.PutObjectRequest(bucket=BUCKET, key=KEY, body=BODY))
    assert v2_verbs.read(KEY) != BODY
    with client.get_object(v2.GetObjectRequest(bucket=BUCKET, key=KEY)).body as body:
        assert body.read() == BODY
    with client.get_object(v2.GetObjectRequest(bucket=BUCKET, key=KEY, range_header="bytes=100-299")).body as body:
        assert body.read() == BODY[100:300]


# --- ali-oss ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
def test_ali_oss_streams_in_and_out_and_changes_metadata(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    script = """
        const {Readable} = require("stream");
        const body = Buffer.alloc(512000, "abc");
        const read = async (key) => {
          const pieces = [];
          for await (const piece of (await client.getStream(key)).stream) pieces.push(piece);
          return Buffer.concat(pieces).equals(body);
        };
        await client.putStream("chunked", Readable.from([body]));
        await client.putStream("long", Readable.from([body]), {contentLength: body.length});
        await client.putMeta("long", {a: "1"});
        const {uploadId} = await client.initMultipartUpload("parts");
        const fs = require("fs"), os = require("os"), path = require("path");
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ali-oss-"));
        fs.writeFileSync(path.join(folder, "file"), body);
        const one = await client.uploadPart("parts", uploadId, 1, path.join(folder, "file"), 0, 256000);
        const source = {sourceKey: "long", sourceBucketName: "examplebucket"};
        const two = await client.uploadPartCopy("parts", uploadId, 2, "256000-511999", source);
        const parts = [one, two].map(({etag}, at) => ({number: at + 1, etag}));
        await client.completeMultipartUpload("parts", uploadId, parts);
        fs.rmSync(folder, {recursive: true});
        const results = [await read("chunked"), await read("long"), await read("parts")];
        return [...results, (await client.head("long")).meta];
    """
    found = run_node("run.js", ali_oss(emulator, authorizationV4=v4), script)
    assert found == [True, True, True, {"a": "1"}]


def test_urls_of_ali_oss_lead_to_the_object(emulator: EmulatorThread, run_node: RunNode) -> None:
    """The names of the hosts need not resolve here: they are only said to the emulator."""
    script = """
        const own = client.options.endpoint.format().replace("localhost", "examplebucket.localhost");
        await client.put("dir/测试 a+b", Buffer.from("hello"));
        await client.putACL("dir/测试 a+b", "public-read");
        const signed = await client.asyncSignatureUrl("dir/测试 a+b", {response: {"content-type": "text/x-test"}});
        return [client.generateObjectUrl("dir/测试 a+b"), client.getObjectUrl("dir/测试 a+b", own), signed];
    """
    endpoint = emulator.endpoint.replace("127.0.0.1", "localhost")
    types = []
    for url in run_node("run.js", ali_oss(emulator, endpoint=endpoint, sldEnable=True), script):
        parts = urlsplit(url)
        target = f"{emulator.endpoint}{parts.path}?{parts.query}"
        with urllib.request.urlopen(urllib.request.Request(target, headers={"Host": parts.netloc})) as response:
            assert response.read() == b"hello"
            types.append(response.headers["Content-Type"])
    assert types == ["application/octet-stream", "application/octet-stream", "text/x-test"]
