"""A page uploads with a URL that its server has signed, and sees what CORS lets it see."""

import json
from typing import Any

import oss2
import pytest

from emulator import EmulatorThread
from emulator.config import ConfiguredBucket, ConfiguredCorsRule, Cors
from tests.app_server import encoded
from tests.browser.conftest import KEY_ID, KEY_SECRET, STS_KEY, MakeEmulator, Site

CALLBACK_BODY = "object=${object}&size=${size}&uid=${x:uid}"
HELLO = 'putPresigned(new File(["hello"], "a.txt"))'

AUTHS = {
    "V1": oss2.Auth(KEY_ID, KEY_SECRET),
    "V4": oss2.AuthV4(KEY_ID, KEY_SECRET),
    "V1 with STS": oss2.StsAuth(STS_KEY.id, STS_KEY.secret, STS_KEY.token, auth_version="v1"),
    "V4 with STS": oss2.StsAuth(STS_KEY.id, STS_KEY.secret, STS_KEY.token, auth_version="v4"),
}


def bucket_of(emulator: EmulatorThread, auth: str = "V4") -> oss2.Bucket:
    return oss2.Bucket(AUTHS[auth], emulator.endpoint, "examplebucket", region="cn-hangzhou")


def grant_put(site: Site, emulator: EmulatorThread, auth: str = "V4", **parameters: str) -> None:
    """Let the page PUT `a.txt` within a minute, with a Content-Type that browsers ask leave for."""
    headers = {"Content-Type": "image/jpeg"}
    url = bucket_of(emulator, auth).sign_url("PUT", "a.txt", 60, params=parameters, headers=headers)
    site.grant("presigned", {"url": url, "headers": headers})


def callback_to(site: Site) -> dict[str, str]:
    return {
        "callback": encoded({"callbackUrl": site.server.url, "callbackBody": CALLBACK_BODY}),
        "callback-var": encoded({"x:uid": "a b/ä"}),
    }


@pytest.mark.parametrize("auth", AUTHS)
def test_presigned_put_calls_the_application_back_and_its_answer_reaches_the_page(
    site: Site, emulator: EmulatorThread, auth: str
) -> None:
    grant_put(site, emulator, auth, **callback_to(site))
    seen = site.run(HELLO)
    assert seen == {"status": 200, "etag": '"5D41402ABC4B2A76B9719D911017C592"', "text": '{"Status":"OK"}'}
    (callback,) = site.server.received
    assert callback.is_signed
    assert callback.form == {"object": "a.txt", "size": "5", "uid": "a b/ä"}
    assert bucket_of(emulator).get_object("a.txt").read() == b"hello"


def test_failed_callback_can_be_read_by_the_page(site: Site, emulator: EmulatorThread) -> None:
    site.server.status = 500
    grant_put(site, emulator, **callback_to(site))
    seen = site.run(HELLO)
    assert seen["status"] == 203
    assert "<Code>CallbackFailed</Code>" in seen["text"]


@pytest.mark.parametrize("megabytes", [3, 30])
def test_refusal_of_a_large_upload_can_be_read_by_the_page(
    site: Site, emulator: EmulatorThread, megabytes: int
) -> None:
    grant_put(site, emulator)
    site.server.pages["/leave/presigned"] = (
        "application/json",
        site.server.pages["/leave/presigned"][1].replace(b"x-oss-signature=", b"x-oss-signature=0"),
    )
    seen = site.run(f'putPresigned(new File([new Uint8Array({megabytes} << 20)], "a.txt"))')
    assert seen["status"] == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in seen["text"]


def test_progress_of_a_put_is_seen_by_the_page(site: Site, emulator: EmulatorThread) -> None:
    grant_put(site, emulator)
    seen = site.run(
        'leave("presigned").then(({url, headers}) => xhr("PUT", url, new Blob([new Uint8Array(3 << 20)]), headers))'
    )
    assert seen["status"] == 200
    assert seen["progress"][-1] == 3 << 20


# --- Without the rules that it takes --------------------------------------------------------------------------------


def rules(**changes: Any) -> tuple[ConfiguredBucket, ...]:
    rule = {"allowed_origins": ("*",), "allowed_methods": ("PUT",), "allowed_headers": ("content-type",)} | changes
    return (ConfiguredBucket(name="examplebucket", cors=(ConfiguredCorsRule(**rule),)),)


@pytest.mark.parametrize(
    ("buckets", "advice"),
    [
        pytest.param((ConfiguredBucket(name="examplebucket"),), "cors.default: allow-all", id="no rule"),
        pytest.param(rules(allowed_origins=("http://a.test",)), "<AllowedOrigin>http://127.0.0.1:", id="origin"),
        pytest.param(rules(allowed_methods=("POST",)), "<AllowedMethod>PUT</AllowedMethod>", id="method"),
        pytest.param(rules(allowed_headers=()), "<AllowedHeader>content-type</AllowedHeader>", id="header"),
    ],
)
def test_refused_preflight_is_an_unexplained_failure_to_the_page_and_explained_in_the_log(
    site: Site,
    make_emulator: MakeEmulator,
    caplog: pytest.LogCaptureFixture,
    buckets: tuple[ConfiguredBucket, ...],
    advice: str,
) -> None:
    emulator = make_emulator(buckets=buckets)
    grant_put(site, emulator)
    assert site.run(HELLO) == {"failure": "Failed to fetch"}
    assert not bucket_of(emulator).object_exists("a.txt")
    assert advice in caplog.text


def test_answer_without_cors_headers_is_hidden_from_the_page_and_the_log_says_so(
    site: Site, make_emulator: MakeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = make_emulator()
    bucket_of(emulator).put_object("a.txt", b"hello")
    url = bucket_of(emulator).sign_url("GET", "a.txt", 60)
    assert site.run(f"seen(fetch({json.dumps(url)}))") == {"failure": "Failed to fetch"}
    assert "The page cannot read this answer." in caplog.text
    assert "cors.default: allow-all" in caplog.text


def test_header_that_is_not_exposed_is_hidden_from_the_page(site: Site, make_emulator: MakeEmulator) -> None:
    grant_put(site, make_emulator(buckets=rules()))
    assert site.run(HELLO) == {"status": 200, "etag": None, "text": ""}


def test_allow_all_lets_any_page_in(site: Site, make_emulator: MakeEmulator) -> None:
    grant_put(site, make_emulator(cors=Cors(default="allow-all")))
    assert site.run(HELLO) == {"status": 200, "etag": '"5D41402ABC4B2A76B9719D911017C592"', "text": ""}
