import base64
import hashlib

import pytest

from emulator.errors import InvalidCRC64, InvalidDigest
from emulator.wire.digests import check_content_md5, parse_content_md5, parse_crc64

HELLO = hashlib.md5(b"hello").digest()


def test_content_md5_that_fits_is_taken():
    assert parse_content_md5("XUFAKrxLKna5cZ2REBfFkg==") == HELLO
    check_content_md5({"content-md5": "XUFAKrxLKna5cZ2REBfFkg=="}, HELLO)
    check_content_md5({}, HELLO)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("5d41402abc4b2a76b9719d911017c592", id="hex"),
        pytest.param(base64.b64encode(b"5d41402abc4b2a76b9719d911017c592").decode(), id="base64 of the hex"),
        pytest.param("XUFAKrxLKna5cZ2REBfFkg", id="without padding"),
        pytest.param("XUFAKrxLKna5cZ2REBfF\udcff==", id="not ASCII"),
    ],
)
def test_malformed_content_md5_is_refused_and_echoed(text: str):
    with pytest.raises(InvalidDigest) as caught:
        check_content_md5({"content-md5": text}, HELLO)
    assert (caught.value.ec, caught.value.elements) == ("0017-00000502", {"Content-MD5": text})


def test_content_md5_of_another_body_is_refused_and_the_hint_has_both():
    with pytest.raises(InvalidDigest) as caught:
        check_content_md5({"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, HELLO)
    assert (caught.value.ec, caught.value.elements) == ("0017-00000503", {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="})
    assert "1B2M2Y8AsgTpgAmY7PhCfg==" in caught.value.hint and "XUFAKrxLKna5cZ2REBfFkg==" in caught.value.hint


def test_crc64_is_an_unsigned_decimal():
    assert parse_crc64({}) is None
    assert parse_crc64({"x-oss-hash-crc64ecma": "0"}) == 0
    assert parse_crc64({"x-oss-hash-crc64ecma": "18446744073709551615"}) == 2**64 - 1


@pytest.mark.parametrize("text", ["", "-1", "18446744073709551616", "0x10", "1.0", "٣", "9" * 5000])
def test_what_is_no_crc64_is_refused(text: str):
    with pytest.raises(InvalidCRC64):
        parse_crc64({"x-oss-hash-crc64ecma": text})
