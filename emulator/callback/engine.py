"""CallbackEngine: an upload that is stored and a callback that was asked for, to the answer that the uploader gets."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from emulator import config
from emulator.callback import hints, refusals
from emulator.callback.dispatch import Dispatcher, Verdict
from emulator.callback.head import PUBLIC_KEY_PATH, request_headers
from emulator.callback.image_info import read_image_info
from emulator.callback.journal import Journal
from emulator.callback.record import Attempt, CallbackRecord, content
from emulator.callback.refusals import Refusal
from emulator.callback.signature import Signer, string_to_sign
from emulator.callback.spec import CallbackSpec, encode, parse_callback
from emulator.callback.template import IMAGE_VARIABLES, Value
from emulator.callback.url import CallbackUrl, is_private
from emulator.clock import Clock
from emulator.faults import Faults

# Each callback in flight holds two connections, and a process has 1,024 descriptors. Guess: OSS's own bound is unknown.
MAX_IN_FLIGHT = 400

RECORDS_PATH = "/_emulator/callbacks/"

_INTERRUPTED = Refusal("The emulator stopped before the callback had ended.", "")

logger = logging.getLogger("emulator.callback")


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """The upload that is told about. `content_md5` is base64, `""` where OSS gives none (multipart).

    `image` opens the stored bytes; it is called in a thread, and only when the template asks for image information.
    """

    operation: str
    bucket: str
    object: str
    etag: str
    size: int
    mime_type: str
    crc64: int
    content_md5: str
    request_id: str
    client_ip: str
    image: Callable[[], BinaryIO] | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the uploader is to be answered: `body` and `content_type` with 200, or `message` and `ec` with 203.

    `hint` explains a failure, and says what else about the callback is hardly meant.
    """

    is_success: bool
    body: bytes = b""
    content_type: str = ""
    message: str = ""
    ec: str = ""
    hint: str = ""


class _Delivery:
    """One callback under way: what the record will say of it so far.

    `original` is the record of the callback that is sent again, `id` then the new record's.
    """

    def __init__(
        self,
        spec: CallbackSpec,
        upload: Upload,
        started: datetime,
        *,
        id: str | None = None,  # noqa: A002 - the record's own word
        original: CallbackRecord | None = None,
    ) -> None:
        self.id = id or upload.request_id
        self.spec = spec
        self.upload = upload
        self.started = started
        self.replay_of = None if original is None else original.id
        self.variables: dict[str, Value] = {**_system_variables(upload), **spec.variables}
        if original is not None:  # an image's too, whose object may have gone
            self.variables |= original.variables
        self.body = b""
        self.string_to_sign = b""
        self.attempts: list[Attempt] = []
        self.earlier: list[str] = []  # why the URLs before the last one did not count
        self.verdict = Verdict(_INTERRUPTED)

    def remarks(self) -> tuple[str, ...]:
        """What else there is to say: of the URLs tried before, of the answer, of the parameters."""
        return (*self.earlier, *self.verdict.remarks, *self.spec.warnings)

    def outcome(self) -> Outcome:
        """The answer to the uploader."""
        verdict = self.verdict
        hint = " ".join(text for text in (verdict.hint, *self.remarks()) if text)
        if verdict.refusal is None:
            return Outcome(is_success=True, body=verdict.body, content_type=verdict.content_type, hint=hint)
        return Outcome(is_success=False, message=verdict.refusal.message, ec=verdict.refusal.ec, hint=hint)

    def record(self, body_limit: int) -> CallbackRecord:
        """What the journal keeps."""
        outcome = self.outcome()
        body, is_truncated = content(self.body, body_limit)
        return CallbackRecord(
            id=self.id,
            time=self.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            operation=self.upload.operation,
            bucket=self.upload.bucket,
            object=self.upload.object,
            callback=self.spec.parameters,
            variables=self.variables,
            body=body,
            string_to_sign=content(self.string_to_sign, body_limit)[0],
            truncated=is_truncated,
            attempts=tuple(self.attempts),
            outcome="success" if outcome.is_success else "failed",
            status=200 if outcome.is_success else 203,
            message=outcome.message,
            ec=outcome.ec,
            hint=outcome.hint,
            replay_of=self.replay_of,
        )


class CallbackEngine:
    """Expands, signs, sends and records callbacks. `endpoint` gives the emulator's own base URL, known after start.

    Raises:
        ConfigError: a file that the settings name is not there.
    """

    def __init__(
        self,
        settings: config.Callback,
        limits: config.Limits,
        *,
        is_strict: bool,
        account_id: str,
        clock: Clock,
        faults: Faults,
        journal: Journal,
        signer: Signer,
        endpoint: Callable[[], str],
    ) -> None:
        if isinstance(settings.tls_verify, str) and not Path(settings.tls_verify).is_file():
            raise config.ConfigError(f"callback.tls_verify: no file {settings.tls_verify}")
        self._settings = settings
        self._body_limit = limits.record_body_bytes
        self._is_strict = is_strict
        forbid = settings.forbid_private_addresses
        self._forbids_private = is_strict if forbid is None else forbid
        self._account_id = account_id
        self._clock = clock
        self._endpoint = endpoint
        self._dispatcher = Dispatcher(
            settings, clock=clock, faults=faults, record_body_bytes=limits.record_body_bytes, is_strict=is_strict
        )
        self._in_flight: set[asyncio.Task[None]] = set()
        self.journal = journal
        self.signer = signer

    async def check(self, spec: CallbackSpec) -> None:
        """Look where a callback would go, before anything is stored.

        A host that does not resolve is refused in profile real only: offline, every public name fails to. Guess: one
        private address among several URLs is enough to refuse.

        Raises:
            InvalidArgument: a host does not resolve, or has a private address and those are forbidden.
        """
        await self.signer.load()  # a key that cannot be read stops the upload while nothing is stored
        if not (self._is_strict or self._forbids_private):
            return
        for url in spec.urls:
            try:
                addresses = await self._resolve(url)
            except (OSError, UnicodeError) as error:
                if self._is_strict:
                    hint = hints.not_resolved(url, error or "no answer in time")
                    raise refusals.HOST_UNRESOLVED.error(hint, **_argument(url)) from None
                continue
            for address in addresses if self._forbids_private else ():
                if is_private(address):
                    hint = hints.private_address(url, address)
                    raise refusals.ADDRESS_PRIVATE.error(hint, **_argument(url))

    async def call(self, spec: CallbackSpec, upload: Upload) -> Outcome:
        """Send the callback and say what to answer. It is finished and recorded even if the caller is cancelled."""
        delivery = _Delivery(spec, upload, self._clock.now())
        await self._finish(delivery)
        return delivery.outcome()

    async def replay(
        self,
        original: CallbackRecord,
        *,
        id: str,  # noqa: A002 - the record's own word
        to: CallbackUrl | None = None,
    ) -> CallbackRecord:
        """Send a recorded callback again: the same body, freshly dated and signed; to another URL if `to` is one.

        Body and `x-oss-request-id` name the upload, as they did; only the record has an `id` of its own.

        Raises:
            InvalidArgument: the settings of today refuse it, as they would the upload.
        """
        custom = {name: value for name, value in original.variables.items() if name.startswith("x:")}
        asked = {
            name: value for name, value in original.callback.items() if name != "callbackPolicy"
        }  # it is filled in
        spec = parse_callback(encode(asked), encode(custom), empty_url="error", is_strict=self._is_strict)
        assert spec is not None  # what has a record had a URL
        spec = msgspec.structs.replace(spec, parameters=original.callback)
        if to is not None:
            spec = msgspec.structs.replace(spec, urls=(to,))
        await self.check(spec)
        delivery = _Delivery(spec, _upload(original), self._clock.now(), id=id, original=original)
        await self._finish(delivery)
        return delivery.record(self._body_limit)

    async def close(self, timeout_seconds: float) -> None:
        """Wait for callbacks in flight, at most so long; the rest is broken off, and recorded so."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=timeout_seconds)
        for task in self._in_flight:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        await self._dispatcher.close()
        await self.journal.close()

    async def _finish(self, delivery: _Delivery) -> None:
        """Deliver in a task of its own, which goes on if the caller does not."""
        task = asyncio.create_task(self._deliver(delivery))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        await asyncio.shield(task)

    async def _deliver(self, delivery: _Delivery) -> None:
        try:
            if len(self._in_flight) > MAX_IN_FLIGHT:
                delivery.verdict = Verdict(refusals.TOO_MANY_CALLBACKS, hints.too_many(MAX_IN_FLIGHT))
            else:
                await self._expand_and_send(delivery)
        finally:
            await self.journal.add(delivery.record(self._body_limit))
        self._report(delivery)

    async def _expand_and_send(self, delivery: _Delivery) -> None:
        """Fill in the template, then try each URL until one answers well."""
        spec, upload = delivery.spec, delivery.upload
        if upload.image is not None and not IMAGE_VARIABLES.isdisjoint(spec.body.names):
            try:
                delivery.variables.update(await asyncio.to_thread(_image_variables, upload.image))
            except OSError as error:
                delivery.verdict = Verdict(refusals.IMAGE_UNREADABLE, hints.image_unreadable(error))
                return
        delivery.body = spec.body.expand(delivery.variables, spec.encoding)
        for index, url in enumerate(spec.urls):
            if delivery.verdict.hint:
                delivery.earlier.append(
                    f"Before that, URL {index} ({spec.urls[index - 1].text}): {delivery.verdict.hint}"
                )
            delivery.string_to_sign = string_to_sign(url.target, delivery.body)
            headers = await self._headers(delivery, url)
            occasion = upload.operation, upload.bucket, upload.object
            attempt, delivery.verdict = await self._dispatcher.post(
                url, headers, delivery.body, sni=spec.sni, occasion=occasion
            )
            delivery.attempts.append(attempt)
            if delivery.verdict.refusal is None or delivery.verdict.is_final:
                return

    async def _headers(self, delivery: _Delivery, url: CallbackUrl) -> list[tuple[str, str]]:
        """Every header of the request, the signature among them."""
        return request_headers(
            delivery.spec,
            url,
            delivery.body,
            bucket=delivery.upload.bucket,
            request_id=delivery.upload.request_id,
            account_id=self._account_id,
            public_key_url=self._settings.public_key_url or self._endpoint() + PUBLIC_KEY_PATH,
            authorization=await self.signer.sign(delivery.string_to_sign),
            host_includes_port=self._settings.host_includes_port,
            now=self._clock.now(),
        )

    def _report(self, delivery: _Delivery) -> None:
        """One line on a success, a warning on a 203, and a warning for each thing that is hardly meant."""
        upload, verdict, attempts = delivery.upload, delivery.verdict, delivery.attempts
        name = f"{delivery.id} callback of {upload.operation} {upload.bucket}/{upload.object}"
        if delivery.replay_of is not None:
            name += f" (a replay of {delivery.replay_of})"
        for remark in delivery.remarks():
            logger.warning("%s: %s", name, remark)
        if verdict.refusal is not None:
            logger.warning(
                "%s failed: 203 CallbackFailed %r, the object is stored. Tried %s%s. %s The whole exchange: %s%s%s",
                name,
                verdict.refusal.message,
                ", ".join(attempt.url for attempt in attempts) or "nothing",
                _private_remark(attempts),
                verdict.hint,
                self._endpoint(),
                RECORDS_PATH,
                delivery.id,
            )
            return
        logger.info(
            "%s: %s answered 200 in %g ms%s%s",
            name,
            attempts[-1].url,
            attempts[-1].milliseconds,
            _failed_before(len(attempts) - 1),
            _private_remark(attempts[-1:]),
        )

    async def _resolve(self, url: CallbackUrl) -> list[str]:
        """The IPv4 addresses of a URL's host."""
        async with asyncio.timeout(self._settings.timeout_seconds):
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, url.port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
        return [str(ipaddress.ip_address(address[0])) for *_, address in found]


def _argument(url: CallbackUrl) -> dict[str, str]:
    return {"ArgumentName": "callbackUrl", "ArgumentValue": url.text}


def _upload(record: CallbackRecord) -> Upload:
    """The upload that a record tells about."""
    variables = record.variables
    return Upload(
        operation=record.operation,
        bucket=record.bucket,
        object=record.object,
        etag=str(variables["etag"]),
        size=int(variables["size"] or 0),
        mime_type=str(variables["mimeType"]),
        crc64=int(variables["crc64"] or 0),
        content_md5=str(variables["contentMd5"] or ""),
        request_id=str(variables["reqId"]),
        client_ip=str(variables["clientIp"]),
    )


def _system_variables(upload: Upload) -> dict[str, Value]:
    """What OSS fills in of its own accord; the image's come later, the VPC never."""
    return {
        "bucket": upload.bucket,
        "object": upload.object,
        "etag": upload.etag,
        "size": upload.size,
        "mimeType": upload.mime_type,
        "imageInfo.height": None,
        "imageInfo.width": None,
        "imageInfo.format": None,
        "crc64": upload.crc64,
        "contentMd5": upload.content_md5 or None,
        "vpcId": None,
        "clientIp": upload.client_ip,
        "reqId": upload.request_id,
        "operation": upload.operation,
    }


def _image_variables(image: Callable[[], BinaryIO]) -> Mapping[str, Value]:
    """The image's variables; none for what is no image. Blocks.

    Raises:
        OSError: the stored bytes cannot be opened.
    """
    with image() as file:
        info = read_image_info(file)
    if info is None:
        return {}
    return {"imageInfo.height": info.height, "imageInfo.width": info.width, "imageInfo.format": info.format}


def _failed_before(count: int) -> str:
    return f" after {count} URL{'s' if count > 1 else ''} that failed" if count else ""


def _private_remark(attempts: Sequence[Attempt]) -> str:
    """The reminder that a local address works here and not with OSS, which would not even have stored the object."""
    for attempt in attempts:
        if attempt.address is not None and is_private(attempt.address.partition(":")[0]):
            return f" (OSS would have refused this: {attempt.address} is a private address)"
    return ""
