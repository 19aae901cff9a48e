"""The RSA signature of a callback, and the key pair behind it.

OSS signs MD5 of `path + query + "\\n" + body` by PKCS#1 v1.5. Its private key is not to be had, so the emulator has a
key of its own, which applications fetch from the URL in `x-oss-pub-key-url`.

Source: "Callback" in the OSS API reference; checked with four captured callbacks and OSS's public key.
"""

import asyncio
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from emulator.config import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# The least that `cryptography` makes: 15 ms to make and 0.2 ms a signature, against up to 200 and 0.7 for 2048 bits.
# OSS's own key has 512, and a signature over MD5 is no security that a longer key could save.
KEY_BITS = 1024


def string_to_sign(target: str, body: bytes) -> bytes:
    """What is signed: the path percent-decoded once (a `+` stays), the query as it is with its `?`, LF, the body."""
    path, mark, query = target.partition("?")
    return unquote_to_bytes(path) + (mark + query).encode() + b"\n" + body


def verify(public_pem: bytes, string: bytes, signature: str) -> bool:
    """Whether `signature` (base64) is that of `string` by the key of `public_pem`; a malformed signature is not."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(public_pem)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the public key is not an RSA key")
    try:
        key.verify(base64.b64decode(signature, validate=True), string, PKCS1v15(), hashes.MD5())
    except (InvalidSignature, ValueError):
        return False
    return True


class Signer:
    """Signs callbacks. The key is read, or made, in a thread when it is first needed: that takes 70 ms.

    `configured` is the PEM file of `callback.private_key_file`, which is read at once. Without one the key lies in
    `generated`, made there if it is missing; `None` keeps it in memory.

    Raises:
        ConfigError: the configured file is no RSA private key.
    """

    def __init__(self, generated: Path | None, configured: str = "") -> None:
        self._generated = generated
        self._loading = asyncio.Lock()
        self._key: RSAPrivateKey | None = None
        if configured:
            self._key = _read(Path(configured), "callback.private_key_file")

    async def load(self) -> "RSAPrivateKey":
        """The key, after which signing takes no thread.

        Raises:
            ConfigError: the file that should hold it is something else.
        """
        if self._key is None:
            async with self._loading:
                if self._key is None:
                    self._key = await asyncio.to_thread(_read_or_make, self._generated)
        return self._key

    async def sign(self, string: bytes) -> str:
        """The signature of `string`, in base64."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        key = await self.load()
        return base64.b64encode(key.sign(string, PKCS1v15(), hashes.MD5())).decode()

    async def public_pem(self) -> bytes:
        """The public half, as the PEM that applications fetch."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = await self.load()
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_or_make(path: Path | None) -> "RSAPrivateKey":
    if path is not None and path.exists():
        return _read(path, str(path))
    return _make(path)


def _read(path: Path, name: str) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:  # TypeError: the file wants a password
        raise ConfigError(f"{name}: cannot read an RSA private key from {path}: {error}") from error
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{name}: {path} holds a private key that is not RSA")
    return key


def _make(path: Path | None) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    if path is not None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        unfinished.replace(path)
    return key
