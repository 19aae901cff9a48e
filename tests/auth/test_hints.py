"""Each mistake that a client can make with a signature provokes the hint that names it.

A case says what the client signed and what arrived; the two differ in the one mistake.
"""

from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from emulator.auth.authenticate import authenticate
from emulator.auth.claim import Claim
from emulator.auth.v1 import V1Claim, string_to_sign
from emulator.auth.v1 import signature as sign
from emulator.auth.v2 import V2Claim
from emulator.auth.v4 import V4Claim
from emulator.config import Auth
from emulator.errors import SignatureDoesNotMatch
from tests.auth.signing import AUTH, HOST, KEY, NOW, STS_KEY, a_request

DATE = "Sat, 01 Jun 2024 12:00:00 GMT"
ISO_DATE = "20240601T120000Z"
SCOPE = "20240601/cn-hangzhou/oss/aliyun_v4_request"
EXPIRES = "1717246800"
KEY_URL = f"OSSAccessKeyId={KEY.id}&Expires={EXPIRES}"
V4_URL = (
    f"x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential={quote(f'{KEY.id}/{SCOPE}', '')}"
    f"&x-oss-date={ISO_DATE}&x-oss-expires=3600"
)


def claim_of(version: str, **stated: Any) -> Claim:
    """What the client believes to sign."""
    common = {"access_key_id": KEY.id, "signature": "", "is_url": "url" in version} | stated
    if version == "v1":
        return V1Claim(**{"date": DATE} | common)
    if version == "v1 url":
        return V1Claim(**{"date": EXPIRES} | common)
    if version == "v2":
        return V2Claim(**{"date": DATE} | common)
    return V4Claim(**{"date": ISO_DATE, "day": "20240601", "region": "cn-hangzhou"} | common)


def hint(
    version: str,
    sent: Mapping[str, Any],
    signed: Mapping[str, Any],
    *,
    secret: str = KEY.secret,
    resource: str | None = None,
    stated: Mapping[str, Any] | None = None,
    listed: str = "",
    mangle: Callable[[str], str] = str,
    auth: Auth = AUTH,
) -> str:
    """The hint that the client gets.

    `sent` is the request that arrives (`method`, `target`, `headers`, `host`), `signed` what was different when it
    was signed, `secret`, `resource` and `stated` (parts of the claim) what the client signed with, `listed` the
    AdditionalHeaders that arrive, `mangle` what happens to the signature on its way.
    """

    def request(parts: Mapping[str, Any], authorization: dict[str, str], query: str) -> Any:
        dates = {"v1": {"date": DATE}, "v2": {"date": DATE}, "v4": {"x-oss-date": ISO_DATE}}.get(version, {})
        target = parts.get("target", "/a.txt")
        if query:
            target += ("&" if "?" in target else "?") + query
        headers = {**dates, **parts.get("headers", {}), **authorization}
        headers = {name: value for name, value in headers.items() if value is not None}
        built = a_request(parts.get("method", "GET"), target, headers, host=parts.get("host", HOST))
        return replace(built, headers={**built.headers, **headers})  # with the blanks that HTTP takes away

    url = {"v1 url": KEY_URL, "v4 url": V4_URL}.get(version, "")
    claim = claim_of(version, **stated or {})
    original = request({**sent, **signed}, {}, url)
    candidate = next(claim.candidates(original, claim.resource(original.address) if resource is None else resource))
    signature = mangle(claim.sign(secret, candidate.string_to_sign))
    authorization, query = {}, url
    if version == "v1":
        authorization = {"authorization": f"OSS {KEY.id}:{signature}"}
    elif version == "v2":
        names = f"AdditionalHeaders:{listed}," if listed else ""
        authorization = {"authorization": f"OSS2 AccessKeyId:{KEY.id},{names}Signature:{signature}"}
    elif version == "v4":
        names = f"AdditionalHeaders={listed}," if listed else ""
        authorization = {"authorization": f"OSS4-HMAC-SHA256 Credential={KEY.id}/{SCOPE},{names}Signature={signature}"}
    elif version == "v1 url":
        query += f"&Signature={signature if mangle is not str else quote(signature, '')}"
    else:
        query += f"&x-oss-signature={signature}"
    with pytest.raises(SignatureDoesNotMatch) as caught:
        authenticate(request(sent, authorization, query), auth, NOW)
    return caught.value.hint


BOTH = pytest.mark.parametrize("version", ["v1", "v2", "v4"])
NOTHING: dict[str, Any] = {}


@BOTH
@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param(STS_KEY.secret, f"signed with the secret of {STS_KEY.id}", id="of another key"),
        pytest.param(KEY.secret + "\n", "a line break at its end", id="line break"),
        pytest.param(KEY.secret + "\r\n", "a Windows line break", id="Windows line break"),
        pytest.param(KEY.secret + " ", "a blank at its end", id="blank"),
        pytest.param(" " + KEY.secret, "a blank before it", id="blank before"),
        pytest.param(f'"{KEY.secret}"', "quotes around it", id="quotes"),
        pytest.param("", "an empty secret", id="empty"),
        pytest.param(KEY.id, "the access key id", id="id for secret"),
    ],
)
def test_wrong_secret_is_told_by_its_mistake(version: str, secret: str, expected: str) -> None:
    assert expected in hint(version, NOTHING, NOTHING, secret=secret)


def test_blank_around_the_configured_secret() -> None:
    auth = replace(AUTH, keys=(replace(KEY, secret=KEY.secret + "\n"),))
    assert "in `auth.keys` has blanks" in hint("v1", NOTHING, NOTHING, auth=auth)


def test_secret_never_shows_in_a_hint() -> None:
    assert KEY.secret not in hint("v1", NOTHING, NOTHING, secret="entirely different")


@pytest.mark.parametrize(
    ("version", "mangle", "expected"),
    [
        pytest.param("v1 url", lambda s: quote(quote(s, ""), ""), "encoded once too often", id="encoded twice"),
        pytest.param("v1", lambda s: s.rstrip("="), "lost the `=`", id="padding"),
        pytest.param("v1", lambda s: a2b_base64(s).hex(), "written in hex", id="hex"),
        pytest.param("v4", str.upper, "lower-case hex", id="upper case"),
    ],
)
def test_mangled_signature_is_told_by_what_happened_to_it(
    version: str, mangle: Callable[[str], str], expected: str
) -> None:
    assert expected in hint(version, NOTHING, NOTHING, mangle=mangle)


def test_plus_of_a_signature_that_arrives_as_a_blank() -> None:
    def signature(target: str) -> str:
        return sign("secret", string_to_sign(a_request("GET", target), EXPIRES, f"/examplebucket{target}"))

    auth = replace(AUTH, keys=(replace(KEY, secret="secret"),))
    target = next(f"/{number}" for number in range(100) if "+" in signature(f"/{number}"))
    text = hint("v1 url", {"target": target}, NOTHING, secret="secret", mangle=str.strip, auth=auth)
    assert "each `+` of it arrived as a blank: encode it as %2B" in text


@pytest.mark.parametrize("version", ["v1 url", "v4 url"])
@pytest.mark.parametrize(("signed", "sent"), [("GET", "HEAD"), ("GET", "PUT"), ("PUT", "POST"), ("get", "GET")])
def test_url_used_with_another_method(version: str, signed: str, sent: str) -> None:
    if signed == "get":
        sent, signed = "GET", "get"
    text = hint(version, {"method": sent}, {"method": signed})
    assert f"signed for {signed} but used with {sent}" in text


@pytest.mark.parametrize("version", ["v1 url", "v4 url", "v1", "v2", "v4"])
@pytest.mark.parametrize(
    ("sent", "signed", "expected"),
    [
        pytest.param("text/plain", None, "was signed without one", id="added by a browser"),
        pytest.param("text/plain;charset=UTF-8", "text/plain", "signed with Content-Type: text/plain,", id="charset"),
        pytest.param("image/png", "application/octet-stream", "application/octet-stream, but image/png", id="other"),
        pytest.param(None, "text/plain", "signed with Content-Type: text/plain, but arrived without", id="not sent"),
    ],
)
def test_other_content_type_than_the_signed_one_is_named(
    version: str, sent: str | None, signed: str | None, expected: str
) -> None:
    text = hint(
        version,
        {"method": "PUT", "headers": {"content-type": sent}},
        {"headers": {"content-type": signed}},
    )
    assert expected in text


@pytest.mark.parametrize("version", ["v1 url", "v1", "v2", "v4"])
@pytest.mark.parametrize(
    ("sent", "signed", "expected"),
    [
        pytest.param({"x-oss-meta-a": "1"}, {"x-oss-meta-a": None}, "x-oss-meta-a: 1 was added", id="added"),
        pytest.param({"x-oss-meta-a": "1"}, {"x-oss-meta-a": "1 "}, "signed with a blank around it", id="padded"),
        pytest.param({"x-oss-meta-a": "%E7%9B%AE"}, {"x-oss-meta-a": "目"}, "signed decoded", id="encoded"),
        pytest.param({}, {"x-oss-object-acl": "private"}, "x-oss-object-acl: private, which did not", id="lost"),
        pytest.param({"content-md5": "x"}, {"content-md5": None}, "Content-MD5: x, but was signed without", id="md5"),
    ],
)
def test_header_that_changed_on_the_way_is_named(
    version: str, sent: dict[str, str], signed: dict[str, str | None], expected: str
) -> None:
    assert expected in hint(version, {"headers": sent}, {"headers": signed})


def test_no_oss_header_signed_at_all() -> None:
    sent = {"x-oss-meta-a": "1", "x-oss-meta-b": "2"}
    text = hint("v1", {"headers": sent}, {"headers": {}})
    assert "None of the x-oss-* headers is signed (x-oss-meta-a, x-oss-meta-b)" in text


def test_header_signed_as_utf8_and_sent_as_latin1() -> None:
    request = a_request("GET", "/a.txt", {"date": DATE, "x-oss-meta-a": "é"})
    claim = claim_of("v1")
    text = next(claim.candidates(request, "/examplebucket/a.txt")).string_to_sign
    headers = {**request.headers, "x-oss-meta-a": "\udce9"}  # the one byte E9, as it comes from the wire
    headers["authorization"] = f"OSS {KEY.id}:{claim.sign(KEY.secret, text)}"
    with pytest.raises(SignatureDoesNotMatch) as caught:
        authenticate(replace(request, headers=headers), AUTH, NOW)
    assert "sent as Latin-1" in caught.value.hint


@pytest.mark.parametrize(
    ("listed", "stated", "expected"),
    [
        pytest.param("", ("range",), "signed the header range but does not name it", id="not listed"),
        pytest.param("range", (), "names range, but the client did not sign it", id="not signed"),
    ],
)
@pytest.mark.parametrize("version", ["v2", "v4"])
def test_mistake_with_additional_headers_is_named(
    version: str, listed: str, stated: tuple[str, ...], expected: str
) -> None:
    sent = {"headers": {"range": "bytes=0-1"}}
    assert expected in hint(version, sent, NOTHING, listed=listed, stated={"additional_headers": stated})


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_additional_header_that_was_added_on_the_way(version: str) -> None:
    text = hint(
        version,
        {"headers": {"range": "bytes=0-1"}},
        {"headers": {}},
        listed="range",
        stated={"additional_headers": ("range",)},
    )
    assert "was not there when the request was signed; it arrived as 'bytes=0-1'" in text


def test_empty_headers_left_out_of_the_canonical_request() -> None:
    sent = {"headers": {"x-oss-meta-a": "", "x-oss-meta-b": ""}}
    assert "without its empty headers (x-oss-meta-a, x-oss-meta-b)" in hint("v4", sent, {"headers": {}})


@pytest.mark.parametrize(
    ("version", "headers", "date", "expected"),
    [
        pytest.param("v1", {"x-oss-date": DATE}, "", "signed with nothing; it must hold x-oss-date", id="left empty"),
        pytest.param(
            "v1",
            {"x-oss-date": DATE, "date": "Sat, 01 Jun 2024 12:00:01 GMT"},
            "Sat, 01 Jun 2024 12:00:01 GMT",
            "signed with Date (Sat, 01 Jun 2024 12:00:01 GMT); it must hold x-oss-date",
            id="Date beside x-oss-date",
        ),
        pytest.param("v1 url", {"date": DATE}, DATE, f"signed with Date ({DATE}); it must hold Expires", id="in a URL"),
        pytest.param("v4", {"date": DATE}, DATE, f"signed with Date ({DATE}); it must hold x-oss-date", id="V4"),
    ],
)
def test_mistake_with_the_date_line_is_named(version: str, headers: dict[str, str], date: str, expected: str) -> None:
    assert expected in hint(version, {"headers": headers}, NOTHING, stated={"date": date})


def test_x_oss_date_added_after_signing() -> None:
    sent = {"headers": {"date": DATE, "x-oss-date": "Sat, 01 Jun 2024 12:00:01 GMT"}}
    text = hint("v1", sent, {"headers": {"date": DATE}}, stated={"date": DATE})
    assert "x-oss-date: Sat, 01 Jun 2024 12:00:01 GMT was added after signing" in text


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param({"region": "oss-cn-hangzhou"}, "the client signed for 'oss-cn-hangzhou'", id="region"),
        pytest.param({"region": ""}, "the client signed for ''", id="no region"),
        pytest.param({"day": "20240602"}, "the client signed for 20240602: a local date?", id="local day"),
    ],
)
@pytest.mark.parametrize("version", ["v4", "v4 url"])
def test_scope_that_differs_from_the_credential(version: str, stated: dict[str, str], expected: str) -> None:
    assert expected in hint(version, NOTHING, NOTHING, stated=stated)


@pytest.mark.parametrize(
    ("version", "target", "resource", "expected"),
    [
        pytest.param("v1", "/a+b", "/examplebucket/a+b", "is a blank; send a plus sign as %2B", id="plus"),
        pytest.param("v4", "/a+b", "/examplebucket/a%2Bb", "is a blank; send a plus sign as %2B", id="V4 plus"),
        pytest.param("v1", "/%E7%9B%AE/a", "/examplebucket/%E7%9B%AE/a", "V1 signs the key decoded", id="V1 encoded"),
        pytest.param("v1", "/a%2Fb", "/examplebucket/a%2Fb", "V1 signs the key decoded", id="V1 %2F"),
        pytest.param("v4", "/%E7", "/examplebucket/%25E7", "encoded twice for signing", id="V4 twice"),
        pytest.param("v4", "/a%2Fb", "/examplebucket/a%2Fb", "V4 signs the `/` of a key as it is", id="V4 %2F"),
        pytest.param("v4", "/%E7%9B%AE", "/examplebucket/目", "must be percent-encoded for signing", id="V4 decoded"),
        pytest.param("v2", "/a/b", "/examplebucket/a/b", "V2 signs `/` as %2F", id="V2 slash"),
        pytest.param("v1", "/%25E7%259B%25AE", "/examplebucket/目", "encoded twice in the URL", id="URL twice"),
        pytest.param("v1", "/e%CC%81", "/examplebucket/\xe9", "another Unicode form (NFC)", id="NFC"),
        pytest.param("v1", "/a.txt", "/a.txt", "the bucket is part of it", id="no bucket"),
        pytest.param("v4", "/a.txt", "/a.txt", "the bucket is part of it", id="V4 no bucket"),
        pytest.param("v1", "/a", "/examplebucket/examplebucket/a", "stands in it once", id="bucket twice"),
        pytest.param("v1", "/a", "/examplebucket//a", "a slash too many", id="slash too many"),
        pytest.param("v1", "//a", "/examplebucket/a", "the slash before the key counts", id="slash missing"),
        pytest.param("v1", "/", "/examplebucket", "a bucket's resource ends with a slash", id="bucket without slash"),
        pytest.param("v2", "/", "%2Fexamplebucket", "a bucket's resource ends with a slash", id="V2 no slash"),
        pytest.param("v1", "/other/a", "/other/a", "the bucket is part of it", id="bucket in path"),
        pytest.param("v2", "/a.txt", "%2Fa.txt", "the bucket is part of it", id="V2 no bucket"),
    ],
)
def test_other_resource_than_the_signed_one_is_explained(
    version: str, target: str, resource: str, expected: str
) -> None:
    assert expected in hint(version, {"target": target}, NOTHING, resource=resource)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_host_that_only_the_client_takes_for_a_bucket(version: str) -> None:
    sent = {"host": "examplebucket.storage.test:8280", "target": "/dir/a.txt"}
    text = hint(version, sent, NOTHING, resource="/examplebucket/dir/a.txt")
    assert "takes 'examplebucket' of the Host for the bucket" in text
    assert "server.service_names" in text


@pytest.mark.parametrize(
    ("version", "sent", "signed", "expected"),
    [
        pytest.param("v1", "/?acl", "/", "The parameter acl of the query was not signed", id="sub-resource"),
        pytest.param(
            "v1",
            "/a?acl&versionId=1",
            "/a",
            "None of the query's parameters was signed; acl, versionId must be",
            id="all of them",
        ),
        pytest.param("v4", "/?prefix=a&max-keys=1", "/?prefix=a", "The parameter max-keys", id="V4 added"),
        pytest.param("v4 url", "/a?x-oss-process=a", "/a", "The parameter x-oss-process", id="V4 URL added"),
        pytest.param("v4", "/?prefix=a+b", "/?prefix=a%2Bb", "A `+` in the query is a blank", id="plus"),
        pytest.param(
            "v1",
            "/?response-content-type=a%2Fb",
            "/?response-content-type=a%252Fb",
            "V1 signs them decoded",
            id="V1 encoded",
        ),
        pytest.param("v4", "/?prefix=a%2Fb", "/?prefix=a%252Fb", "once too often", id="V4 encoded twice"),
    ],
)
def test_other_query_than_the_signed_one_is_explained(version: str, sent: str, signed: str, expected: str) -> None:
    assert expected in hint(version, {"target": sent}, {"target": signed})


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(
            "v1",
            "method 'GET' | Content-MD5 '' | Content-Type '' | date 'Sat, 01 Jun 2024 12:00:00 GMT' | "
            "header 'x-oss-meta-a:1' | resource '/examplebucket/a.txt'",
            id="V1",
        ),
        pytest.param("v1 url", "| expires '1717246800' | header 'x-oss-meta-a:1' | resource", id="V1 URL"),
        pytest.param("v2", "header 'x-oss-meta-a:1' | additional headers '' | resource '%2Fexamplebucket", id="V2"),
        pytest.param(
            "v4",
            "method 'GET' | path '/examplebucket/a.txt' | query '' | header 'x-oss-date:20240601T120000Z' | "
            "header 'x-oss-meta-a:1' | additional headers '' | payload 'UNSIGNED-PAYLOAD'",
            id="V4",
        ),
    ],
)
def test_what_nothing_explains_is_shown_line_by_line(version: str, expected: str) -> None:
    text = hint(version, {"headers": {"x-oss-meta-a": "1"}}, NOTHING, secret="entirely different")
    assert "not the configured one" in text
    assert expected in text


@pytest.mark.parametrize(
    ("version", "signature", "expected"),
    [
        pytest.param("v1", "#", "is not base64", id="no base64"),
        pytest.param("v1", "A" * 43 + "=", "32 bytes long (HMAC-SHA256); V1 wants HMAC-SHA1", id="V1 with SHA-256"),
        pytest.param("v2", "A" * 27 + "=", "20 bytes long (HMAC-SHA1); V2 wants HMAC-SHA256", id="V2 with SHA-1"),
        pytest.param("v4", "A" * 43 + "=", "not 64 lower-case hex digits", id="V4 in base64"),
    ],
)
def test_signature_that_cannot_be_one(version: str, signature: str, expected: str) -> None:
    assert expected in hint(version, NOTHING, NOTHING, mangle=lambda _: signature)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({f"x-oss-meta-{number}": "1" for number in range(1000)}, id="a thousand headers"),
        pytest.param({f"x-oss-meta-{number}": "1" * 60_000 for number in range(90)}, id="five megabytes"),
    ],
)
def test_giant_request_is_refused_without_being_looked_into(headers: dict[str, str]) -> None:
    text = hint("v4", {"headers": headers}, NOTHING, secret=KEY.secret + "\n")
    assert "None of the usual mistakes" in text
    assert len(text) < 5_000
