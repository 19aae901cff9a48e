"""A page posts a form that its server has signed a policy for: as a plain form, and by script."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from emulator import EmulatorThread
from emulator.config import AccessKey
from tests.app_server import encoded
from tests.browser.conftest import KEY_ID, KEY_SECRET, STS_KEY, MakeEmulator, Site
from tests.browser.policies import signed_fields
from tests.browser.test_presigned import bucket_of

KEY = AccessKey(id=KEY_ID, secret=KEY_SECRET)
SIGNERS = [
    pytest.param(KEY, "V1", id="V1"),
    pytest.param(KEY, "V4", id="V4"),
    pytest.param(STS_KEY, "V1", id="V1 with STS"),
    pytest.param(STS_KEY, "V4", id="V4 with STS"),
]
HELLO = 'new File(["hello"], "测试 a.txt", {type: "text/plain"})'


def grant_form(
    site: Site,
    emulator: EmulatorThread,
    signer: AccessKey = KEY,
    version: str = "V4",
    size: int = 1 << 20,
    **fields: str,
) -> None:
    """Let the page post a file of at most `size` bytes under `up/`, within a minute; `fields` are further ones."""
    signed = signed_fields(signer, version, ["starts-with", "$key", "up/"], ["content-length-range", 1, size])
    site.grant(
        "form", {"url": f"{emulator.endpoint}/examplebucket", "fields": {"key": "up/${filename}", **signed, **fields}}
    )


def callback_fields(site: Site) -> dict[str, str]:
    body = "object=${object}&size=${size}&uid=${x:uid}"
    return {"callback": encoded({"callbackUrl": site.server.url, "callbackBody": body}), "x:uid": "a b/ä"}


def send_form(site: Site, file: Path) -> Any:
    """Fill in the page's form and send it as a person does: where the browser then is, and what it shows."""
    return site.visit(
        f"""
        await page.evaluate("fillForm()");
        const input = await page.$("input[type=file]");
        await input.uploadFile({json.dumps(str(file))});
        const [answer] = await Promise.all([page.waitForNavigation(), page.click("button")]);
        return {{url: page.url(), status: answer.status(), text: await answer.text()}};
        """
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "测试 a.txt"
    path.write_bytes(b"hello")
    return path


@pytest.mark.parametrize(("signer", "version"), SIGNERS)
def test_plain_form_is_redirected_and_needs_no_rule(
    site: Site,
    make_emulator: MakeEmulator,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    signer: AccessKey,
    version: str,
) -> None:
    emulator = make_emulator()
    site.server.pages["/done"] = "text/html", b"Thank you."
    grant_form(site, emulator, signer, version, success_action_redirect=f"{site.origin}/done?a=1")
    shown = send_form(site, file)
    assert (shown["status"], shown["text"]) == (200, "Thank you.")
    assert shown["url"].startswith(f"{site.origin}/done?a=1")
    assert bucket_of(emulator).get_object("up/测试 a.txt").read() == b"hello"
    assert "The page cannot read" not in caplog.text


def test_plain_form_shows_the_document_that_it_asks_for(site: Site, make_emulator: MakeEmulator, file: Path) -> None:
    emulator = make_emulator()
    grant_form(site, emulator, success_action_status="201")
    shown = send_form(site, file)
    assert shown["status"] == 201
    document = ElementTree.fromstring(shown["text"])
    assert (document.tag, document.findtext("Key")) == ("PostResponse", "up/测试 a.txt")


@pytest.mark.parametrize(("signer", "version"), SIGNERS)
@pytest.mark.parametrize("function", ["postForm", "postFormWithProgress"])
def test_form_by_script_calls_the_application_back_and_its_answer_reaches_the_page(
    site: Site, emulator: EmulatorThread, signer: AccessKey, version: str, function: str
) -> None:
    grant_form(site, emulator, signer, version, **callback_fields(site))
    seen = site.run(f"{function}({HELLO})")
    assert (seen["status"], seen["text"]) == (200, '{"Status":"OK"}')
    assert seen["etag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    (callback,) = site.server.received
    assert callback.is_signed
    assert callback.form == {"object": "up/测试 a.txt", "size": "5", "uid": "a b/ä"}
    assert bucket_of(emulator).get_object("up/测试 a.txt").read() == b"hello"


def test_progress_of_a_form_is_seen_by_the_page(site: Site, emulator: EmulatorThread) -> None:
    grant_form(site, emulator, size=4 << 20)
    seen = site.run('postFormWithProgress(new File([new Uint8Array(3 << 20)], "a"))')
    assert seen["status"] == 204
    assert seen["progress"][-1] > 3 << 20


@pytest.mark.parametrize("function", ["postForm", "postFormWithProgress"])
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"key": "elsewhere"}, "AccessDenied", id="policy broken by a field"),
        pytest.param({"x-oss-signature": "0" * 64}, "SignatureDoesNotMatch", id="wrong signature"),
        pytest.param({}, "EntityTooLarge", id="more than the policy allows"),
    ],
)
def test_refusal_of_a_large_form_can_be_read_by_the_page(
    site: Site, emulator: EmulatorThread, function: str, fields: dict[str, str], code: str
) -> None:
    grant_form(site, emulator, **fields)
    seen = site.run(f'{function}(new File([new Uint8Array(3 << 20)], "a"))')
    assert seen.get("status") in (400, 403), seen
    assert f"<Code>{code}</Code>" in seen["text"]


def test_form_by_script_without_rules_is_stored_and_the_log_says_why_the_page_cannot_tell(
    site: Site, make_emulator: MakeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = make_emulator()
    grant_form(site, emulator)
    assert site.run(f"postForm({HELLO})") == {"failure": "Failed to fetch"}
    assert bucket_of(emulator).get_object("up/测试 a.txt").read() == b"hello"
    assert "The page cannot read this answer." in caplog.text
    assert "cors.default: allow-all" in caplog.text
