"""HTTPS: a certificate for each of the emulator's own names, from a local CA, or the user's own certificate.

Why one for each name, made when a client asks for it, and not one that says `*.localhost`: OpenSSL, and so Python and
curl, and Node.js too, take no wildcard directly below a top-level domain.
"""

import ipaddress
import logging
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulator.config import ConfigError, Server
from emulator.wire.address import Resolver

if TYPE_CHECKING:
    from trustme import CA

CA_FILE = "ca.pem"
CA_KEY_FILE = "ca_key.pem"
VALID_DAYS = 397  # Apple's platforms take no certificate that is valid for much longer, whoever has issued it
MAX_NAMES = 128  # whose certificates are kept: it is the client that chooses the name

_DISTRUST = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN")  # the ends of what a client's alert may say

logger = logging.getLogger("emulator.tls")


class TlsContext(ssl.SSLContext):
    """A certificate, and the file of the CA that a client has to trust; `None` if nobody has told us which it is."""

    ca_file: Path | None = None


class _Handshake(ssl.SSLObject):
    """One client's TLS. When it fails there is a line in the log: clients are told little, and servers are silent."""

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._explain(error)
            raise

    def read(self, *arguments: Any) -> Any:
        """Some bytes. In TLS 1.3 a client says only here that it distrusts us: for the server the handshake is over."""
        try:
            return super().read(*arguments)
        except ssl.SSLError as error:
            if error.reason and "ALERT" in error.reason:
                self._explain(error)
            raise

    def _explain(self, error: ssl.SSLError) -> None:
        reason = error.reason or str(error)
        if reason == "HTTP_REQUEST":
            logger.warning("A client speaks plain HTTP to the HTTPS port: its URL has to begin with https://")
        elif reason.endswith(_DISTRUST):
            assert isinstance(self.context, TlsContext)
            ca = self.context.ca_file
            logger.warning(
                "A client does not take the emulator's certificate (%s): have it trust %s",
                reason,
                ca.absolute() if ca else "whoever issued server.tls_certificate_file",
            )
        else:
            logger.warning("A client's TLS handshake failed (%s)", reason)


def make_context(server: Server, folder: Path) -> TlsContext:
    """What HTTPS is served with: the user's certificate, or those by the CA in `folder`, made there if it is missing.

    It takes 0.1 s: call it in a thread.

    Raises:
        ConfigError: the certificate cannot be used, or none can be made.
    """
    if server.tls_certificate_file:
        return _given(server)
    for key in ("tls_key_file", "tls_ca_file"):
        if getattr(server, key):
            raise ConfigError(f"server.{key}: is of no use without server.tls_certificate_file")
    return _issued(server, folder)


def _new() -> TlsContext:
    context = TlsContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Handshake
    context.set_alpn_protocols(["http/1.1"])
    return context


def _given(server: Server) -> TlsContext:
    context = _new()
    files = (server.tls_certificate_file, server.tls_key_file or None)
    try:
        context.load_cert_chain(*files, password=_refuse_to_ask)
    except (OSError, ValueError) as error:
        names = " and ".join(filter(None, files))
        raise ConfigError(f"server.tls_certificate_file: no certificate with its key in {names}: {error}") from error
    context.ca_file = Path(server.tls_ca_file) if server.tls_ca_file else None
    return context


def _refuse_to_ask() -> str:
    raise ValueError("the key is encrypted")


def _issued(server: Server, folder: Path) -> TlsContext:
    """A context that shows each client the certificate for the name it asks for, if that is the emulator's.

    A CA that people trust must not vouch for other names. Those without a dot, as services have in a container's
    network, are nobody's.
    """
    authority = _authority(folder)
    resolver = Resolver(server.service_names, server.cnames)
    hosts = {server.host, urlsplit(f"//{server.public_endpoint.rpartition('://')[2]}").hostname}

    @lru_cache(MAX_NAMES)
    def certificate(*names: str) -> TlsContext:
        context = _new()
        context.ca_file = folder / CA_FILE
        now = datetime.now(UTC)
        leaf = authority.issue_cert(
            *names, not_before=now - timedelta(days=1), not_after=now + timedelta(days=VALID_DAYS)
        )
        leaf.configure_cert(context)
        return context

    def choose(handshake: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name is None:
            return
        name = name.lower()
        if not (resolver.knows(name) or name in hosts or "." not in name):
            logger.warning(
                "A client asks by TLS for %s; if that is the emulator, server.service_names has to say so", name
            )
            return
        try:
            handshake.context = certificate(name)
        except ValueError as error:  # the rules of IDNA, which forbid a `_`, and `--` in third place
            logger.warning("There can be no certificate for %s: %s", name, error)

    default = certificate("localhost", *_addresses("127.0.0.1", "::1", server.host, *server.service_names))
    default.sni_callback = choose
    return default


def _addresses(*hosts: str) -> Iterator[str]:
    """Those of `hosts` that are IP addresses: by them, a client asks for no name."""
    for host in dict.fromkeys(hosts):
        try:
            yield str(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            continue


def _authority(folder: Path) -> "CA":
    try:
        from trustme import CA
    except ImportError as error:
        raise ConfigError(
            "server.tls: making certificates takes the package trustme: pip install 'oss-emulator[tls]'"
        ) from error
    certificate, key = folder / CA_FILE, folder / CA_KEY_FILE
    try:
        if certificate.exists() and key.exists():
            return CA.from_pem(certificate.read_bytes(), key.read_bytes())
        authority = CA(organization_name="OSS emulator", organization_unit_name=f"of {folder.absolute()}"[:64])
        _write(key, authority.private_key_pem.bytes(), 0o600)
        _write(certificate, authority.cert_pem.bytes(), 0o644)  # last: with it the CA is whole
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"server.tls: {certificate} and {key} cannot be used: {error}") from error
    return authority


def _write(file: Path, data: bytes, mode: int) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as output:
        output.write(data)
    unfinished.replace(file)
