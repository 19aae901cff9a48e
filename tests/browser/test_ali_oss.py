"""ali-oss's build for browsers, in a page of the application."""

import json

import pytest

from emulator import EmulatorThread
from emulator.config import ConfiguredBucket, ConfiguredCorsRule
from tests.browser.conftest import KEY_ID, KEY_SECRET, STS_KEY, MakeEmulator, Site

VERSIONS = [pytest.param(True, id="V4"), pytest.param(False, id="V1")]


def grant_client(site: Site, emulator: EmulatorThread, *, is_v4: bool = True, sts: bool = False) -> None:
    """Let the page have what a client of ali-oss wants to know."""
    site.grant(
        "client",
        {
            "endpoint": emulator.endpoint.replace("127.0.0.1", "localhost"),
            "sldEnable": True,
            "region": "oss-cn-hangzhou",
            "bucket": "examplebucket",
            "authorizationV4": is_v4,
            "accessKeyId": STS_KEY.id if sts else KEY_ID,
            "accessKeySecret": STS_KEY.secret if sts else KEY_SECRET,
            "stsToken": STS_KEY.token if sts else None,
            "refreshSTSTokenInterval": 300_000,
        },
    )


@pytest.mark.parametrize("is_v4", VERSIONS)
@pytest.mark.parametrize("sts", [pytest.param(False, id="key"), pytest.param(True, id="STS")])
def test_put_with_a_callback_gives_the_application_s_answer(
    site: Site, emulator: EmulatorThread, is_v4: bool, sts: bool
) -> None:
    grant_client(site, emulator, is_v4=is_v4, sts=sts)
    callback = {"url": site.server.url, "body": "object=${object}&uid=${x:uid}", "customValue": {"uid": "a b/ä"}}
    result = site.run(
        f"""(async () => {{
          const oss = await client();
          const put = await oss.put("dir/测试 a+b.txt", new Blob(["hello"]), {{callback: {json.dumps(callback)}}});
          const got = await oss.get("dir/测试 a+b.txt");
          const listed = await oss.listV2({{prefix: "dir/"}});
          await oss.delete("dir/测试 a+b.txt");
          return {{
            data: put.data,
            etag: put.res.headers.etag,
            content: got.content.toString(),
            keys: listed.objects.map((each) => each.name),
            code: await oss.head("dir/测试 a+b.txt").catch((error) => error.code),
          }};
        }})()"""
    )
    assert result == {
        "data": {"Status": "OK"},
        "etag": '"5D41402ABC4B2A76B9719D911017C592"',
        "content": "hello",
        "keys": ["dir/测试 a+b.txt"],
        "code": "NoSuchKey",
    }
    (received,) = site.server.received
    assert received.is_signed
    assert received.form == {"object": "dir/测试 a+b.txt", "uid": "a b/ä"}


def test_url_that_ali_oss_signs_can_be_fetched_by_the_page(site: Site, emulator: EmulatorThread) -> None:
    grant_client(site, emulator)
    result = site.run(
        """(async () => {
          const oss = await client();
          await oss.put("a.txt", new Blob(["hello"]));
          return seen(fetch(await oss.signatureUrlV4("GET", 60, undefined, "a.txt")));
        })()"""
    )
    assert (result["status"], result["text"]) == (200, "hello")


def test_put_without_rules_fails_and_the_log_says_what_to_set(
    site: Site, make_emulator: MakeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    grant_client(site, make_emulator())
    result = site.run(
        """client().then((oss) => oss.put("a.txt", new Blob(["hello"]))).catch(({name, status}) => ({name, status}))"""
    )
    assert result == {"name": "RequestError", "status": -1}
    assert "cors.default: allow-all" in caplog.text


# --- Multipart uploads ----------------------------------------------------------------------------------------------


def multipart(callback: dict[str, object] | None = None) -> str:
    """Uploads 1,000,000 bytes in parts of 200 KiB, three at once; gives the answer and the progress, or the error."""
    return f"""(async () => {{
      const oss = await client();
      const progress = [];
      const file = new File([new Uint8Array(1_000_000)], "big.bin");
      try {{
        const {{data, res}} = await oss.multipartUpload("big.bin", file, {{
          partSize: 200 * 1024, parallel: 3, callback: {json.dumps(callback)} ?? undefined,
          progress: (share) => {{ progress.push(share); }},
        }});
        return {{data, status: res.status, progress}};
      }} catch (error) {{
        return {{message: error.message}};
      }}
    }})()"""


@pytest.mark.parametrize("is_v4", VERSIONS)
@pytest.mark.parametrize("sts", [pytest.param(False, id="key"), pytest.param(True, id="STS")])
def test_multipart_upload_with_a_callback_gives_the_application_s_answer(
    site: Site, emulator: EmulatorThread, is_v4: bool, sts: bool
) -> None:
    grant_client(site, emulator, is_v4=is_v4, sts=sts)
    callback = {
        "url": site.server.url,
        "body": "object=${object}&size=${size}&uid=${x:uid}",
        "customValue": {"uid": "a b/ä"},
    }
    result = site.run(multipart(callback))
    assert (result["status"], result["data"]) == (200, {"Status": "OK"})
    assert result["progress"][-1] == 1
    (received,) = site.server.received
    assert received.is_signed
    assert received.form == {"object": "big.bin", "size": "1000000", "uid": "a b/ä"}


def test_multipart_upload_names_the_etag_when_the_rule_does_not_expose_it(
    site: Site, make_emulator: MakeEmulator
) -> None:
    rule = ConfiguredCorsRule(
        allowed_origins=("*",), allowed_methods=("GET", "PUT", "POST", "DELETE", "HEAD"), allowed_headers=("*",)
    )
    grant_client(site, make_emulator(buckets=(ConfiguredBucket(name="examplebucket", cors=(rule,)),)))
    result = site.run(multipart())
    assert "Please set the etag of expose-headers in OSS" in result["message"]
