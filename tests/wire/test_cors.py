import pytest

from emulator.model import CorsConfiguration, CorsRule
from emulator.wire.cors import CorsQuestion, allow_headers, explain_refusal, needs_leave, parse_header_names


def rule(origin: str = "*", methods: str = "PUT", headers: str = "", **fields: object) -> CorsRule:
    return CorsRule((origin,), tuple(methods.split()), tuple(headers.split()), **fields)


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        pytest.param("*", "http://a.test:3000", True, id="any"),
        pytest.param("*", "null", True, id="any, from a file or a sandbox"),
        pytest.param("http://a.test", "http://a.test", True, id="exact"),
        pytest.param("http://a.test", "http://a.test:3000", False, id="port"),
        pytest.param("http://a.test", "https://a.test", False, id="scheme"),
        pytest.param("http://A.test", "http://a.test", False, id="case"),
        pytest.param("http://*.a.test", "http://x.y.a.test", True, id="inside"),
        pytest.param("http://*.a.test", "http://.a.test", True, id="a star may be nothing"),
        pytest.param("http://*.a.test", "http://a.test", False, id="dot of the pattern"),
        pytest.param("http://localhost:*", "http://localhost:3000", True, id="at the end"),
        pytest.param("*.test", "http://a.test", True, id="at the beginning"),
        pytest.param("http://aba*ba", "http://aba", False, id="both ends may not share a letter"),
        pytest.param("http://a.tes?", "http://a.test", False, id="no other wildcard"),
    ],
)
def test_origin_fits_pattern(pattern: str, origin: str, fits: bool):
    allowed = allow_headers(CorsConfiguration((rule(pattern),)), CorsQuestion(origin, "PUT"))
    assert (allowed is not None) == fits
    if allowed:
        assert allowed["Access-Control-Allow-Origin"] == ("*" if pattern == "*" else origin)


@pytest.mark.parametrize(
    ("allowed", "asked", "fits"),
    [
        pytest.param("", "", True, id="nothing of nothing"),
        pytest.param("", "content-type", False, id="something of nothing"),
        pytest.param("*", "content-type, x-oss-date", True, id="anything"),
        pytest.param("content-type x-oss-*", "Content-Type,X-OSS-Meta-A", True, id="in any case, with a prefix"),
        pytest.param("content-type", "content-type, x-oss-date", False, id="one of two"),
        pytest.param("content-type", " content-type ,, ", True, id="blanks and empty names"),
    ],
)
def test_every_header_asked_for_must_be_allowed(allowed: str, asked: str, fits: bool):
    question = CorsQuestion("http://a.test", "PUT", parse_header_names(asked))
    assert (allow_headers(CorsConfiguration((rule(headers=allowed),)), question) is not None) == fits


def test_the_first_rule_that_allows_everything_speaks():
    cors = CorsConfiguration(
        (
            rule("http://a.test", "PUT POST", "x-oss-*"),
            rule("http://a.test", "GET PUT", "*", expose_headers=("ETag", "x-oss-request-id"), max_age_seconds=0),
            rule("*", "PUT", "*"),
        )
    )
    question = CorsQuestion("http://a.test", "PUT", ("Content-Type", "x-oss-date"))
    assert allow_headers(cors, question) == {
        "Access-Control-Allow-Origin": "http://a.test",
        "Access-Control-Allow-Methods": "GET, PUT",
        "Access-Control-Allow-Headers": "Content-Type, x-oss-date",
        "Access-Control-Expose-Headers": "ETag, x-oss-request-id",
        "Access-Control-Max-Age": "0",
    }
    assert allow_headers(cors, CorsQuestion("http://a.test", "PUT")) == {
        "Access-Control-Allow-Origin": "http://a.test",
        "Access-Control-Allow-Methods": "PUT, POST",
    }


def test_an_origin_named_beside_a_star_is_given_back_by_the_first_that_fits():
    cors = CorsConfiguration((CorsRule(("http://a.test", "*"), ("PUT",)),))
    for origin, answer in (("http://a.test", "http://a.test"), ("http://b.test", "*")):
        allowed = allow_headers(cors, CorsQuestion(origin, "PUT"))
        assert allowed is not None and allowed["Access-Control-Allow-Origin"] == answer


@pytest.mark.parametrize(
    ("question", "nearest"),
    [
        (CorsQuestion("http://b.test", "GET"), "Rule 1 comes nearest; it lacks <AllowedOrigin>http://b.test<"),
        (CorsQuestion("http://a.test", "GET"), "Rule 2 comes nearest; it lacks <AllowedMethod>GET<"),
        (CorsQuestion("http://a.test", "PUT", ("X-Own",)), "Rule 3 comes nearest; it lacks <AllowedHeader>X-Own<"),
    ],
)
def test_a_refusal_names_the_rule_that_comes_nearest(question: CorsQuestion, nearest: str):
    cors = CorsConfiguration(
        (rule("http://z.test"), rule("http://a.test", "POST"), rule("http://a.test", "PUT", "content-type"))
    )
    assert nearest in explain_refusal(cors, "photos", question)


def test_a_refusal_without_rules_names_what_to_configure():
    hint = explain_refusal(None, "photos", CorsQuestion("http://a.test", "PUT"))
    assert "photos" in hint and "http://a.test" in hint
    assert "PutBucketCors" in hint and "cors.default: allow-all" in hint


@pytest.mark.parametrize(
    ("headers", "needed"),
    [
        pytest.param({}, True, id="a client that does not say"),
        pytest.param({"sec-fetch-mode": "cors"}, True, id="a script"),
        pytest.param({"sec-fetch-mode": "navigate"}, False, id="a form or a link"),
        pytest.param({"sec-fetch-mode": "no-cors"}, False, id="an image"),
        pytest.param({"origin": "http://localhost:8280"}, False, id="a page of the emulator's own"),
        pytest.param({"origin": "https://localhost:8280"}, True, id="its own name, by TLS"),
    ],
)
def test_who_needs_leave_to_read(headers: dict[str, str], needed: bool):
    assert needs_leave({"origin": "http://localhost:3000"} | headers, "http", "localhost:8280") == needed
