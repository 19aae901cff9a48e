"""What visitors of a website get, and that whoever signs gets what is there."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest

from emulator.config import Auth, ConfiguredBucket
from emulator.model import Acl
from tests.client import OssClient, Response
from tests.conftest import MakeOss
from tests.operations.test_bucket_website import rule, rules, website

EXPIRES = "4000000000"
HOST = {"Host": "examplebucket.localhost"}
INDEX = "<IndexDocument><Suffix>index.html</Suffix>{}</IndexDocument>"
ERROR = "<ErrorDocument><Key>error.html</Key>{}</ErrorDocument>"
PAGES = {"index.html": "root", "dir/index.html": "dir", "error.html": "sorry", "abc/index.html": "abc", "a.txt": "a"}


def sub_directories(kind: int) -> str:
    return INDEX.format(f"<SupportSubDir>true</SupportSubDir><Type>{kind}</Type>") + ERROR.format("")


def signed(method: str, resource: str) -> str:
    """The target of a request that the owner has signed. `resource` may end in a sub-resource."""
    text = f"{method}\n\n\n{EXPIRES}\n{resource}"
    signature = base64.b64encode(hmac.digest(b"emulator-secret", text.encode(), hashlib.sha1)).decode()
    query = urlencode({"OSSAccessKeyId": "emulator", "Expires": EXPIRES, "Signature": signature})
    return f"{resource}{'&' if '?' in resource else '?'}{query}"


Open = Callable[..., Awaitable[OssClient]]


@pytest.fixture
def open_website(make_oss: MakeOss) -> Open:
    """Opens a website with `PAGES` in a bucket that anyone may read."""

    async def opened(inside: str, acl: Acl = Acl.PUBLIC_READ) -> OssClient:
        oss = await make_oss(auth=Auth(), buckets=(ConfiguredBucket(name="examplebucket", acl=acl),))
        for key, body in PAGES.items():
            assert (await oss.request("PUT", signed("PUT", f"/examplebucket/{key}"), body=body)).status == 200
        target = signed("PUT", "/examplebucket/?website")
        assert (await oss.request("PUT", target, body=website(inside))).status == 200
        return oss

    return opened


async def visit(oss: OssClient, path: str, method: str = "GET", **headers: str) -> Response:
    """What a browser gets at the bucket's own host."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request(method, path, headers=HOST | fields)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/", b"root", id="root"),
        pytest.param("/?utm_source=x&prefix=y", b"root", id="root with a query"),
        pytest.param("/dir/", b"dir", id="directory"),
        pytest.param("/index.html", b"root", id="by its key"),
        pytest.param("/a.txt", b"a", id="any object"),
    ],
)
async def test_visitors_get_the_index_of_a_directory(open_website: Open, path: str, body: bytes):
    oss = await open_website(sub_directories(0))
    answer = await visit(oss, path)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["x-oss-object-type"] == "Normal"


async def test_path_style_serves_the_same(open_website: Open):
    oss = await open_website(sub_directories(0))
    for target, body in {"/examplebucket/": b"root", "/examplebucket": b"root", "/examplebucket/dir/": b"dir"}.items():
        assert (await oss.request("GET", target)).body == body
    assert (await oss.request("GET", "/examplebucket/abc")).headers["location"] == "/examplebucket/abc/"


async def test_head_says_what_get_would(open_website: Open):
    oss = await open_website(sub_directories(0))
    for path in ("/", "/dir/", "/missing"):
        got, head = await visit(oss, path), await visit(oss, path, "HEAD")
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["content-length"] == str(len(got.body))
        assert head.headers["etag"] == got.headers["etag"]


async def test_without_sub_directories_every_directory_has_the_root_s_index(open_website: Open):
    oss = await open_website(INDEX.format("") + ERROR.format(""))
    for path in ("/", "/dir/", "/nowhere/"):
        answer = await visit(oss, path)
        assert (answer.status, answer.body) == (200, b"root")
    answer = await visit(oss, "/abc")
    assert (answer.status, answer.body) == (404, b"sorry")


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        pytest.param(0, 302, b"", id="0 redirects"),
        pytest.param(1, 404, b"sorry", id="1 is missing"),
        pytest.param(2, 200, b"abc", id="2 serves"),
    ],
)
async def test_type_says_what_becomes_of_a_directory_without_its_slash(
    open_website: Open, kind: int, status: int, body: bytes
):
    oss = await open_website(sub_directories(kind))
    answer = await visit(oss, "/abc")
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers.get("location") == ("/abc/" if kind == 0 else None)
    for path in ("/nothing", "/nothing/"):
        assert (await visit(oss, path)).status == 404


@pytest.mark.parametrize("status", [404, 200])
async def test_error_document_has_the_status_that_was_set(open_website: Open, status: int):
    oss = await open_website(INDEX.format("") + ERROR.format(f"<HttpStatus>{status}</HttpStatus>"))
    answer = await visit(oss, "/missing", Range="bytes=0-1", If_None_Match="*")
    assert (answer.status, answer.body) == (status, b"sorry")
    assert "There is no object 'missing'" in answer.headers["x-emulator-hint"]


async def test_an_error_document_that_is_not_there_leaves_the_refusal(open_website: Open):
    oss = await open_website(ERROR.replace("error.html", "gone.html").format(""))
    answer = await visit(oss, "/missing")
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert "'gone.html' cannot be served" in answer.headers["x-emulator-hint"]


async def test_without_an_index_the_root_is_a_listing_that_visitors_may_not_see(open_website: Open):
    oss = await open_website(ERROR.format(""))
    answer = await visit(oss, "/")
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_what_visitors_may_not_read_is_denied_and_not_missing(open_website: Open):
    oss = await open_website(sub_directories(0), Acl.PRIVATE)
    for path in ("/", "/missing"):
        answer = await visit(oss, path)
        assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_a_policy_may_open_some_pages_alone(open_website: Open):
    oss = await open_website(sub_directories(2), Acl.PRIVATE)
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": ["acs:oss:*:*:examplebucket/index.html", "acs:oss:*:*:examplebucket/abc*"],
    }
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    assert (await oss.request("PUT", signed("PUT", "/examplebucket/?policy"), body=policy)).status == 200
    for path, status in {"/": 200, "/abc": 200, "/abc/": 200, "/dir/": 403, "/a.txt": 403, "/error.html": 403}.items():
        assert (await visit(oss, path)).status == status
    answer = await visit(oss, "/abc/missing/")
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert "'error.html' cannot be served: AccessDenied" in answer.headers["x-emulator-hint"]


async def test_conditions_and_ranges_are_those_of_the_index(open_website: Open):
    oss = await open_website(sub_directories(0))
    answer = await visit(oss, "/", Range="bytes=1-2")
    assert (answer.status, answer.body) == (206, b"oo")
    assert (await visit(oss, "/", If_None_Match=answer.headers["etag"])).status == 304


async def test_whoever_signs_gets_what_is_there(open_website: Open):
    oss = await open_website(sub_directories(0))
    answer = await oss.request("GET", signed("GET", "/examplebucket/"))
    assert answer.texts("Contents/Key") == sorted(PAGES)
    for key in ("missing", "abc", "dir/"):
        answer = await oss.request("GET", signed("GET", f"/examplebucket/{key}"))
        assert (answer.status, answer.code) == (404, "NoSuchKey")


async def test_visitors_of_other_buckets_and_other_operations_see_no_website(open_website: Open):
    oss = await open_website(sub_directories(0))
    for method, target in (("GET", "/?acl"), ("GET", "/?website"), ("GET", "/?list-type=2"), ("PUT", "/new")):
        answer = await visit(oss, target, method)
        assert (answer.status, answer.code) == (403, "AccessDenied")
    await oss.request("DELETE", signed("DELETE", "/examplebucket/?website"))
    assert (await visit(oss, "/")).status == 403


# --- Routing rules --------------------------------------------------------------------------------------------------

MISSING = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
OLD = "<KeyPrefixEquals>old/</KeyPrefixEquals>"


def to(kind: str, **elements: str) -> str:
    """The inside of a Redirect."""
    return f"<RedirectType>{kind}</RedirectType>" + "".join(
        f"<{name}>{text}</{name}>" for name, text in elements.items()
    )


@pytest.mark.parametrize(
    ("redirect", "condition", "path", "status", "location"),
    [
        pytest.param(
            to("External", Protocol="https"), MISSING, "/x%20y?a=b", 301, "https://example.com/x%20y", id="as it is"
        ),
        pytest.param(
            to("External", Protocol="http", PassQueryString="true", HttpRedirectCode="307"),
            MISSING,
            "/x?a=%20b",
            307,
            "http://example.com/x?a=%20b",
            id="with its query",
        ),
        pytest.param(
            to("AliCDN", Protocol="http", ReplaceKeyWith="pre/${key}.suffix", HttpRedirectCode="302"),
            MISSING,
            "/x",
            302,
            "http://example.com/pre/x.suffix",
            id="another key",
        ),
        pytest.param(
            to("External", ReplaceKeyPrefixWith="new/", EnableReplacePrefix="true"),
            MISSING + OLD,
            "/old/x",
            301,
            "http://example.com/new/x",
            id="another prefix",
        ),
        pytest.param(
            to("External", ReplaceKeyPrefixWith="new/"), OLD, "/old/x", 301, "http://example.com/new/x", id="by oss2"
        ),
        pytest.param(
            to("External", EnableReplacePrefix="true"), OLD, "/old/x", 301, "http://example.com/x", id="no prefix"
        ),
        pytest.param(
            to("External", ReplaceKeyPrefixWith="new/", EnableReplacePrefix="false"),
            OLD,
            "/old/x",
            301,
            "http://example.com/old/x",
            id="its prefix",
        ),
        pytest.param(
            to("External"), "<KeySuffixEquals>.txt</KeySuffixEquals>", "/a.txt", 301, "http://example.com/a.txt",
            id="an object that is there",
        ),
    ],
)  # fmt: skip
async def test_rules_send_visitors_elsewhere(
    open_website: Open, redirect: str, condition: str, path: str, status: int, location: str
):
    oss = await open_website(sub_directories(0) + rules(rule(redirect, condition)))
    for method in ("GET", "HEAD"):
        answer = await visit(oss, path, method)
        assert (answer.status, answer.headers["location"], answer.body) == (status, location, b"")


async def test_a_rule_without_a_host_stays_on_the_request_s(open_website: Open):
    moved = rule(to("External", ReplaceKeyWith="a.txt"), MISSING).replace("<HostName>example.com</HostName>", "")
    oss = await open_website(rules(moved))
    assert (await visit(oss, "/x")).headers["location"] == "http://examplebucket.localhost/a.txt"
    location = (await oss.request("GET", "/examplebucket/x")).headers["location"]
    assert location == f"{oss.endpoint}/examplebucket/a.txt"


async def test_an_internal_rule_serves_another_object(open_website: Open):
    internal = to("Internal", ReplaceKeyWith="dir/index.html")
    oss = await open_website(sub_directories(0) + rules(rule(internal, OLD)))
    answer = await visit(oss, "/old/x")
    assert (answer.status, answer.body) == (200, b"dir")


async def test_the_first_rule_by_number_that_fits_is_followed_and_goes_before_the_error_document(open_website: Open):
    header = "<IncludeHeader><Key>X-Who</Key><StartsWith>a</StartsWith><EndsWith>z</EndsWith></IncludeHeader>"
    exactly = "<IncludeHeader><Key>X-Who</Key><Equals>b</Equals></IncludeHeader>"
    oss = await open_website(
        sub_directories(0)
        + rules(
            rule(to("External", ReplaceKeyWith="third"), MISSING + OLD, 3),
            rule(to("External", ReplaceKeyWith="first"), MISSING + header, 1),
            rule(to("External", ReplaceKeyWith="second"), MISSING + exactly, 2),
        )
    )
    for who, place in {"a-z": "first", "b": "second", "az": "first", "a": "third", "": "third"}.items():
        answer = await visit(oss, "/old/x", X_Who=who)
        assert answer.headers["location"] == f"http://example.com/{place}"
    assert (await visit(oss, "/x")).body == b"sorry"
    assert (await visit(oss, "/a.txt", X_Who="b")).body == b"a"


async def test_a_rule_may_be_about_what_is_forbidden(open_website: Open):
    condition = "<HttpErrorCodeReturnedEquals>403</HttpErrorCodeReturnedEquals>"
    oss = await open_website(rules(rule(to("External"), condition)), Acl.PRIVATE)
    assert (await visit(oss, "/a.txt")).headers["location"] == "http://example.com/a.txt"


async def test_a_mirror_fetches_nothing_and_says_so(open_website: Open):
    mirror = to("Mirror", MirrorURL="http://origin.test/")
    oss = await open_website(sub_directories(0) + rules(rule(mirror, MISSING)))
    answer = await visit(oss, "/x")
    assert (answer.status, answer.code) == (424, "MirrorFailed")
    assert answer.message == "Mirroring failed, please check your mirror configuration."
    assert "rule 1 would have OSS fetch the object" in answer.headers["x-emulator-hint"]


async def test_a_script_is_not_run(open_website: Open):
    script = rule(condition=MISSING).partition("<Redirect>")[0] + "<LuaConfig><Script>a.lua</Script></LuaConfig>"
    oss = await open_website(rules(script))
    answer = await visit(oss, "/x")
    assert (answer.status, answer.code) == (501, "NotImplemented")
