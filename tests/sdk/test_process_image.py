"""Images processed through the official SDKs."""

import base64
import json
import urllib.request

import alibabacloud_oss_v2 as v2
import pytest

from emulator import EmulatorThread
from tests.image.pictures import look, picture
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs, refusal

PICTURE = picture(400, 267, "JPEG")
TARGET = "小/a+b.jpg"
SAVE = f"image/resize,w_100|sys/saveas,o_{base64.urlsafe_b64encode(TARGET.encode()).decode()}"


def read(client: Verbs, key: str, process: str) -> bytes:
    if isinstance(client, Oss2Verbs):
        return client.bucket.get_object(key, process=process).read()
    with client.client.get_object(v2.GetObjectRequest(bucket=BUCKET, key=key, process=process)).body as body:
        return body.read()


def save(client: Verbs, key: str, process: str) -> tuple[str, int, str]:
    """ProcessObject; the key that was made, its size and the status, as the SDK has read them."""
    if isinstance(client, Oss2Verbs):
        done = client.bucket.process_object(key, process)
        return done.object, done.fileSize, done.process_status
    result = client.client.process_object(v2.ProcessObjectRequest(bucket=BUCKET, key=key, process=process))
    return result.key, result.file_size, result.process_status


def test_an_image_is_read_resized_and_described(client: Verbs) -> None:
    client.store("a.jpg", PICTURE)
    assert look(read(client, "a.jpg", "image/resize,w_100")).size == (100, 67)
    assert json.loads(read(client, "a.jpg", "image/info"))["ImageWidth"] == {"value": "400"}


def test_a_signed_url_may_process(client: Verbs) -> None:
    client.store("a.jpg", PICTURE)
    with urllib.request.urlopen(client.url("GET", "a.jpg", x_oss_process="image/resize,w_100")) as response:
        assert look(response.read()).size == (100, 67)


def test_a_processed_image_is_saved(client: Verbs) -> None:
    client.store("a.jpg", PICTURE)
    key, size, status = save(client, "a.jpg", SAVE)
    saved = client.read(TARGET)
    assert (key, size, status) == (TARGET, len(saved), "OK")
    assert look(saved).size == (100, 67)


def test_refusals_are_the_sdk_s_own_errors(client: Verbs) -> None:
    client.store("a.jpg", b"no image")
    assert refusal(read, client, "a.jpg", "image/info") == (400, "ImageDamage")
    assert refusal(read, client, "missing", "image/info") == (404, "NoSuchKey")
    assert refusal(save, client, "a.jpg", "image/resize,w_100") == (400, "InvalidArgument")
    assert refusal(read, client, "a.jpg", "style/none") == (404, "NoSuchStyle")


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
def test_ali_oss_processes(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        await client.put("a.jpg", Buffer.from("{base64.b64encode(PICTURE).decode()}", "base64"));
        const target = {json.dumps(TARGET)};
        const info = await client.get("a.jpg", {{process: "image/info"}});
        const saved = await client.processObjectSave("a.jpg", target, "image/resize,w_100");
        const got = await client.get(target);
        const not = await client.get("a.jpg", {{process: "video/snapshot,t_1"}}).then(() => 0, (error) => error.status);
        return {{info: JSON.parse(info.content), saved: saved.status, image: got.content.toString("base64"), not}};
        """,
    )
    assert (result["info"]["Format"], result["saved"], result["not"]) == ({"value": "jpg"}, 200, 501)
    assert look(base64.b64decode(result["image"])).size == (100, 67)
