from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

BUCKETS = ("examplebucket", "other-bucket")


@pytest.fixture
async def oss(make_oss: MakeOss, clock: HeldClock) -> OssClient:
    return await make_oss(clock=clock, buckets=BUCKETS)


async def post(oss: OssClient, comp: str, domain: str, *, bucket: str = "examplebucket", **more: str) -> Response:
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in {"Domain": domain, **more}.items())
    body = f"<BucketCnameConfiguration><Cname>{inside}</Cname></BucketCnameConfiguration>"
    return await oss.request("POST", f"/{bucket}?cname&comp={comp}", body=body)


async def domains(oss: OssClient) -> list[str]:
    return (await oss.request("GET", "/examplebucket?cname")).texts("Cname/Domain")


def make_certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    begin = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=365))
    return builder.sign(key, hashes.SHA256())


async def test_a_domain_is_shown_to_be_one_s_own_then_given_to_the_bucket(oss: OssClient):
    refused = await post(oss, "add", "www.a.test")
    assert (refused.status, refused.code, refused.texts("EC")) == (
        403,
        "NeedVerifyDomainOwnership",
        ["0018-00000115"],
    )
    answer = await post(oss, "token", "WWW.a.test")
    (token,) = answer.texts("Token")
    assert len(token) == 32
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<CnameToken>\n"
        "  <Bucket>examplebucket</Bucket>\n"
        "  <Cname>www.a.test</Cname>\n"
        f"  <Token>{token}</Token>\n"
        "  <ExpireTime>Tue, 04 Jun 2024 12:00:00 GMT</ExpireTime>\n"
        "</CnameToken>\n"
    )
    assert (await oss.request("GET", "/examplebucket?cname=www.a.test&comp=token")).body == answer.body
    answer = await post(oss, "add", "www.a.test")
    assert (answer.status, answer.body) == (200, b"")
    answer = await oss.request("GET", "/examplebucket?cname")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListCnameResult>\n"
        "  <Bucket>examplebucket</Bucket>\n"
        "  <Owner>1234567890123456</Owner>\n"
        "  <Cname>\n"
        "    <Domain>www.a.test</Domain>\n"
        "    <LastModified>2024-06-01T12:00:00.000Z</LastModified>\n"
        "    <Status>Enabled</Status>\n"
        "  </Cname>\n"
        "</ListCnameResult>\n"
    )
    for _ in range(2):
        assert (await post(oss, "delete", "www.a.test")).status == 200
        assert await domains(oss) == []


async def test_a_token_is_the_same_until_it_expires(oss: OssClient, clock: HeldClock):
    first = (await post(oss, "token", "a.test")).texts("Token")
    clock.step(72 * 3600 - 1)
    assert (await post(oss, "token", "a.test")).texts("Token") == first
    clock.step(1)
    answer = await oss.request("GET", "/examplebucket?cname=a.test&comp=token")
    assert (answer.status, answer.code) == (404, "CnameTokenNotFound")
    assert (await post(oss, "add", "a.test")).code == "NeedVerifyDomainOwnership"
    assert (await post(oss, "token", "a.test")).texts("Token") != first


async def test_a_token_is_for_one_domain_of_one_bucket(oss: OssClient):
    await post(oss, "token", "a.test")
    for target in ("/examplebucket?cname=b.test&comp=token", "/other-bucket?cname=a.test&comp=token"):
        assert (await oss.request("GET", target)).code == "CnameTokenNotFound"


async def test_a_domain_belongs_to_one_bucket(oss: OssClient):
    for bucket in BUCKETS:
        await post(oss, "token", "a.test", bucket=bucket)
    await post(oss, "add", "a.test", bucket="other-bucket")
    answer = await post(oss, "add", "a.test")
    assert (answer.status, answer.code) == (403, "CnameDenied")
    await post(oss, "delete", "a.test", bucket="other-bucket")
    assert (await post(oss, "add", "a.test")).status == 200


async def test_requests_for_the_domain_find_the_bucket(oss: OssClient):
    async def get() -> Response:
        return await oss.request("GET", "/a.txt", headers={"Host": "WWW.a.test:8280"})

    await oss.put("a.txt", "hello")
    assert (await get()).code == "InvalidBucketName"
    await post(oss, "token", "www.a.test")
    await post(oss, "add", "www.a.test")
    assert (await get()).body == b"hello"
    assert (await oss.request("GET", "/?cname", headers={"Host": "www.a.test"})).texts("Bucket") == ["examplebucket"]
    await post(oss, "delete", "www.a.test")
    assert (await get()).code == "InvalidBucketName"


async def test_a_domain_goes_with_its_bucket(oss: OssClient):
    await post(oss, "token", "a.test", bucket="other-bucket")
    await post(oss, "add", "a.test", bucket="other-bucket")
    assert (await oss.request("HEAD", "/", headers={"Host": "a.test"})).status == 200
    await oss.request("DELETE", "/other-bucket")
    await post(oss, "token", "a.test")
    assert (await post(oss, "add", "a.test")).status == 200


async def test_domains_are_listed_by_name(oss: OssClient):
    for domain in ("b.test", "a.test"):
        await post(oss, "token", domain)
        await post(oss, "add", domain, IsWildCard="False")
    answer = await oss.request("GET", "/examplebucket?cname")
    assert answer.texts("Cname/Domain") == ["a.test", "b.test"]
    assert answer.texts("Cname/IsWildCard") == ["false", "false"]


async def test_a_domain_has_a_certificate_until_it_is_taken_away(oss: OssClient):
    certificate = make_certificate()
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    await post(oss, "token", "a.test")
    private = "<PrivateKey>secret</PrivateKey><Force>True</Force>"
    uploaded = f"<CertId>493-cn-hangzhou</CertId><Certificate>{pem}</Certificate>{private}"
    assert (await post(oss, "add", "a.test", CertificateConfiguration=uploaded)).status == 200
    answer = await oss.request("GET", "/examplebucket?cname")
    shown = {child.tag: child.text for child in answer.xml.findall("Cname/Certificate/*")}
    assert shown == {
        "Type": "Upload",
        "CertId": "493-cn-hangzhou",
        "Status": "Enabled",
        "CreationDate": "Sat, 01 Jun 2024 12:00:00 GMT",
        "Fingerprint": certificate.fingerprint(hashes.SHA1()).hex(":").upper(),
        "ValidStartDate": "Tue, 02 Jan 2024 03:04:05 GMT",
        "ValidEndDate": "Wed, 01 Jan 2025 03:04:05 GMT",
    }
    await post(oss, "add", "a.test")
    assert (await oss.request("GET", "/examplebucket?cname")).body == answer.body
    await post(oss, "add", "a.test", CertificateConfiguration="<CertId>494-cn-hangzhou</CertId>")
    answer = await oss.request("GET", "/examplebucket?cname")
    assert (answer.texts("Cname/Certificate/Type"), answer.texts("Cname/Certificate/Fingerprint")) == (["CAS"], [])
    await post(oss, "add", "a.test", CertificateConfiguration="<DeleteCertificate>true</DeleteCertificate>")
    assert (await oss.request("GET", "/examplebucket?cname")).texts("Cname/Certificate") == []
    assert await domains(oss) == ["a.test"]


async def test_what_is_no_certificate_is_refused(oss: OssClient):
    await post(oss, "token", "a.test")
    answer = await post(oss, "add", "a.test", CertificateConfiguration="<Certificate>none</Certificate>")
    assert (answer.status, answer.code, answer.texts("ArgumentName")) == (400, "InvalidArgument", ["Certificate"])
    assert await domains(oss) == []


@pytest.mark.parametrize("comp", ["token", "add", "delete"])
@pytest.mark.parametrize("body", ["", "<Cname/>", "<BucketCnameConfiguration><Cname/></BucketCnameConfiguration>"])
async def test_what_names_no_domain_is_refused(oss: OssClient, comp: str, body: str):
    answer = await oss.request("POST", f"/examplebucket?cname&comp={comp}", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.parametrize(
    "domain", ["http://a.test", "a.test:80", "localhost", "a b.test", "-a.test", "杭州", "x" * 64 + ".test"]
)
async def test_what_can_be_no_domain_is_refused(oss: OssClient, domain: str):
    answer = await post(oss, "token", domain)
    assert (answer.status, answer.code, answer.texts("ArgumentName")) == (400, "InvalidArgument", ["Domain"])
