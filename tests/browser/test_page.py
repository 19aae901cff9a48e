"""What docs/browser-upload.md says works as it stands there, in a browser."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from emulator import EmulatorThread
from emulator.configure import load
from tests import pages
from tests.browser.conftest import STS_KEY, MakeEmulator, Site
from tests.browser.test_presigned import bucket_of

EXAMPLES = pages.marked("docs/browser-upload.md", "browser")
RULES = [EXAMPLES["rules for all"], EXAMPLES["rules for one"]]
UPLOAD = 'upload(new File(["hello"], "测试 a.txt", {type: "text/plain"})).catch((error) => error.message)'


def server_side(name: str, site: Site, emulator: EmulatorThread) -> dict[str, Any]:
    """What an example of the page defines for the application's server."""
    code = EXAMPLES[name].replace("http://127.0.0.1:8280", emulator.endpoint)
    code = code.replace("port=8280", f"port={emulator.endpoint.rpartition(':')[2]}")
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:9000/callback", site.server.url), names)
    return names


def ali_oss(emulator: EmulatorThread, site: Site, key: str) -> str:
    """The page's example of ali-oss, uploading to `key`; gives what the application answered, or how it was refused."""
    code = EXAMPLES["ali-oss"].replace("http://localhost:8280", emulator.endpoint.replace("127.0.0.1", "localhost"))
    code = code.replace("  ...keys,", "  ...keys, refreshSTSTokenInterval: 300_000,")
    code = code.replace("uploads/${user}/big.bin", key)
    return f"""(async () => {{
      const callbackUrl = "{site.server.url}";
      const user = "ann";
      const file = new File([new Uint8Array(300_000)], "big.bin");
      {code}
      return data;
    }})().catch(({{status, code, message}}) => ({{status, code, message}}))"""


@pytest.mark.parametrize("rules", [pytest.param(rules, id=rules.partition(":")[0]) for rules in RULES])
def test_ali_oss_uploads_under_the_rules_of_the_page(
    site: Site, make_emulator: MakeEmulator, tmp_path: Path, rules: str
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules.replace("http://localhost:3000", site.origin))
    config = load(file, {}, {})
    emulator = make_emulator(buckets=config.buckets, cors=config.cors)
    keys = {"accessKeyId": STS_KEY.id, "accessKeySecret": STS_KEY.secret, "stsToken": STS_KEY.token}
    site.server.pages["/upload-keys"] = "application/json", json.dumps(keys).encode()
    assert site.run(ali_oss(emulator, site, "uploads/${user}/big.bin")) == {"Status": "OK"}
    (received,) = site.server.received
    assert received.form == {"object": "uploads/ann/big.bin", "size": "300000"}


def test_key_that_the_page_s_server_fetches_from_sts_is_good_for_its_folder_alone(
    site: Site, emulator: EmulatorThread
) -> None:
    keys = server_side("sts.py", site, emulator)["keys_for"]("ann")
    site.server.pages["/upload-keys"] = "application/json", json.dumps(keys).encode()
    assert site.run(ali_oss(emulator, site, "uploads/${user}/big.bin")) == {"Status": "OK"}
    refused = site.run(ali_oss(emulator, site, "uploads/bob/big.bin"))
    assert (refused["status"], refused["code"]) == (403, "AccessDenied")
    assert "Access denied by authorizer's policy." in refused["message"]
    (received,) = site.server.received
    assert received.form == {"object": "uploads/ann/big.bin", "size": "300000"}
    stored = emulator.emulator.context.store
    assert [stored.find("examplebucket", f"uploads/{user}/big.bin") is None for user in ("ann", "bob")] == [False, True]


def test_form_that_the_page_signs_is_uploaded_with_its_callback(site: Site, emulator: EmulatorThread) -> None:
    form = server_side("form.py", site, emulator)["form_for"]("ann")
    site.server.pages["/upload-form"] = "application/json", json.dumps(form).encode()
    assert site.run(f"(() => {{ {EXAMPLES['form.js']}; return {UPLOAD}; }})()") == {"Status": "OK"}
    (received,) = site.server.received
    assert received.form == {"object": "uploads/ann/测试 a.txt", "size": "5", "user": "ann"}


@pytest.mark.parametrize("field", ["callback", "x:user", "key"])
def test_form_that_the_page_signs_is_refused_once_changed(site: Site, emulator: EmulatorThread, field: str) -> None:
    form = server_side("form.py", site, emulator)["form_for"]("ann")
    form["fields"][field] = "else"
    site.server.pages["/upload-form"] = "application/json", json.dumps(form).encode()
    message = site.run(f"(() => {{ {EXAMPLES['form.js']}; return {UPLOAD}; }})()")
    assert message.startswith("403 ")
    assert "Invalid according to Policy: " in message


def test_plain_form_of_the_page_is_uploaded_and_shows_the_answer(
    site: Site, emulator: EmulatorThread, tmp_path: Path
) -> None:
    form = server_side("form.py", site, emulator)["form_for"]("ann")
    hidden = "".join(f"<input type='hidden' name='{name}' value='{value}'>" for name, value in form["fields"].items())
    page = EXAMPLES["form.html"].replace("http://127.0.0.1:8280", emulator.endpoint)
    site.server.pages["/index.html"] = "text/html", re.sub("<!--.*?-->", hidden, page).encode()
    (tmp_path / "a.txt").write_bytes(b"hello")
    text = site.visit(
        f"""
        await (await page.$("input[type=file]")).uploadFile({json.dumps(str(tmp_path / "a.txt"))});
        const [answer] = await Promise.all([page.waitForNavigation(), page.click("button")]);
        return answer.text();
        """
    )
    assert text == '{"Status":"OK"}'
    assert bucket_of(emulator).get_object("uploads/ann/a.txt").read() == b"hello"


def test_url_that_the_page_signs_is_uploaded_to_with_its_callback(site: Site, emulator: EmulatorThread) -> None:
    url = server_side("url.py", site, emulator)["url_for"]("ann", "text/plain")
    site.server.pages["/upload-url"] = "text/plain", url.encode()
    assert site.run(f"(() => {{ {EXAMPLES['url.js']}; return {UPLOAD}; }})()") == {"Status": "OK"}
    (received,) = site.server.received
    assert received.form == {"object": "avatars/ann", "size": "5"}


def test_every_example_is_run() -> None:
    rules = {"rules for all", "rules for one"}
    assert EXAMPLES.keys() == rules | {"ali-oss", "sts.py", "form.py", "form.js", "form.html", "url.py", "url.js"}
