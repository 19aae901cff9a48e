"""A page follows what happens by `EventSource`: one of the emulator's own origin may, all others may not."""

import json

import pytest

from emulator import EmulatorThread
from emulator.config import Cors
from tests.browser.conftest import Browser, MakeEmulator, Site
from tests.browser.test_presigned import bucket_of, callback_to

# Follows `url`, and PUTs to `upload` once it is open: what it was told of that, or what became of following.
FOLLOW = """async (url, upload, options) => {
  const source = new EventSource(url, options);
  const told = {};
  const end = new Promise((resolve, reject) => {
    const tell = ({type, data, lastEventId}) => {
      const record = JSON.parse(data);
      if (record.operation !== "PutObject") return; // the browser's own, for an icon
      told[type] = {...record, lastEventId};
      if ("request" in told && "callback" in told) resolve(told);
    };
    source.addEventListener("request", tell);
    source.addEventListener("callback", tell);
    source.addEventListener("open", async () => {
      const answer = await fetch(upload, {method: "PUT", body: new Blob(["hello"])}); // of no type: none was signed
      if (answer.status !== 200) reject(new Error(await answer.text()));
    });
    setTimeout(() => reject(new Error(`only told of ${Object.keys(told)}`)), 20_000);
    source.addEventListener("error", () => resolve({failure: "error", isClosed: source.readyState === 2}));
  });
  return end.finally(() => source.close());
}"""
REFUSED = {"failure": "error", "isClosed": True}


def follow(url: str, upload: str, **options: bool) -> str:
    """The body of a script that follows `url` in the page where it is visited."""
    arguments = ", ".join(json.dumps(each) for each in (url, upload, options))
    return f"return page.evaluate({FOLLOW}, {arguments});"


def upload_url(site: Site, emulator: EmulatorThread) -> str:
    """Where `a.txt` may be PUT within a minute, with a callback to the site."""
    return str(bucket_of(emulator).sign_url("PUT", "a.txt", 60, params=callback_to(site)))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_page_of_the_emulator_is_told_of_an_upload_and_its_callback(
    browser: Browser, site: Site, make_emulator: MakeEmulator, host: str
) -> None:
    emulator = make_emulator()
    origin = emulator.endpoint.replace("127.0.0.1", host)
    upload = upload_url(site, emulator).replace(emulator.endpoint, "")
    told = browser.visit(f"{origin}/_emulator/health", follow("/_emulator/events", upload))
    assert (told["request"]["operation"], told["request"]["status"]) == ("PutObject", 200)
    assert (told["callback"]["object"], told["callback"]["outcome"]) == ("a.txt", "success")
    assert told["callback"]["body"] == "object=a.txt&size=5&uid=a%20b%2F%C3%A4"
    assert told["callback"]["lastEventId"]


@pytest.mark.parametrize("options", [{}, {"withCredentials": True}], ids=["plain", "with credentials"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_page_of_another_origin_is_told_nothing_even_where_cors_allows_all(
    site: Site,
    make_emulator: MakeEmulator,
    caplog: pytest.LogCaptureFixture,
    host: str,
    options: dict[str, bool],
) -> None:
    caplog.set_level("INFO", "emulator.control")
    emulator = make_emulator(cors=Cors(default="allow-all"))
    url = f"{emulator.endpoint.replace('127.0.0.1', host)}/_emulator/events"
    assert site.visit(follow(url, upload_url(site, emulator), **options)) == REFUSED
    assert f"GET /_emulator/events -> 403 The control endpoints do not answer to web pages of {site.origin!r}." in (
        caplog.text
    )


def test_page_of_the_same_port_by_another_name_is_told_nothing(
    browser: Browser, site: Site, make_emulator: MakeEmulator
) -> None:
    emulator = make_emulator()
    url = f"{emulator.endpoint.replace('127.0.0.1', 'localhost')}/_emulator/events"
    page = f"{emulator.endpoint}/_emulator/health"
    assert browser.visit(page, follow(url, upload_url(site, emulator))) == REFUSED


def test_page_whose_own_name_was_pointed_at_the_emulator_is_told_nothing(
    browser: Browser, site: Site, make_emulator: MakeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "emulator.control")
    emulator = make_emulator()
    page = f"{emulator.endpoint.replace('127.0.0.1', 'rebound.test')}/_emulator/health"
    assert browser.visit(page, follow("/_emulator/events", upload_url(site, emulator))) == REFUSED
    assert "-> 403 The control endpoints do not answer under the name 'rebound.test:" in caplog.text


def test_page_of_another_origin_cannot_fetch_the_events(site: Site, make_emulator: MakeEmulator) -> None:
    emulator = make_emulator(cors=Cors(default="allow-all"))
    url = json.dumps(f"{emulator.endpoint}/_emulator/events")
    assert site.run(f"seen(fetch({url}))") == {"failure": "Failed to fetch"}
    assert site.run(f"seen(fetch({url}, {{mode: 'no-cors'}}))") == {"failure": "Failed to fetch"}


def test_page_that_is_an_object_can_neither_follow_nor_change_anything(
    browser: Browser, site: Site, make_emulator: MakeEmulator
) -> None:
    emulator = make_emulator()
    bucket = bucket_of(emulator)
    bucket.put_object("page.html", b"<h1>An upload</h1>", headers={"Content-Type": "text/html"})
    bucket.put_object_acl("page.html", "public-read")
    upload = upload_url(site, emulator).replace(emulator.endpoint, "")
    page = f"{emulator.endpoint}/examplebucket/page.html"
    assert browser.visit(page, follow("/_emulator/events", upload)) == REFUSED
    reset = """return page.evaluate(async () => {
      const answers = await Promise.all(["no-referrer", "unsafe-url"].map((referrerPolicy) =>
        fetch("/_emulator/reset", {method: "POST", referrerPolicy})));
      return answers.map((answer) => answer.status);
    });"""
    assert browser.visit(page, reset) == [403, 403]
    assert bucket.get_object("page.html").read() == b"<h1>An upload</h1>"
