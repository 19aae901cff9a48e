"""Speed limits as each SDK sends them; how exactly they are kept, tests/operations/test_traffic_limit.py says."""

import time
from collections.abc import Callable
from urllib.request import urlopen

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import OssV2Verbs, Verbs, refusal

RATE = 1_024_000  # bytes a second
LIMIT = RATE * 8
DATA = bytes(256_000)
SECONDS = len(DATA) / RATE


def seconds_of(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def put(client: Verbs, limit: int = LIMIT) -> None:
    if isinstance(client, OssV2Verbs):
        client.client.put_object(v2.PutObjectRequest(bucket=BUCKET, key="a", body=DATA, traffic_limit=limit))
    else:
        client.bucket.put_object("a", DATA, headers={oss2.models.OSS_TRAFFIC_LIMIT: str(limit)})


def get(client: Verbs) -> bytes:
    if isinstance(client, OssV2Verbs):
        request = v2.GetObjectRequest(bucket=BUCKET, key="a", traffic_limit=LIMIT)
        with client.client.get_object(request).body as body:
            return body.read()
    return client.bucket.get_object("a", headers={oss2.models.OSS_TRAFFIC_LIMIT: str(LIMIT)}).read()


def append(client: Verbs) -> None:
    if isinstance(client, OssV2Verbs):
        request = v2.AppendObjectRequest(bucket=BUCKET, key="log", position=0, body=DATA, traffic_limit=LIMIT)
        client.client.append_object(request)
    else:
        client.bucket.append_object("log", 0, DATA, headers={oss2.models.OSS_TRAFFIC_LIMIT: str(LIMIT)})


def upload_part(client: Verbs) -> None:
    if isinstance(client, OssV2Verbs):
        begun = client.client.initiate_multipart_upload(v2.InitiateMultipartUploadRequest(bucket=BUCKET, key="parts"))
        where = {"bucket": BUCKET, "key": "parts", "upload_id": begun.upload_id, "part_number": 1}
        client.client.upload_part(v2.UploadPartRequest(**where, body=DATA, traffic_limit=LIMIT))
    else:
        upload_id = client.bucket.init_multipart_upload("parts").upload_id
        headers = {oss2.models.OSS_TRAFFIC_LIMIT: str(LIMIT)}
        client.bucket.upload_part("parts", upload_id, 1, DATA, headers=headers)


def test_uploads_and_downloads_are_held_to_their_limit(client: Verbs) -> None:
    for transfer in (put, get, append, upload_part):
        assert seconds_of(lambda transfer=transfer: transfer(client)) >= 0.9 * SECONDS, transfer
    assert get(client) == DATA


def test_presigned_download_is_held_to_its_limit(client: Verbs) -> None:
    client.store("a", DATA)
    url = client.url("GET", "a", x_oss_traffic_limit=str(LIMIT))

    def download() -> None:
        with urlopen(url, timeout=30) as answer:
            assert answer.read() == DATA

    assert seconds_of(download) >= 0.9 * SECONDS


def test_limit_below_the_least_is_refused(client: Verbs) -> None:
    assert refusal(put, client, 1000) == (400, "InvalidArgument")


@pytest.mark.parametrize("v4", [False, True], ids=["V1", "V4"])
def test_ali_oss_is_held_to_its_limit(emulator: EmulatorThread, run_node: RunNode, v4: bool) -> None:
    script = f"""
        const headers = {{ "x-oss-traffic-limit": "{LIMIT}" }};
        const body = Buffer.alloc({len(DATA)});
        const seconds = [];
        let started = performance.now();
        const lap = () => {{
          seconds.push((performance.now() - started) / 1000);
          started = performance.now();
        }};
        await client.put("a", body, {{ headers }});
        lap();
        const got = await client.get("a", {{ headers }});
        lap();
        const url = client.signatureUrl("a", {{ trafficLimit: {LIMIT} }});
        const signed = await urllib.request(url);
        lap();
        return [seconds, got.content.equals(body), signed.data.equals(body)];
    """
    endpoint = emulator.endpoint.replace("127.0.0.1", "localhost")  # signatureUrl takes no IP address
    options = ali_oss(emulator, endpoint=endpoint, sldEnable=True, authorizationV4=v4)
    seconds, is_got, is_signed = run_node("run.js", options, script)
    assert (is_got, is_signed) == (True, True)
    assert all(each >= 0.9 * SECONDS for each in seconds)
