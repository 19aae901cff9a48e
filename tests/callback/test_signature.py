"""The signature: four captured callbacks verified with OSS's own public key, and keys of our own."""

import base64
import hashlib
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from emulator.callback.signature import Signer, string_to_sign, verify
from emulator.config import ConfigError

OSS_PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
-----END PUBLIC KEY-----
"""

CAPTURES = [
    pytest.param(
        "/index.php?id=1&index=2",
        "bucket=yonghu-test",
        "kKQeGTRccDKyHB3H9vF+xYMSrmhMZjzzl2/kdD1ktNVgbWEfYTQG0G2SU/RaHBovRCE8OkQDjC3uG33esH2txA==",
        "x1STW4EVzp0ZZRKUY72zTQ==",
        id="documentation, with a query",
    ),
    pytest.param(
        "/api/AliYunOssCallback",
        "filename=headSculpture%2Fjikang2.jpg&size=108904&mimeType=image%2Fjpeg&height=278&width=200",
        "HHtQ8zgAo4WUCg7Iy/njrsluS+ZDmgMwIHag+vmRvIC4Ph5rxNQ3+WOfJZvzwIKQsNftEDC0PCU03hpjId3vIQ==",
        "G5H/anNzgdvMS2AsvXpi6A==",
        id="2019",
    ),
    pytest.param(
        "/3ecb4401-bd1f-4421-a385-46b57f0d6daa",
        '{"bucket":"post-test","object":"42cf77bf-2d25-485a-947c-b9216ee079ee","etag":'
        '"97E1A27874032FC4B29F007C90DFA372","size":31,"mimeType":"image/jpeg","imageInfo":null}',
        "eugZUpzNaW3Ba40tGc3IUczSmdwfOKS1fXl6xd+QmOITTUPLwhBw1DBBUwaGuLsKYdCauOcHhGCEVMEObQgThA==",
        "Q9PoQzJC4T1JMh0BM9cCWQ==",
        id="2018, JSON",
    ),
    pytest.param(
        "/api/File/15/upload_notify/",
        "filename=zmaplex%2F20210407_14%3A31%3A41_286180%2F20200130021612_pnfqp.jpg&size=112595",
        "aMYUW1arI/qpU7cp/DCGXS56iFJPxwe7K3QIFVvbtSgiE6vwuu4/HuBxyDDX5IKU8vSJg/BI956SzVsRQt969g==",
        "kMu34kLrn0MSVFvF8R4eWg==",
        id="2021",
    ),
]


@pytest.mark.parametrize(("target", "body", "signature", "digest"), CAPTURES)
def test_captured_callback_verifies_with_the_key_of_oss(target, body, signature, digest):
    string = string_to_sign(target, body.encode())
    assert verify(OSS_PUBLIC_KEY, string, signature)
    assert not verify(OSS_PUBLIC_KEY, string + b" ", signature)
    assert base64.b64encode(hashlib.md5(body.encode()).digest()).decode() == digest


@pytest.mark.parametrize(
    ("target", "string"),
    [
        pytest.param("/a", b"/a\nbody", id="path alone"),
        pytest.param("/a?b=%41&c", b"/a?b=%41&c\nbody", id="the query stays encoded"),
        pytest.param("/%E4%B8%AD%2F?q", "/中/?q\nbody".encode(), id="the path is decoded"),
        pytest.param("/%2541", b"/%41\nbody", id="once"),
        pytest.param("/a+b", b"/a+b\nbody", id="a plus stays", marks=pytest.mark.guess),
        pytest.param("/%FF", b"/\xff\nbody", id="bytes that are not UTF-8"),
    ],
)
def test_string_to_sign_has_the_decoded_path_and_the_query_as_sent(target, string):
    assert string_to_sign(target, b"body") == string


@pytest.mark.parametrize(
    "signature",
    [pytest.param("", id="empty"), pytest.param("!", id="not base64"), pytest.param("AAAA", id="too short")],
)
def test_malformed_signature_does_not_verify(signature):
    assert not verify(OSS_PUBLIC_KEY, b"x", signature)


async def test_signature_equals_the_block_of_the_rfc_raised_to_the_private_exponent(key_file):
    """EMSA-PKCS1-v1_5 by hand: what signs elsewhere without a library must sign the same here."""
    signer = Signer(key_file)
    numbers = (await signer.load()).private_numbers()
    modulus = numbers.public_numbers.n
    length = (modulus.bit_length() + 7) // 8
    digest = bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(b"/cb\nbody").digest()
    block = b"\0\1" + b"\xff" * (length - 3 - len(digest)) + b"\0" + digest
    by_hand = pow(int.from_bytes(block, "big"), numbers.d, modulus).to_bytes(length, "big")
    assert base64.b64decode(await signer.sign(b"/cb\nbody")) == by_hand


async def test_key_is_made_once_and_kept(tmp_path):
    path = tmp_path / "callback_key.pem"
    signer = Signer(path)
    assert not path.exists()
    pem = await signer.public_pem()
    assert verify(pem, b"x", await signer.sign(b"x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert await Signer(path).public_pem() == pem
    assert isinstance(load_pem_public_key(pem), rsa.RSAPublicKey)


async def test_key_without_a_file_stays_in_memory():
    signer = Signer(None)
    assert verify(await signer.public_pem(), b"x", await signer.sign(b"x"))


async def test_configured_key_is_used(key_file, tmp_path):
    signer = Signer(tmp_path / "unused.pem", str(key_file))
    assert await signer.public_pem() == await Signer(key_file).public_pem()
    assert not (tmp_path / "unused.pem").exists()


def test_configured_file_that_is_no_rsa_key_stops_the_start(tmp_path):
    elliptic = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "key.pem"
    path.write_bytes(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match=r"callback\.private_key_file: .* not RSA"):
        Signer(None, str(path))
    path.write_text("nonsense")
    with pytest.raises(ConfigError, match=r"callback\.private_key_file: cannot read"):
        Signer(None, str(path))
    with pytest.raises(ConfigError, match=r"callback\.private_key_file: cannot read"):
        Signer(None, str(tmp_path / "missing.pem"))


async def test_damaged_key_file_is_named(tmp_path):
    path = tmp_path / "callback_key.pem"
    path.write_text("nonsense")
    with pytest.raises(ConfigError, match=r"callback_key\.pem"):
        await Signer(path).load()
