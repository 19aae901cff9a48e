"""The query parameters that signature V1 signs: data.

OSS has never published its own list, and every SDK has another one, so the emulator knows the union of them all; which
subset a client has signed is tried out (`emulator.auth.v1`).

Source: the lists in oss2, Python v2, Go v1 and v2, Java v1 and v2, PHP v1 and v2, C# v1 and v2, C++, C, iOS, Android,
Swift v2, ali-oss and Ruby, and the help page "Include signatures in the Authorization header" of 2021.
"""


def _names(*groups: str) -> frozenset[str]:
    return frozenset(" ".join(groups).split())


UNION = _names(
    # in nearly every SDK
    """
    acl append bucketInfo callback callback-var comp continuation-token cors delete encryption inventory inventoryId
    lifecycle location logging objectMeta partNumber policy position referer regionList replication replicationLocation
    replicationProgress requestPayment restore security-token sequential stat style styleName symlink tagging uploadId
    uploads versionId versioning versions website worm wormExtend wormId response-cache-control
    response-content-disposition response-content-encoding response-content-language response-content-type
    response-expires x-oss-process
    """,
    # in several
    """
    accessPoint accessPointPolicy asyncFetch bucketArchiveDirectRead cleanRestoredObject cloudboxes cname endTime
    httpsConfig img live metaQuery policyStatus publicAccessBlock qos qosInfo redundancyTransition resourceGroup rtc
    seal startTime status transferAcceleration udf udfApplication udfApplicationLog udfId udfImage udfImageDesc udfName
    userDefinedLogFieldsConfig vod x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask x-oss-ac-vpc-id
    x-oss-async-process x-oss-redundancy-transition-taskid x-oss-request-payer x-oss-target-redundancy-type
    x-oss-traffic-limit x-oss-write-get-object-response
    """,
    # in one or two
    """
    accessPointConfigForObjectProcess accessPointForObjectProcess accessPointPolicyForObjectProcess action dataPipeline
    group legalHold link metadataConfiguration metadataInventoryTable metadataJournalTable MetaQuery objectInfo
    objectWorm overwriteConfig processConfiguration qosRequester quota regions requesterQosInfo resourcePool
    resourcePoolBuckets resourcePoolInfo responseHeader retention vip vpcip withHashContext x-oss-access-point-name
    x-oss-delete x-oss-dir x-oss-enable-md5 x-oss-enable-sha1 x-oss-enable-sha256 x-oss-hash-ctx x-oss-md5-ctx
    x-oss-rename x-oss-security-token x-oss-sign-origin-only
    """,
    # vector buckets alone
    "DeleteVectorIndex GetVectorIndex ListVectorIndexes PutVectorIndex",
)

# The help page of 2021, which older and smaller SDKs keep to.
BASE = _names(
    """
    acl uploads location cors logging website referer lifecycle delete append tagging objectMeta uploadId partNumber
    security-token position img style styleName replication replicationProgress replicationLocation cname bucketInfo
    comp qos live status vod startTime endTime symlink x-oss-process response-content-type response-content-language
    response-expires response-cache-control response-content-disposition response-content-encoding
    """
)

# The parts of a presigned URL; no list has them, and a client that signs all its parameters leaves them out.
UNSIGNED = frozenset(("OSSAccessKeyId", "Expires", "Signature"))
