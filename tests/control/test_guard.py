"""Who may use the emulator's own endpoints."""

from datetime import UTC, datetime

import pytest

from emulator.config import Config, Control, Server
from emulator.control.answers import Refusal
from emulator.control.guard import check_change, check_origin, check_sender
from emulator.wire.address import Address
from emulator.wire.request import OssRequest

CONFIG = Config(
    server=Server(service_names=("oss.test",), public_endpoint="http://files.example.com:9000"),
    control=Control(token="secret"),
)


class NoBody:
    """A body that nobody reads."""

    length = None
    is_declared = False


def request(method: str = "GET", client: str = "127.0.0.1", **headers: str) -> OssRequest:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return OssRequest(
        method=method,
        target="/_emulator/callbacks",
        host=fields.get("host", ""),
        scheme="http",
        address=Address(),
        query=(),
        parameters={},
        headers=fields,
        body=NoBody(),
        request_id="66399AA50F1E2D3C4B5A6978",
        received=datetime(2024, 6, 1, tzinfo=UTC),
        client=client,
    )


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8280",
        "192.168.1.5",
        "[::1]:8280",
        "[fe80::1%25eth0]:8280",
        "localhost:8280",
        "LOCALHOST",
        "oss.localhost",
        "emulator:8280",
        "oss.test:8280",
        "OSS.test.",
        "files.example.com:9000",
    ],
)
def test_own_names_are_answered(host):
    check_origin(CONFIG, request(host=host))


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("evil.example.com:8280", id="a name that somebody points here"),
        pytest.param("localhost.evil.example.com", id="localhost in front"),
        pytest.param("127.0.0.1.evil.example.com", id="an address in front"),
        pytest.param("notlocalhost", id="no dot before localhost"),
        pytest.param("photos.oss.test", id="a bucket's host"),
        pytest.param("", id="none"),
    ],
)
def test_foreign_names_are_refused(host):
    with pytest.raises(Refusal) as refused:
        check_origin(CONFIG, request(host=host))
    assert refused.value.status == 403
    assert "server.service_names" in refused.value.hint


def test_a_forwarded_host_does_not_make_a_foreign_name_an_own_one():
    with pytest.raises(Refusal):
        check_origin(CONFIG, request(host="evil.example.com", x_forwarded_host="localhost"))


def test_a_page_of_the_emulator_s_own_origin_is_answered():
    check_origin(
        CONFIG,
        request(
            host="localhost:8280",
            origin="http://localhost:8280",
            referer="http://localhost:8280/_emulator/health",
        ),
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"referer": "http://localhost:8280/examplebucket/page.html"}, id="an object"),
        pytest.param({"referer": "http://localhost:8280/"}, id="what says no more than its origin"),
        pytest.param({}, id="what hides where it lies"),
        pytest.param({"referer": "http://evil.example.com/localhost:8280/_emulator/"}, id="what lies"),
    ],
)
@pytest.mark.parametrize("how", [{"origin": "http://localhost:8280"}, {"sec_fetch_site": "same-origin"}])
def test_a_page_that_is_an_object_is_refused(headers, how):
    with pytest.raises(Refusal, match="that lie in a bucket"):
        check_origin(CONFIG, request("POST", host="localhost:8280", **headers, **how))


@pytest.mark.parametrize(
    "origin", ["http://evil.example.com", "null", "http://localhost:3000", "http://localhost", "http://[", ""]
)
def test_pages_of_other_origins_are_refused(origin):
    with pytest.raises(Refusal) as refused:
        check_origin(CONFIG, request(host="localhost:8280", origin=origin))
    assert refused.value.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"}, id="a script"),
        pytest.param({"sec_fetch_mode": "no-cors", "sec_fetch_dest": "empty"}, id="a fetch that sends no Origin"),
        pytest.param({"sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, id="a frame"),
    ],
)
def test_what_a_page_of_another_origin_embeds_is_refused(site, headers):
    with pytest.raises(Refusal) as refused:
        check_origin(CONFIG, request(host="localhost:8280", sec_fetch_site=site, **headers))
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec_fetch_site": "none", "sec_fetch_mode": "navigate"}, id="typed in"),
        pytest.param(
            {
                "sec_fetch_site": "same-origin",
                "sec_fetch_mode": "cors",
                "referer": "http://localhost:8280/_emulator/receiver",
            },
            id="a page of the emulator's own",
        ),
        pytest.param(
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
            id="a link that is followed",
        ),
    ],
)
def test_what_the_developer_opens_is_answered(headers):
    check_origin(CONFIG, request(host="localhost:8280", **headers))


def test_a_form_of_another_site_is_refused_though_it_navigates():
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    with pytest.raises(Refusal):
        check_origin(CONFIG, request("POST", host="localhost:8280", **headers))


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_change_state(client):
    check_change(Config(), request("POST", client))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_other_machines_may_read(method):
    check_change(Config(), request(method, "192.168.1.5"))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"authorization": "Bearer secret"}, id="bearer"),
        pytest.param({"authorization": "bearer  secret"}, id="lower case"),
        pytest.param({"x_emulator_token": "secret"}, id="own header"),
    ],
)
def test_other_machines_may_change_state_with_the_token(headers):
    check_change(CONFIG, request("POST", "192.168.1.5", **headers))


@pytest.mark.parametrize(
    ("config", "headers", "status"),
    [
        pytest.param(CONFIG, {}, 403, id="no token sent"),
        pytest.param(Config(), {}, 403, id="no token configured"),
        pytest.param(Config(), {"x_emulator_token": "secret"}, 403, id="a token, but none configured"),
        pytest.param(CONFIG, {"x_emulator_token": "Secret"}, 401, id="wrong token"),
        pytest.param(CONFIG, {"authorization": "Bearer sécret\udcff"}, 401, id="token that is not ASCII"),
        pytest.param(CONFIG, {"authorization": "Basic secret"}, 403, id="another scheme"),
    ],
)
def test_other_machines_may_not_change_state_without_it(config, headers, status):
    with pytest.raises(Refusal) as refused:
        check_change(config, request("DELETE", "192.168.1.5", **headers))
    assert refused.value.status == status


@pytest.mark.parametrize("header", ["x_forwarded_for", "x_forwarded_host"])
def test_behind_a_proxy_on_this_machine_the_token_is_needed_too(header):
    with pytest.raises(Refusal):
        check_change(CONFIG, request("POST", "127.0.0.1", **{header: "192.168.1.5"}))
    check_change(CONFIG, request("POST", "127.0.0.1", x_emulator_token="secret", **{header: "192.168.1.5"}))


def test_key_is_given_to_other_machines_only_with_the_token():
    """Whatever the method, because a key may do more than read."""
    check_sender(CONFIG, request("GET"))
    check_sender(CONFIG, request("GET", client="192.168.1.5", authorization="Bearer secret"))
    with pytest.raises(Refusal) as refused:
        check_sender(CONFIG, request("GET", client="192.168.1.5"))
    assert refused.value.status == 403
