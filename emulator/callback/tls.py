"""TLS towards application servers: with or without a server name, and with as much checking as is configured.

OSS sends no server name (SNI) unless callbackSNI is true. Python sends none where the name is an IP literal, but then
it cannot check the certificate's name, so that is done here, in both cases.
"""

import ipaddress
import ssl
from collections.abc import Iterable

# Any address will do: it is never connected to, it only keeps Python from sending a server name.
NO_SERVER_NAME = "0.0.0.0"


class Handshake:
    """What becomes known while a TLS connection is made: `name` is expected, `certificate` (DER) was shown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_started = False
        self.certificate: bytes | None = None

    def names(self) -> tuple[str, ...]:
        """The names in the certificate that the server showed."""
        return certificate_names(self.certificate) if self.certificate else ()

    @property
    def is_for_another(self) -> bool:
        """Whether the server showed a certificate that does not name the host."""
        return self.certificate is not None and not matches(self.name, self.names())


def make_context(verify: bool | str, sslobject_class: type[ssl.SSLObject]) -> ssl.SSLContext:
    """A context that checks the chain against the system's roots (`True`), a CA file, or not at all (`False`).

    Reading the system's roots takes 55 ms: call it in a thread.
    """
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    context.sslobject_class = sslobject_class
    return context


def certificate_names(der: bytes) -> tuple[str, ...]:
    """The host names and addresses that a certificate is for; its common name if it has no others."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        subject = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(attribute.value) for attribute in subject)
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return (*extension.get_values_for_type(x509.DNSName), *addresses)


def matches(host: str, names: Iterable[str]) -> bool:
    """Whether a certificate with `names` is good for `host`; `*` stands for one whole first label."""
    host = host.lower().removesuffix(".")
    wildcard = "*." + host.partition(".")[2]
    return any(name.lower() == host or (name.lower() == wildcard and not _is_address(host)) for name in names)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
