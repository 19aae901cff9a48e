"""Every error OSS can answer with: a class a Code, named as the wire spells it.

Raise them where the fact is known; `emulator.app` alone catches them and `emulator.wire.response` turns them into XML.

    raise NoSuchKey(Key=key)
    raise InvalidArgument("no such bucket access control exists", ec="0015-00000204", ArgumentName="x-oss-acl", ...)

An EC is one of OSS's fine-grained codes; Alibaba Cloud says that they may change, so nothing here branches on them.

Source: "Error responses" and the EC pages of the OSS documentation.
"""

from collections.abc import Mapping
from typing import ClassVar


class EmulatorError(Exception):
    """The emulator cannot be what it was told to be: settings, data directory or address are at fault.

    The message is one line that says which. The classes are `emulator.config.ConfigError`, `StoreError` of
    `emulator.storage.store` and `ServerError` of `emulator.server`.
    """


class OssError(Exception):
    """A refusal that the client is told about.

    `status` is the HTTP status, `code` the wire's Code, `message` the wire's Message, `ec` the fine-grained code or
    `None` where it is not known (`ec=""` says so where the class has one). `elements` are the extra XML elements, in
    order. `headers` go out with the answer.
    `hint` is for the developer: what was received, what was expected, what to change; it never changes the wire text.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "OssError"
    message: str = ""
    ec: str | None = None

    def __init_subclass__(cls) -> None:
        cls.code = cls.__dict__.get("code", cls.__name__)

    def __init__(
        self,
        message: str | None = None,
        *,
        ec: str | None = None,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        **elements: object,
    ) -> None:
        if message is not None:
            self.message = message
        if ec is not None:
            self.ec = ec or None
        self.hint = hint
        self.headers: Mapping[str, str] = headers or {}
        self.elements: dict[str, str] = {name: str(value) for name, value in elements.items()}
        super().__init__(self.message)


# --- Names, arguments, bodies ---------------------------------------------------------------------------------------


class InvalidBucketName(OssError):
    """The bucket's name breaks the rule of 3 to 63 lower-case letters, digits and hyphens. Extra: BucketName."""

    message = "The specified bucket is not valid."
    ec = "0015-00000001"


class InvalidObjectName(OssError):
    """The key is empty, too long, not UTF-8, or begins with a slash or a backslash."""

    message = "The specified object is not valid."
    ec = "0016-00000002"


class InvalidArgument(OssError):
    """A parameter, header or field has a value that OSS does not take. Extra: ArgumentName, ArgumentValue."""

    message = "Invalid Argument."


class MissingArgument(OssError):
    """A parameter that the operation needs is absent."""

    message = "Missing Some Required Arguments."
    ec = "0016-00000502"


class InvalidRequest(OssError):
    """The request asks for a combination that OSS does not serve."""

    message = "Invalid Request."


class BadRequest(OssError):
    """The request could not be read as HTTP, or a preflight lacks what it must say."""

    message = "Bad Request."


class MalformedXML(OssError):
    """The body is not the document that the operation wants. Extra: ErrorDetail."""

    message = "The XML you provided was not well-formed or did not validate against our published schema."


class UserKeyMustBeSpecified(OssError):
    """An entry of DeleteMultipleObjects has no key."""

    message = "User key must be specified."
    ec = "0016-00000613"


class InvalidDigest(OssError):
    """Content-MD5 is malformed or does not fit the body. Extra: Content-MD5."""

    message = "The Content-MD5 you specified was invalid."
    ec = "0017-00000503"


class InvalidCRC64(OssError):
    """x-oss-hash-crc64ecma of the request does not fit the body."""

    message = "The x-oss-hash-crc64ecma you specified does not match what we calculated."


class MissingContentLength(OssError):
    """An upload says neither how long its body is nor that it is chunked."""

    status = 411
    message = "You must provide the Content-Length HTTP header."


class IncompleteBody(OssError):
    """The client closed before it had sent the whole body."""

    message = "You did not provide the number of bytes specified by the Content-Length HTTP header."


class RequestTimeout(OssError):
    """The body stalled for longer than `server.idle_timeout_seconds`."""

    message = (
        "Your socket connection to the server was not read from or written to within the timeout period. "
        "Idle connections will be closed."
    )


class EntityTooLarge(OssError):
    """The body is longer than the operation takes."""

    message = "Your proposed upload exceeds the maximum allowed size."


class EntityTooSmall(OssError):
    """The body, or a part that is not the last, is shorter than the operation takes."""

    message = "Your proposed upload smaller than the minimum allowed size."


class InvalidEncryptionAlgorithmError(OssError):
    """The server-side encryption asked for is not one that OSS knows."""

    message = "The Encryption request you specified is not valid. Supported value: AES256/SM4/KMS."


class InvalidDataEncryptionAlgorithmError(OssError):
    """The data encryption asked for beside KMS is not one that OSS knows."""

    message = "The KMS Data Encryption request you specified is not valid. Supported value:SM4"


class InvalidTag(OssError):
    """A tag's key or value breaks the rules, or there are too many tags."""

    message = "The TagKey you have provided is invalid."
    ec = "0010-00000209"


class TooManyTags(OssError):
    """There are more than twenty tags on a bucket."""

    message = "The bucket tags num is beyond limit."


class InvalidTaggingKey(OssError):
    """A tag's key begins as those of OSS itself do."""

    message = "The tagging key you provided is invalid."


class RepeatedTags(OssError):
    """A tag's key comes twice."""

    message = "Tag keys must be unique."
    ec = "0010-00000210"


class InvalidWORMConfiguration(OssError):
    """The retention is not one that the bucket can have."""

    message = "Invalid WORM Configuration."


class ResourceGroupIdPreCheckError(OssError):
    """There can be no such resource group. Guess: the status."""

    message = "The resource group id precheck error"
    ec = "0039-00000003"


class TooManyStyles(OssError):
    """There are more than fifty image styles. Guess: Code and message."""

    message = "The image styles num is beyond limit."


class ImageDamage(OssError):
    """What is to be processed is no image, or a damaged one. Guess: the status."""

    message = "The image file may be damaged."


class ImageTooLarge(OssError):
    """The image has too many bytes or pixels, or would have. Guess: the message."""

    message = "The image is too large."


class NotSymlink(OssError):
    """GetSymlink is for symbolic links alone."""

    message = "The object is not symlink"
    ec = "0043-00000101"


class InvalidTargetType(OssError):
    """A symbolic link leads to another one."""

    message = "The symbolic's target file type is invalid"
    ec = "0026-00000011"


class OperationNotSupported(OssError):
    """The operation is none for an object of this storage class. Extra: Detail."""

    message = "The operation is not supported for this resource"
    ec = "0016-00000702"


class CORSRuleBeyondLimit(OssError):
    """There are more than ten CORS rules."""

    message = "The CORS Rules num is beyond limit."


class InvalidTargetBucketForLogging(OssError):
    """The bucket that a log is to go into does not exist, or is another's."""

    message = "put bucket log requester is not target bucket owner."


class InvalidLocationConstraint(OssError):
    """PutBucket names a region that does not exist here."""

    message = "The specified location-constraint is not valid"


# --- Forms ----------------------------------------------------------------------------------------------------------


class RequestIsNotMultiPartContent(OssError):
    """A POST to a bucket is no multipart/form-data, or does not name its boundary."""

    message = "Bucket POST must be of the enclosure-type multipart/form-data."


class MalformedPOSTRequest(OssError):
    """The body of a form is not multipart/form-data as it should be, or ends too early."""

    message = "The body of your POST request is not well-formed multipart/form-data."
    ec = "0006-00000104"


class FieldItemTooLong(OssError):
    """A field's name is longer than 8 KiB, or its value than 2 MiB."""

    message = "Your name of form field is too long."


class MaxPOSTPreDataLengthExceededError(OssError):
    """What stands before the file is longer than 8 MiB."""

    message = "Your POST request fields preceding the upload file were too large."
    ec = "0006-00000112"


class IncorrectNumberOfFilesInPOSTRequest(OssError):
    """The form has no field called `file`, or two."""

    message = "POST requires exactly one file upload per request."


class InvalidPolicyDocument(OssError):
    """The policy of a form or a bucket cannot be read, or is not of the shape that it must have."""

    message = "Invalid Policy."


class InlineDataTooLarge(OssError):
    """The policy of a bucket is too long."""

    message = "Inline data exceeds the maximum allowed size."


# --- Access ---------------------------------------------------------------------------------------------------------


class AccessDenied(OssError):
    """Whoever this is may not do that; the message says why."""

    status = 403
    message = "You have no right to access this object because of bucket acl."
    ec = "0003-00000001"


class InvalidAccessKeyId(OssError):
    """Nobody has this access key id. Extra: OSSAccessKeyId."""

    status = 403
    message = "The OSS Access Key Id you provided does not exist in our records."
    ec = "0002-00000902"


class SignatureDoesNotMatch(OssError):
    """The request was signed with another secret, or changed on its way. Extra: what we signed ourselves."""

    status = 403
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    ec = "0002-00000040"


class RequestTimeTooSkewed(OssError):
    """The clocks differ by more than a quarter of an hour. Extra: the limit and both times."""

    status = 403
    message = "The difference between the request time and the current time is too large."
    ec = "0002-00000504"


class SecurityTokenExpired(OssError):
    """The STS token's time is over. Extra: SecurityToken."""

    status = 403
    message = "The security token you provided has expired."
    ec = "0002-00000007"


class InvalidSecurityToken(OssError):
    """Nobody issued this STS token."""

    status = 403
    message = "The security token you provided is invalid."
    ec = "0002-00000006"


class AccessKeyIdAndSecurityTokenNotMatch(OssError):
    """The STS token belongs to another access key, or comes with a permanent one."""

    status = 403
    message = "The OSS access key id and security token you provided does not match."
    ec = "0002-00000004"


class CnameDenied(OssError):
    """The domain belongs to another bucket. Guess: the message."""

    status = 403
    message = "The cname is denied."


class NeedVerifyDomainOwnership(OssError):
    """Nobody has shown that the domain belongs to the owner of the bucket. Guess: the message."""

    status = 403
    message = "The domain ownership needs to be verified."
    ec = "0018-00000115"


class WORMConfigurationLocked(OssError):
    """The retention is locked: it can be extended, and nothing else."""

    status = 403
    message = "The WORM Configuration is locked."


class AccessForbidden(OssError):
    """The bucket's CORS rules do not allow what a preflight asks for."""

    status = 403
    message = (
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, "
        "request method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted "
        "by the resource's CORS spec."
    )
    ec = "0003-00000602"


class InvalidObjectState(OssError):
    """The object is archived: it cannot be read before it has been restored."""

    status = 403
    message = "The operation is not valid for the object's state"
    ec = "0016-00000404"


# --- Missing things -------------------------------------------------------------------------------------------------


class NoSuchBucket(OssError):
    """No bucket has this name. Extra: BucketName."""

    status = 404
    message = "The specified bucket does not exist."
    ec = "0015-00000101"


class NoSuchKey(OssError):
    """No object has this key. Extra: Key."""

    status = 404
    message = "The specified key does not exist."
    ec = "0026-00000001"


class NoSuchVersion(OssError):
    """The object has no such version. Extra: Key, VersionId."""

    status = 404
    message = "The specified version does not exist."


class NoSuchBucketPolicy(OssError):
    """Nobody has given the bucket a policy. Extra: BucketName."""

    status = 404
    message = "The specified bucket policy does not exist."


class SymlinkTargetNotExist(OssError):
    """A symbolic link leads to a key that no object has."""

    status = 404
    message = "The symlink target object does not exist"
    ec = "0026-00000012"


class NoSuchCORSConfiguration(OssError):
    """Nobody has set CORS rules on the bucket. Extra: BucketName."""

    status = 404
    message = "The CORS Configuration does not exist."
    ec = "0034-00000001"


class NoSuchServerSideEncryptionRule(OssError):
    """Nobody has set a default encryption on the bucket. Extra: BucketName."""

    status = 404
    message = "The server side encryption configuration was not found."


class NoSuchTransferAccelerationConfiguration(OssError):
    """Nobody has set transfer acceleration on the bucket. Extra: BucketName."""

    status = 404
    message = "The bucket you specified does not have transfer acceleration configuration."


class NoSuchArchiveDirectReadConfiguration(OssError):
    """Nobody has set direct reading of archived objects on the bucket. Extra: BucketName. Guess: the message."""

    status = 404
    message = "The bucket you specified does not have archive direct read configuration."


class NoSuchUserDefinedLogFieldsConfig(OssError):
    """Nobody has said which fields the bucket's log has. Extra: BucketName. Guess: Code and message."""

    status = 404
    message = "The bucket you specified does not have user defined log fields configuration."


class NoSuchBucketOverwriteConfig(OssError):
    """Nobody has forbidden overwriting in the bucket. Extra: BucketName. Guess: Code and message."""

    status = 404
    message = "The bucket you specified does not have overwrite configuration."


class NoSuchBucketQosInfo(OssError):
    """Nobody has limited the bucket's bandwidth. Extra: BucketName. Guess: Code and message."""

    status = 404
    message = "The bucket you specified does not have qos info configuration."


class NoSuchBucketStorageQuota(OssError):
    """Nobody has limited the bucket's size. Extra: BucketName. Guess: Code and message."""

    status = 404
    message = "The bucket you specified does not have storage quota configuration."


class NoSuchInventory(OssError):
    """The bucket has no such inventory."""

    status = 404
    message = "No Row found in Inventory Table."


class NoSuchStyle(OssError):
    """The bucket has no such image style."""

    status = 404
    message = "No Such Image Style."


class NoSuchWORMConfiguration(OssError):
    """The bucket has no retention, or not the one that is meant."""

    status = 404
    message = "The WORM Configuration does not exist."


class CnameTokenNotFound(OssError):
    """Nobody has asked for a token for the domain, or it has expired. Guess: the message."""

    status = 404
    message = "The cname token does not exist."


class NoSuchRegion(OssError):
    """There is no such region here. Guess: the message."""

    status = 404
    message = "The specified region does not exist."


class BucketCallbackPolicyNotExist(OssError):
    """The bucket has no callback policies, or not the one that a callback names. Guess: the message."""

    status = 404
    message = "The bucket callback policy does not exist."


class NoSuchLifecycle(OssError):
    """Nobody has set lifecycle rules on the bucket. Extra: BucketName."""

    status = 404
    message = "No Row found in Lifecycle Table."


class NoSuchWebsiteConfiguration(OssError):
    """The bucket is no website. Extra: BucketName."""

    status = 404
    message = "The specified bucket does not have a website configuration."


# --- Method, precondition, conflict, range --------------------------------------------------------------------------


class MethodNotAllowed(OssError):
    """The resource knows no such method. Extra: Method, ResourceType; header Allow."""

    status = 405
    message = "The specified method is not allowed against this resource."
    ec = "0017-00000001"


class NotModified(OssError):
    """A conditional read finds nothing newer: no body, only headers."""

    status = 304
    message = "Not Modified"


class PreconditionFailed(OssError):
    """A condition of the request does not hold. Extra: Condition."""

    status = 412
    message = "At least one of the pre-conditions you specified did not hold."
    ec = "0017-00001001"


class InvalidRange(OssError):
    """No byte of the object lies in the range asked for."""

    status = 416
    message = "The requested range cannot be satisfied"


class BucketAlreadyExists(OssError):
    """The name is taken, or an existing bucket would change its nature. Extra: BucketName."""

    status = 409
    message = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )
    ec = "0015-00000104"


class BucketNotEmpty(OssError):
    """The bucket still holds objects or uploads. Extra: BucketName."""

    status = 409
    message = "The bucket has objects. Please delete them first."
    ec = "0015-00000301"


class FileAlreadyExists(OssError):
    """x-oss-forbid-overwrite is true and the key is taken."""

    status = 409
    message = "The object you specified already exists and can not be overwritten."
    ec = "0026-00000002"


class FileImmutable(OssError):
    """The bucket's retention keeps the object from being changed or deleted."""

    status = 409
    message = "The object you specified is immutable."


class InventoryConfigurationAlreadyExists(OssError):
    """The bucket has an inventory of this id. Guess: the message."""

    status = 409
    message = "The inventory configuration already exists."


class WORMConfigurationAlreadyExists(OssError):
    """The bucket has a retention already. Guess: the message."""

    status = 409
    message = "The WORM Configuration already exists."


class PositionNotEqualToLength(OssError):
    """AppendObject says another position than where the object ends, which `x-oss-next-append-position` says."""

    status = 409
    message = "Position is not equal to file length"
    ec = "0026-00000016"


class ObjectNotAppendable(OssError):
    """The object was not made by AppendObject."""

    status = 409
    message = "The object is not appendable"
    ec = "0026-00000017"


class AppendSealedObjectNotAllowed(OssError):
    """The object has been sealed: nothing can be appended to it any more. Guess: the message."""

    status = 409
    message = "The object has been sealed, append is not allowed"


class RestoreAlreadyInProgress(OssError):
    """The object is being restored already."""

    status = 409
    message = "The restore operation is in progress."
    ec = "0016-00000701"


class ArchiveRestoreFileStale(OssError):
    """CleanRestoredObject is for an object that has been restored, and is so still."""

    status = 409
    message = "The archive file or restore info stale"
    ec = "0016-00000718"


class ArchiveRestoreNotFinished(OssError):
    """CleanRestoredObject comes before the object is restored."""

    status = 409
    message = "The archive file's restore is not finished."
    ec = "0016-00000719"


# --- Multipart uploads ----------------------------------------------------------------------------------------------


class NoSuchUpload(OssError):
    """There is no upload of this id and key, or none any more. Extra: UploadId."""

    status = 404
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )
    ec = "0017-00000244"


class InvalidPart(OssError):
    """A part that is to be completed was not uploaded, or is another one. Extras: ETag, PartNumber, UploadId."""

    message = (
        "One or more of the specified parts could not be found or the specified entity tag might not have matched the "
        "part's entity tag."
    )


class InvalidPartOrder(OssError):
    """The parts are not listed in ascending order of their numbers. Extra: UploadId."""

    message = "The list of parts was not in ascending order. Parts list must specified in order by part number."
    ec = "0042-00000209"


# --- Callback, server -----------------------------------------------------------------------------------------------


class CallbackFailed(OssError):
    """The object is stored, but the application server did not answer as it must."""

    status = 203
    message = "Error status : 502."
    ec = "0007-00000203"


class MirrorFailed(OssError):
    """A routing rule says that the object is to be fetched from elsewhere, and that was not possible."""

    status = 424
    message = "Mirroring failed, please check your mirror configuration."


class InternalError(OssError):
    """Our own mistake, or the machine's: the log has the cause under the request id."""

    status = 500
    message = "Please contact the server administrator, oss@service.aliyun.com."


class ServiceUnavailable(OssError):
    """OSS is overloaded; clients try again. The emulator never is: this is for failures on demand, as the next ones."""

    status = 503
    message = "Thread pool is almost full, please retry later."


class DownloadTrafficRateLimitExceeded(OssError):
    """The account reads faster than it may."""

    status = 503
    message = "Please reduce your download request traffic."


class UploadTrafficRateLimitExceeded(OssError):
    """The account writes faster than it may."""

    status = 503
    message = "Please reduce your upload request traffic."


class TotalQpsLimitExceeded(OssError):
    """The account sends more requests a second than it may."""

    status = 503
    message = "Max total qps limit is exceeded."


class MetaOperationQpsLimitExceeded(OssError):
    """The account sends more requests about buckets a second than it may."""

    status = 503
    message = "Qps limit for the meta operation is exceeded."


class ActiveRequestLimitExceeded(OssError):
    """The account has more requests under way than it may."""

    status = 503
    message = "Max active request limit is exceeded."


class CpuLimitExceeded(OssError):
    """The account costs OSS more than it may."""

    status = 503
    message = "Please reduce your request rate."


class InsufficientStorage(OssError):
    """The disk below the data directory is full; nothing was stored.

    Guess: OSS has no such Code, because its disks do not fill up; clients treat any 500 as worth another try.
    """

    status = 500
    message = "The disk that holds the data directory is full."


class OperationNotImplemented(OssError):
    """OSS can do this, the emulator cannot; the message names it, and `operation` where it is a whole one."""

    status = 501
    code = "NotImplemented"
    message = "The operation is not implemented by the emulator."
    operation: str = ""


BY_CODE: dict[str, type[OssError]] = {error.code: error for error in OssError.__subclasses__()}
"""Every error by the wire's Code. `NotImplemented` is that of an operation."""
