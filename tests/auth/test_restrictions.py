"""Whom the settings of a bucket turn away."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from emulator.auth.restrictions import restrict
from emulator.errors import AccessDenied
from emulator.model import Bucket, Principal, Website
from tests.auth.signing import a_request

ANONYMOUS = Principal(None, "none")
OWNER = Principal("emulator", "v4")


def a_bucket(**documents: str) -> Bucket:
    return Bucket("examplebucket", datetime(2024, 6, 1, tzinfo=UTC), documents=documents)


def referer_rules(
    *allowed: str, denied: tuple[str, ...] = (), empty: bool = True, query: bool = True, path: bool = False
):
    def inside(patterns: tuple[str, ...]) -> str:
        return "".join(f"<Referer>{pattern}</Referer>" for pattern in patterns)

    return a_bucket(
        referer=f"<RefererConfiguration><AllowEmptyReferer>{str(empty).lower()}</AllowEmptyReferer>"
        f"<AllowTruncateQueryString>{str(query).lower()}</AllowTruncateQueryString>"
        f"<TruncatePath>{str(path).lower()}</TruncatePath><RefererList>{inside(allowed)}</RefererList>"
        f"<RefererBlacklist>{inside(denied)}</RefererBlacklist></RefererConfiguration>"
    )


def is_served(
    bucket: Bucket, referer: str = "", *, principal: Principal = ANONYMOUS, target: str = "/a.txt", **headers: str
):
    """Whether such a request is; if not, it is refused as OSS refuses it, with a reason."""
    fields = {**headers, **({"Referer": referer} if referer else {})}
    request = structs.replace(a_request("GET", target, fields), principal=principal)
    try:
        restrict(bucket, request)
    except AccessDenied as error:
        assert error.message == "You are denied by bucket referer policy."
        assert "PutBucketReferer" in error.hint
        return False
    return True


@pytest.mark.parametrize(
    ("bucket", "served", "refused"),
    [
        pytest.param(
            referer_rules(empty=False), ["", "http://any.test/"], [], id="without patterns everything is served"
        ),
        pytest.param(
            referer_rules("http://a.test"),
            ["", "http://a.test", "http://a.test/", "http://a.test/page?q=1", "HTTP://A.test/page"],
            ["http://b.test/", "https://a.test/", "http://www.a.test/"],
            id="a pattern is what the Referer begins with",
        ),
        pytest.param(referer_rules("http://a.test", empty=False), ["http://a.test/"], [""], id="no Referer at all"),
        pytest.param(
            referer_rules("a.test"), ["http://a.test/", "https://a.test/"], ["http://b.test/"], id="without a scheme"
        ),
        pytest.param(
            referer_rules("https://*.a.test", "http://b?.test"),
            ["https://www.a.test/", "https://x.y.a.test", "http://b1.test"],
            ["https://a.test/", "http://b.test/", "http://bxy.test/"],
            id="wildcards",
        ),
        pytest.param(
            referer_rules("*a" * 50 + "b"), [f"http://{'a' * 50}b"], ["http://" + "a" * 5000], id="many wildcards"
        ),
        pytest.param(
            referer_rules("http://a+b.test"), ["http://a+b.test/"], ["http://aab.test/"], id="nothing else is wild"
        ),
        pytest.param(
            referer_rules("http://a.test/?page=1"),
            ["http://a.test/?page=1", "http://a.test/?page=2", "http://a.test/"],
            [],
            id="the query is cut off",
        ),
        pytest.param(
            referer_rules("http://*.a.test"),
            ["http://www.a.test/?next=http://b.test/"],
            ["http://b.test/?next=http://www.a.test/"],
            id="a URL in the query is cut off with it",
        ),
        pytest.param(
            referer_rules("a.test", query=False),
            ["http://a.test/?next=http://b.test/"],
            [],
            id="a URL within",
        ),
        pytest.param(
            referer_rules("http://a.test/?page=1", query=False),
            ["http://a.test/?page=1&x=2"],
            ["http://a.test/?page=2", "http://a.test/"],
            id="the query counts",
        ),
        pytest.param(
            referer_rules("http://a.test/dir/page", path=True),
            ["http://a.test/other"],
            ["http://b.test/"],
            id="the path is cut off",
        ),
        pytest.param(
            referer_rules("http://*.a.test", denied=("http://bad.a.test",)),
            ["http://good.a.test/", ""],
            ["http://bad.a.test/"],
            id="who is denied is not allowed",
        ),
        pytest.param(
            referer_rules(denied=("http://bad.test",)), ["http://a.test/", ""], ["http://bad.test/x"], id="only denied"
        ),
        pytest.param(
            referer_rules(denied=("http://bad.test",), empty=False),
            ["http://a.test/"],
            [""],
            id="denied, and no Referer",
        ),
        pytest.param(
            referer_rules("", "http://a.test"), ["http://a.test/"], ["http://b.test/"], id="an empty pattern is none"
        ),
    ],
)
def test_referers(bucket: Bucket, served: list[str], refused: list[str]) -> None:
    assert [referer for referer in [*served, *refused] if is_served(bucket, referer)] == served


def test_only_links_to_objects_are_judged_by_their_referer() -> None:
    bucket = referer_rules("http://a.test", empty=False)
    link = "/a.txt?OSSAccessKeyId=emulator&Expires=1&Signature=x"
    assert not is_served(bucket, "http://b.test/", principal=OWNER, target=link)
    assert is_served(bucket, "http://a.test/", principal=OWNER, target=link)
    assert is_served(bucket, "http://b.test/", principal=OWNER, Authorization="OSS emulator:x")
    assert is_served(bucket, "http://b.test/", principal=Principal(None, "off"))
    assert is_served(bucket, "http://b.test/", target="/?location")


def test_the_index_of_a_website_is_a_page_like_any_other() -> None:
    bucket = structs.replace(referer_rules("http://a.test"), website=Website("", index="index.html"))
    assert not is_served(bucket, "http://b.test/", target="/")
    assert is_served(bucket, "http://a.test/", target="/")
    assert is_served(bucket, "http://b.test/", target="/?OSSAccessKeyId=emulator", principal=OWNER)


def test_who_cannot_be_made_to_pay_is_turned_away() -> None:
    bucket = a_bucket(
        requestPayment="<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
    )
    request = a_request("GET", "/a.txt")
    with pytest.raises(AccessDenied, match="Access denied for requester pay bucket") as caught:
        restrict(bucket, request)
    assert (caught.value.ec, caught.value.elements) == ("0003-00000703", {"BucketName": "examplebucket"})
    restrict(bucket, structs.replace(request, principal=OWNER))
    free = "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
    restrict(a_bucket(requestPayment=free), request)
