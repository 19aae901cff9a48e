"""The domains of a bucket: a token to show that a domain is one's own, then the domain itself, with its certificate.

Source: "CreateCnameToken", "PutCname" and their neighbours.
Differs: nobody looks the token up in the DNS, since a machine without a network has none; that it was asked for is
enough. From then on the domain is the bucket's, whoever's it is elsewhere.
"""

import re
from datetime import timedelta
from functools import partial
from xml.etree.ElementTree import Element

from emulator.context import Context
from emulator.errors import CnameDenied, CnameTokenNotFound, InvalidArgument, NeedVerifyDomainOwnership
from emulator.model import Bucket
from emulator.operations._document import document_response, kept_response, read_setting
from emulator.operations._setting import with_document
from emulator.operations._table import operation
from emulator.wire.dates import format_http_date, format_iso_date, parse_http_date
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import parse_schema
from emulator.wire.settings import named_settings, parse_setting, read_content, setting_document
from emulator.wire.xml import Content, Elements

TIME_TO_VERIFY = timedelta(hours=72)

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
_SCHEMA = parse_schema(
    """
    BucketCnameConfiguration
      Cname
        Domain
        IsWildCard?: bool
        CertificateConfiguration?
          CertId?
          Certificate?
          PrivateKey?
          PreviousCertId?
          Force?: bool
          DeleteCertificate?: bool
    """
)


@operation("CreateCnameToken", "POST /{bucket}?cname&comp=token")
async def create_cname_token(ctx: Context, request: OssRequest) -> OssResponse:
    """Give a token for a domain, for 72 hours; who asks again gets the same until it expires.

    Raises: NoSuchBucket, InvalidArgument, InvalidDigest, MalformedXML.
    """
    domain = _domain(await _read_cname(request))
    content: Elements = [
        ("Bucket", request.bucket),
        ("Cname", domain),
        ("Token", ctx.ids.token().lower()),
        ("ExpireTime", format_http_date(ctx.clock.now() + TIME_TO_VERIFY)),
    ]
    document = setting_document("CnameToken", content)

    def add(bucket: Bucket) -> Bucket:
        return bucket if _token(ctx, bucket, domain) else with_document(f"cnameToken/{domain}", document, bucket)

    bucket = await ctx.store.buckets.update(request.bucket, add)
    return kept_response(bucket.documents[f"cnameToken/{domain}"])


@operation("GetCnameToken", "GET /{bucket}?cname&comp=token")
async def get_cname_token(ctx: Context, request: OssRequest) -> OssResponse:
    """The token of the domain that `cname=` names.

    Raises: NoSuchBucket, CnameTokenNotFound.
    """
    document = _token(ctx, ctx.store.buckets.get(request.bucket), request.parameters["cname"].lower())
    if document is None:
        raise CnameTokenNotFound
    return kept_response(document)


@operation("PutCname", "POST /{bucket}?cname&comp=add")
async def put_cname(ctx: Context, request: OssRequest) -> OssResponse:
    """Give the bucket a domain for which there is a token, or give its domain a certificate.

    Raises: NoSuchBucket, CnameDenied, NeedVerifyDomainOwnership, InvalidArgument, InvalidDigest, MalformedXML.
    """
    cname = await _read_cname(request)
    domain = _domain(cname)
    name = f"cname/{domain}"
    now = ctx.clock.now()
    owner = ctx.store.buckets.of_domain(domain)
    if owner not in (None, request.bucket):
        raise CnameDenied(hint=f"{domain} belongs to the bucket {owner}.")
    certificate = _read_certificate(cname, format_http_date(now))

    def add(bucket: Bucket) -> Bucket:
        present = bucket.documents.get(name)
        if present is None and not _token(ctx, bucket, domain):
            raise NeedVerifyDomainOwnership(hint=f"Ask for a token first: CreateCnameToken for {domain}.")
        kept = certificate
        if kept is None and present is not None and cname.find("CertificateConfiguration") is None:
            kept = [("Certificate", read_content(each)) for each in parse_setting(present).iter("Certificate")]
        content: Elements = [
            ("Domain", domain),
            ("LastModified", format_iso_date(now)),
            ("Status", "Enabled"),
            *[("IsWildCard", each.text or "") for each in cname.iter("IsWildCard")],
            *(kept or ()),
        ]
        return with_document(name, setting_document("Cname", content), bucket)

    await ctx.store.buckets.update(request.bucket, add)
    return OssResponse(200)


@operation("ListCname", "GET /{bucket}?cname")
async def list_cname(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's domains by name.

    Raises: NoSuchBucket.
    """
    content: list[tuple[str, Content]] = [("Bucket", request.bucket), ("Owner", ctx.config.auth.account_id)]
    for document in named_settings(ctx.store.buckets.get(request.bucket), "cname").values():
        content.append(("Cname", read_content(parse_setting(document))))
    return document_response("ListCnameResult", content)


@operation("DeleteCname", "POST /{bucket}?cname&comp=delete")
async def delete_cname(ctx: Context, request: OssRequest) -> OssResponse:
    """Take a domain away from the bucket, if it has it.

    Raises: NoSuchBucket, InvalidArgument, InvalidDigest, MalformedXML.
    """
    domain = _domain(await _read_cname(request))
    await ctx.store.buckets.update(request.bucket, partial(with_document, f"cname/{domain}", None))
    return OssResponse(200)


async def _read_cname(request: OssRequest) -> Element:
    return parse_setting(await read_setting(request, _SCHEMA))[0]


def _domain(cname: Element) -> str:
    """The domain that a request is about, in lower case. Guess: the message where it can be none."""
    domain = cname.findtext("Domain", "").lower()
    if not _DOMAIN.match(domain):
        raise InvalidArgument(
            "The domain is invalid.",
            hint="<Domain> is a host name such as www.example.com, without scheme and port.",
            ArgumentName="Domain",
            ArgumentValue=domain,
        )
    return domain


def _token(ctx: Context, bucket: Bucket, domain: str) -> str | None:
    """The token's document, unless it has expired."""
    document = bucket.documents.get(f"cnameToken/{domain}")
    if document is None:
        return None
    expires = parse_http_date(parse_setting(document).findtext("ExpireTime", ""))
    return document if expires is not None and ctx.clock.now() < expires else None


def _read_certificate(cname: Element, now: str) -> Elements | None:
    """The Certificate element of what a request brings, `None` where it brings none; the private key is not kept.

    Guess: the message.
    """
    cert_id = cname.findtext("CertificateConfiguration/CertId", "")
    pem = cname.findtext("CertificateConfiguration/Certificate", "")
    if not cert_id and not pem:
        return None
    content = [
        ("Type", "Upload" if pem else "CAS"),
        ("CertId", cert_id),
        ("Status", "Enabled"),
        ("CreationDate", now),
    ]
    if pem:
        from cryptography import x509  # 50 ms that only this operation waits for
        from cryptography.hazmat.primitives.hashes import SHA1

        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError as error:
            raise InvalidArgument(
                "The certificate is invalid.",
                hint=f"<Certificate> is no PEM certificate: {error}.",
                ArgumentName="Certificate",
            ) from error
        content += [
            ("Fingerprint", certificate.fingerprint(SHA1()).hex(":").upper()),
            ("ValidStartDate", format_http_date(certificate.not_valid_before_utc)),
            ("ValidEndDate", format_http_date(certificate.not_valid_after_utc)),
        ]
    return [("Certificate", content)]
