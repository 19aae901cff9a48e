"""Names of certificates."""

from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.callback.tls import Handshake, certificate_names, matches


@pytest.mark.parametrize(
    ("host", "names", "expected"),
    [
        pytest.param("a.com", ["b.com", "A.com"], True, id="one of several, whatever the case"),
        pytest.param("a.com.", ["a.com"], True, id="absolute name"),
        pytest.param("x.a.com", ["*.a.com"], True, id="wildcard"),
        pytest.param("a.com", ["*.a.com"], False, id="a wildcard is not the domain itself"),
        pytest.param("y.x.a.com", ["*.a.com"], False, id="a wildcard is one label"),
        pytest.param("127.0.0.1", ["127.0.0.1"], True, id="address"),
        pytest.param("127.0.0.1", ["*.0.0.1"], False, id="no wildcard for addresses"),
        pytest.param("a.com", [], False, id="no names"),
    ],
)
def test_certificate_matches_its_hosts_alone(host, names, expected):
    assert matches(host, names) is expected


def test_names_of_a_certificate():
    authority = trustme.CA()
    leaf = authority.issue_cert("a.example", "127.0.0.1")
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    assert certificate_names(certificate.public_bytes(Encoding.DER)) == ("a.example", "127.0.0.1")


def test_common_name_stands_in_for_missing_names():
    key = generate_private_key(public_exponent=65537, key_size=1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
    certificate = builder.sign(key, SHA256())
    assert certificate_names(certificate.public_bytes(Encoding.DER)) == ("a.example",)


def test_handshake_without_certificate_is_for_nobody_else():
    handshake = Handshake("a.example")
    assert not handshake.is_for_another
    assert handshake.names() == ()
