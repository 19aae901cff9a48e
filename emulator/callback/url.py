"""One URL of callbackUrl, taken apart; and which addresses OSS does not call.

Path and query are kept as they were written: they are signed, and what is signed has to be what is sent.

Source: "Callback" in the OSS API reference.
"""

import ipaddress
import re
from urllib.parse import quote

import msgspec

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z")
_PRINTABLE = re.compile(r"[!-~]+\Z")


class InvalidUrl(Exception):
    """A URL that OSS does not take; the message says why, for the developer."""


class CallbackUrl(msgspec.Struct, frozen=True):
    """Where to call. `text` is the URL as given, `target` its path and query as they stand on the request line."""

    text: str
    is_tls: bool
    host: str
    port: int
    target: str

    @property
    def absolute(self) -> str:
        """The URL in full: the scheme spelt out, no fragment, the target untouched."""
        return f"{'https' if self.is_tls else 'http'}://{self.host}:{self.port}{self.target}"

    @property
    def is_ip_literal(self) -> bool:
        """Whether the host is an address, which never goes into a TLS server name."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    def host_header(self, *, includes_port: bool) -> str:
        """The Host header when callbackHost says nothing: a port that is not the scheme's own is included on demand."""
        if includes_port and self.port != (443 if self.is_tls else 80):
            return f"{self.host}:{self.port}"
        return self.host


def parse_url(text: str) -> CallbackUrl:
    """Take a URL apart; without a scheme it is plain http. The fragment and a bare `?` are dropped.

    Raises:
        InvalidUrl: no host, another scheme, a port outside 1-65535, user info, IPv6, or characters to be encoded.
    """
    if not _PRINTABLE.match(text):
        encoded = quote(text, safe="!#$%&'()*+,/:;=?@[]~")
        raise InvalidUrl(f"spaces and characters outside ASCII must be percent-encoded, as in {encoded}")
    rest, _, _ = text.partition("#")
    scheme = "http"
    if match := _SCHEME.match(rest):
        scheme, rest = match[1].lower(), rest[match.end() :]
    if scheme not in ("http", "https"):
        raise InvalidUrl(f"the scheme is {scheme}, but only http and https are called")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    path, _, query = rest[len(authority) :].partition("?")
    target = f"{path or '/'}?{query}" if query else path or "/"
    if "@" in authority:
        raise InvalidUrl("user and password in a URL are not taken; put a token into the query")
    if authority.startswith("["):
        raise InvalidUrl("OSS does not call IPv6 addresses; use an IPv4 address or a name")
    host, colon, port = authority.partition(":")
    if not _HOST.match(host):
        raise InvalidUrl(f"{host!r} is no host name or IPv4 address")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise InvalidUrl(f"the port must be a number from 1 to 65535, not {port!r}")
    default_port = 443 if scheme == "https" else 80
    return CallbackUrl(
        text=text,
        is_tls=scheme == "https",
        host=host,
        port=int(port) if colon else default_port,
        target=target,
    )


def is_private(address: str) -> bool:
    """Whether OSS would not call this IPv4 address: private, loopback, link-local, shared or otherwise not public.

    Guess: the documentation says "private"; the other ranges are not reachable from OSS either.
    """
    return not ipaddress.ip_address(address).is_global
