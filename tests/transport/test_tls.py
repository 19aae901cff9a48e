"""HTTPS as clients meet it: which names are certified, by whom, and what is said when a handshake fails."""

import asyncio
import json
import logging
import socket
import ssl
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import structs

from emulator import Config, Emulator
from emulator.config import ConfigError, Server, Storage
from emulator.server import ServerError
from tests.client import OssClient
from tests.conftest import MakeOss

TLS = Server(
    host="127.0.0.1",
    port=0,
    tls=True,
    service_names=("oss.test", "192.0.2.7"),
    cnames={"img.example.com": "examplebucket"},
)


@pytest.fixture
def config(config: Config) -> Config:
    return structs.replace(config, server=TLS)


async def certificate_for(emulator: Emulator, name: str, ca_file: Path | None = None) -> x509.Certificate:
    """The certificate that a client gets which asks for `name`, an address or a host, and has verified it."""
    context = ssl.create_default_context(cafile=ca_file or emulator.ca_file)
    port = urlsplit(emulator.https_endpoint).port
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return x509.load_der_x509_certificate(der)


async def said(caplog: pytest.LogCaptureFixture, text: str) -> str:
    """The first line of the log with `text`; the other end of a connection writes it when it gets to it."""
    written = asyncio.Event()
    listener = logging.Handler()
    listener.emit = lambda record: written.set()  # type: ignore[method-assign]
    log = logging.getLogger("emulator")
    log.addHandler(listener)
    try:
        async with asyncio.timeout(5):
            while not any(text in line for line in caplog.messages):
                written.clear()
                await written.wait()
    finally:
        log.removeHandler(listener)
    return next(line for line in caplog.messages if text in line)


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "::1",
        "localhost",
        "examplebucket.localhost",
        "photos.oss.localhost",
        "oss.test",
        "192.0.2.7",
        "Photos.OSS.test",
        "img.example.com",
        "photos.oss-cn-hangzhou.aliyuncs.com",
        "oss-cn-hangzhou.aliyuncs.com",
        pytest.param("emulator", id="a service in a container's network"),
        pytest.param("storage", id="any service in a container's network"),
    ],
)
async def test_client_that_trusts_the_ca_takes_the_certificate_for(config: Config, name: str) -> None:
    async with Emulator(config) as emulator:
        certificate = await certificate_for(emulator, name)
    assert certificate.not_valid_before_utc < datetime.now(UTC)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=400)


@pytest.mark.parametrize("name", ["example.com", "a.b.localhost", "examplebucket.oss.test.example.com"])
async def test_a_name_that_is_not_the_emulators_is_not_certified(
    config: Config, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with Emulator(config) as emulator:
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_for(emulator, name)
        assert "server.service_names" in await said(caplog, f"asks by TLS for {name}")


async def test_a_name_that_no_certificate_can_have_is_told(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator(config) as emulator:
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_for(emulator, "my_bucket.localhost")
        assert await said(caplog, "There can be no certificate for my_bucket.localhost")


async def test_the_ca_is_the_same_at_the_next_start(config: Config) -> None:
    async with Emulator(config) as emulator:
        assert emulator.ca_file is not None
        assert emulator.ca_file == emulator.data_dir / "ca.pem"
        before = emulator.ca_file.read_bytes()
        assert (emulator.data_dir / "ca_key.pem").stat().st_mode & 0o777 == 0o600
    async with Emulator(config) as emulator:
        assert emulator.ca_file is not None
        assert emulator.ca_file.read_bytes() == before
        await certificate_for(emulator, "localhost")


async def test_the_ca_of_ephemeral_data_goes_with_them(config: Config) -> None:
    async with Emulator(structs.replace(config, storage=Storage(ephemeral=True))) as emulator:
        assert emulator.ca_file is not None
        await certificate_for(emulator, "localhost")
    assert not emulator.ca_file.exists()


async def test_http_and_https_show_the_same_objects(config: Config) -> None:
    async with Emulator(config) as emulator:
        plain, secure = OssClient(emulator), OssClient(emulator, is_secure=True)
        assert plain.endpoint.startswith("http://127.0.0.1:")
        assert secure.endpoint.startswith("https://127.0.0.1:")
        await plain.put("a", b"hello")
        assert (await secure.get("a")).body == b"hello"


async def test_a_large_object_goes_in_and_out_over_tls(config: Config) -> None:
    body = bytes(range(251)) * 80_000  # 20 MB, no two pieces alike
    async with Emulator(config) as emulator:
        client = OssClient(emulator, is_secure=True)
        assert (await client.put("large", body)).status == 200
        assert (await client.get("large")).body == body
        part = await client.get("large", range="bytes=1000000-9999999")
    assert part.body == body[1_000_000:10_000_000]


async def test_urls_in_answers_are_https(config: Config) -> None:
    async with Emulator(config) as emulator:
        client = OssClient(emulator, is_secure=True)
        begun = await client.request("POST", "/examplebucket/a?uploads")
        target = f"/examplebucket/a?uploadId={begun.xml.findtext('UploadId')}"
        part = await client.request("PUT", f"{target}&partNumber=1", body=b"hello")
        parts = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
        answer = await client.request(
            "POST", target, body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        )
    assert answer.xml.findtext("Location") == f"{emulator.https_endpoint}/examplebucket/a"


async def test_a_client_that_does_not_trust_the_ca_is_told_of_in_the_log(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = config.storage.data_dir.with_name("stranger.pem")
    trustme.CA().cert_pem.write_to_path(stranger)
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    async with Emulator(config) as emulator:
        with pytest.raises(URLError, match="certificate verify failed"):  # not by asyncio, which sends no alert
            await asyncio.to_thread(
                urlopen, emulator.https_endpoint, context=ssl.create_default_context(cafile=stranger)
            )
        line = await said(caplog, "does not take the emulator's certificate")
        assert (await OssClient(emulator, is_secure=True).put("a", b"1")).status == 200
    assert f"have it trust {emulator.ca_file}" in line
    assert failures == []
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "speaks plain HTTP to the HTTPS port", id="plain HTTP"),
        pytest.param(b"\x16\x03\x01\x00\x05hello", "A client's TLS handshake failed (", id="no handshake"),
    ],
)
async def test_what_is_not_tls_is_one_line_in_the_log(
    config: Config, caplog: pytest.LogCaptureFixture, sent: bytes, line: str
) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    async with Emulator(config) as emulator, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(emulator.https_endpoint).port)
        writer.write(sent)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        await said(caplog, line)
    assert failures == []
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_client_that_leaves_before_the_handshake_disturbs_nobody(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    async with Emulator(config) as emulator:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(emulator.https_endpoint).port)
        writer.close()
        await writer.wait_closed()
        assert (await OssClient(emulator, is_secure=True).put("a", b"1")).status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_tls_to_the_plain_port_is_told_in_the_log(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator(config) as emulator:
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", urlsplit(emulator.endpoint).port, ssl=True)
        await said(caplog, "HTTPS traffic on an HTTP port")


async def test_an_idle_connection_does_not_delay_the_stop(config: Config) -> None:
    emulator = Emulator(config)
    await emulator.start()
    async with await OssClient(emulator, is_secure=True).connect() as connection, asyncio.timeout(2):
        await connection.send(b"GET /_emulator/health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await connection.receive()).status == 200
        await emulator.stop()


async def test_own_certificate_is_shown_to_whoever_comes(config: Config, tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("oss.example.com")
    files = {name: str(tmp_path / f"{name}.pem") for name in ("certificate", "key", "ca")}
    leaf.cert_chain_pems[0].write_to_path(files["certificate"])
    leaf.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["ca"])
    own = {f"tls_{name}_file": file for name, file in files.items()}
    async with Emulator(structs.replace(config, server=structs.replace(TLS, **own))) as emulator:
        assert emulator.ca_file == Path(files["ca"])
        await certificate_for(emulator, "oss.example.com")
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_for(emulator, "localhost")
        assert not (emulator.data_dir / "ca.pem").exists()


async def test_own_certificate_may_be_one_file_and_say_nothing_of_its_ca(config: Config, tmp_path: Path) -> None:
    authority = trustme.CA()
    both = tmp_path / "both.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(both)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = structs.replace(TLS, tls_certificate_file=str(both))
    async with Emulator(structs.replace(config, server=server)) as emulator:
        assert emulator.ca_file is None
        await certificate_for(emulator, "localhost", tmp_path / "ca.pem")
        answer = await OssClient(emulator).request("GET", "/_emulator/ca.pem")
    assert answer.status == 404


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"tls_certificate_file": "certificate"},
            r"server\.tls_certificate_file: no certificate with its key in \S+/certificate: ",
            id="without a key",
        ),
        pytest.param(
            {"tls_certificate_file": "certificate", "tls_key_file": "locked"},
            r"server\.tls_certificate_file: .* in \S+/certificate and \S+/locked: the key is encrypted",
            id="key with a password",
        ),
        pytest.param(
            {"tls_certificate_file": "certificate", "tls_key_file": "other"}, r"key values mismatch", id="another's key"
        ),
        pytest.param(
            {"tls_key_file": "other"},
            r"server\.tls_key_file: is of no use without server\.tls_certificate_file",
            id="a key alone",
        ),
        pytest.param({"tls_ca_file": "other"}, r"server\.tls_ca_file: is of no use", id="a CA alone"),
    ],
)
async def test_own_certificate_that_is_none_stops_the_start(
    config: Config, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    authority.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "other")
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    (tmp_path / "locked").write_bytes(locked)
    server = structs.replace(TLS, **{key: str(tmp_path / name) for key, name in files.items()})
    with pytest.raises(ConfigError, match=message):
        await Emulator(structs.replace(config, server=server)).start()


async def test_ca_that_cannot_be_read_stops_the_start(config: Config) -> None:
    config.storage.data_dir.mkdir()
    for name in ("ca.pem", "ca_key.pem"):
        (config.storage.data_dir / name).write_text("no PEM")
    with pytest.raises(ConfigError, match=r"server\.tls: \S+/ca\.pem and \S+/ca_key\.pem cannot be used: "):
        await Emulator(config).start()


async def test_without_trustme_the_line_says_what_to_install(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ConfigError, match=r"^server\.tls: .*: pip install 'oss-emulator\[tls\]'$"):
        await Emulator(config).start()


@pytest.mark.parametrize(
    ("server", "port"),
    [
        pytest.param(Server(), 8443, id="beside the default"),
        pytest.param(Server(port=9000), 8443, id="beside another"),
        pytest.param(Server(port=0), 0, id="beside a free one"),
        pytest.param(Server(port=0, tls_port=9443), 9443, id="as it is said"),
    ],
)
def test_port_of_https(server: Server, port: int) -> None:
    assert server.https_port == port


async def test_port_of_https_that_is_taken_is_told(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = structs.replace(TLS, tls_port=taken.getsockname()[1])
        with pytest.raises(ServerError, match=r"^server\.tls_port: cannot listen on 127\.0\.0\.1 port \d+: "):
            await Emulator(structs.replace(config, server=server)).start()


async def test_health_names_both_endpoints_and_the_ca_can_be_fetched(config: Config, make_oss: MakeOss) -> None:
    oss = await make_oss()
    emulator = oss.emulator
    for client in (oss, OssClient(emulator, is_secure=True)):
        answer = json.loads((await client.request("GET", "/_emulator/health")).body)
        assert answer["endpoint"] == client.endpoint
        assert (answer["http_endpoint"], answer["https_endpoint"]) == (emulator.endpoint, emulator.https_endpoint)
    pem = await oss.request("GET", "/_emulator/ca.pem")
    assert emulator.ca_file is not None
    assert (pem.headers["content-type"], pem.body) == ("application/x-pem-file", emulator.ca_file.read_bytes())
