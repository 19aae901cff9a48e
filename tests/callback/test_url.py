"""callbackUrl taken apart, by table."""

import pytest

from emulator.callback.url import CallbackUrl, InvalidUrl, is_private, parse_url


@pytest.mark.parametrize(
    ("text", "absolute", "host_header"),
    [
        pytest.param("http://a.com/x?y=1", "http://a.com:80/x?y=1", "a.com", id="http"),
        pytest.param("https://a.com/x", "https://a.com:443/x", "a.com", id="https"),
        pytest.param("HTTPS://A.com/X", "https://A.com:443/X", "A.com", id="scheme in capitals"),
        pytest.param(
            "121.43.113.8:23456/index.html",
            "http://121.43.113.8:23456/index.html",
            "121.43.113.8:23456",
            id="no scheme",
        ),
        pytest.param("my", "http://my:80/", "my", id="one bare word"),
        pytest.param("http://a.com:80", "http://a.com:80/", "a.com", id="default port spelt out"),
        pytest.param("http://a.com:443/", "http://a.com:443/", "a.com:443", id="the other scheme's port"),
        pytest.param("http://a.com?x=1", "http://a.com:80/?x=1", "a.com", id="query without path"),
        pytest.param("http://a.com/x?", "http://a.com:80/x", "a.com", id="bare question mark goes"),
        pytest.param("http://a.com/x??", "http://a.com:80/x??", "a.com", id="a question mark as query stays"),
        pytest.param("http://a.com/x#y?z", "http://a.com:80/x", "a.com", id="fragment goes"),
        pytest.param(
            "http://a.com/a%7Eb/%2f/../?x=%41", "http://a.com:80/a%7Eb/%2f/../?x=%41", "a.com", id="untouched"
        ),
        pytest.param("http://a.com/?u=http://b", "http://a.com:80/?u=http://b", "a.com", id="a URL in the query"),
    ],
)
def test_url_is_taken_apart(text, absolute, host_header):
    url = parse_url(text)
    assert (url.text, url.absolute, url.host_header(includes_port=True)) == (text, absolute, host_header)


def test_host_header_can_do_without_the_port():
    assert parse_url("http://a.com:8080/").host_header(includes_port=False) == "a.com"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("10.101.166.30:test", "port", id="port is a word"),
        pytest.param("http://a.com:0/", "port", id="port 0"),
        pytest.param("http://a.com:65536/", "port", id="port too high"),
        pytest.param("http://a.com:/", "port", id="empty port"),
        pytest.param("http://a.com:٣/", "percent-encoded", id="a digit of another script"),
        pytest.param("ftp://a.com/", "ftp", id="another scheme"),
        pytest.param("http:///x", "host", id="no host"),
        pytest.param("http://u:p@a.com/", "user", id="user info"),
        pytest.param("http://[::1]:80/", "IPv6", id="IPv6"),
        pytest.param("http://a b/", "http://a%20b/", id="space"),
        pytest.param("http://a.com/回调", "/%E5%9B%9E%E8%B0%83", id="other than ASCII"),
        pytest.param("http://a.com/\r\nX: y", "percent-encoded", id="line break"),
        pytest.param("http://a_b!c/", "host", id="not a host's characters"),
    ],
)
def test_url_that_cannot_be_called_is_refused(text, reason):
    with pytest.raises(InvalidUrl, match=reason):
        parse_url(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("127.0.0.1", True, id="loopback"),
        pytest.param("192.168.1.1", True, id="private class C"),
        pytest.param("10.1.2.3", True, id="private class A"),
        pytest.param("172.31.0.1", True, id="private class B"),
        pytest.param("100.100.2.148", True, id="shared, where Alibaba Cloud's inner services are"),
        pytest.param("169.254.169.254", True, id="link-local"),
        pytest.param("0.0.0.0", True, id="unspecified"),
        pytest.param("8.8.8.8", False, id="public"),
        pytest.param("172.32.0.1", False, id="just outside class B"),
    ],
)
def test_private_address_is_told_from_a_public_one(address, expected):
    assert is_private(address) is expected


def test_ip_literal_is_told_from_a_name():
    assert parse_url("http://8.8.8.8/").is_ip_literal
    assert not CallbackUrl(text="", is_tls=False, host="a.8", port=80, target="/").is_ip_literal
