"""The operations that OSS has and the emulator has not: a request for one is refused by its name.

A row leaves this file when its operation is written.

Source: the list of operations in the API reference; the operations of the SDKs.
"""

from emulator.operations._table import known

known(
    """
    SealAppendObject                     POST /{bucket}/{key}?seal
    PutSymlink                           PUT /{bucket}/{key}?symlink
    GetSymlink                           GET /{bucket}/{key}?symlink
    PutObjectTagging                     PUT /{bucket}/{key}?tagging
    GetObjectTagging                     GET /{bucket}/{key}?tagging
    DeleteObjectTagging                  DELETE /{bucket}/{key}?tagging
    RestoreObject                        POST /{bucket}/{key}?restore
    CleanRestoredObject                  POST /{bucket}/{key}?cleanRestoredObject
    ProcessImage                         GET /{bucket}/{key}?x-oss-process
    ProcessObject                        POST /{bucket}/{key}?x-oss-process
    AsyncProcessObject                   POST /{bucket}/{key}?x-oss-async-process
    CreateDirectory                      POST /{bucket}/{key}?x-oss-dir
    Rename                               POST /{bucket}/{key}?x-oss-rename
    DeleteDirectory                      POST /{bucket}/{key}?x-oss-delete
    PutLiveChannel                       PUT /{bucket}/{key}?live
    GetLiveChannelInfo                   GET /{bucket}/{key}?live
    GetLiveChannelStat                   GET /{bucket}/{key}?live&comp=stat
    GetLiveChannelHistory                GET /{bucket}/{key}?live&comp=history
    DeleteLiveChannel                    DELETE /{bucket}/{key}?live
    PostVodPlaylist                      POST /{bucket}/{key}?vod
    GetVodPlaylist                       GET /{bucket}/{key}?vod
    """
)

known(
    """
    PutBucketLifecycle                   PUT /{bucket}?lifecycle
    GetBucketLifecycle                   GET /{bucket}?lifecycle
    DeleteBucketLifecycle                DELETE /{bucket}?lifecycle
    PutBucketTags                        PUT /{bucket}?tagging
    GetBucketTags                        GET /{bucket}?tagging
    DeleteBucketTags                     DELETE /{bucket}?tagging
    PutUserDefinedLogFieldsConfig        PUT /{bucket}?userDefinedLogFieldsConfig
    GetUserDefinedLogFieldsConfig        GET /{bucket}?userDefinedLogFieldsConfig
    DeleteUserDefinedLogFieldsConfig     DELETE /{bucket}?userDefinedLogFieldsConfig
    PutBucketWebsite                     PUT /{bucket}?website
    GetBucketWebsite                     GET /{bucket}?website
    DeleteBucketWebsite                  DELETE /{bucket}?website
    PutBucketReferer                     PUT /{bucket}?referer
    GetBucketReferer                     GET /{bucket}?referer
    PutBucketPolicy                      PUT /{bucket}?policy
    GetBucketPolicy                      GET /{bucket}?policy
    DeleteBucketPolicy                   DELETE /{bucket}?policy
    GetBucketPolicyStatus                GET /{bucket}?policyStatus
    PutBucketCallbackPolicy              PUT /{bucket}?policy&comp=callback
    GetBucketCallbackPolicy              GET /{bucket}?policy&comp=callback
    DeleteBucketCallbackPolicy           DELETE /{bucket}?policy&comp=callback
    PutBucketEncryption                  PUT /{bucket}?encryption
    GetBucketEncryption                  GET /{bucket}?encryption
    DeleteBucketEncryption               DELETE /{bucket}?encryption
    PutBucketInventory                   PUT /{bucket}?inventory&inventoryId
    GetBucketInventory                   GET /{bucket}?inventory&inventoryId
    ListBucketInventory                  GET /{bucket}?inventory
    DeleteBucketInventory                DELETE /{bucket}?inventory&inventoryId
    InitiateBucketWorm                   POST /{bucket}?worm
    AbortBucketWorm                      DELETE /{bucket}?worm
    CompleteBucketWorm                   POST /{bucket}?wormId
    ExtendBucketWorm                     POST /{bucket}?wormId&wormExtend
    GetBucketWorm                        GET /{bucket}?worm
    PutBucketObjectWormConfiguration     PUT /{bucket}?objectWorm
    GetBucketObjectWormConfiguration     GET /{bucket}?objectWorm
    PutBucketPublicAccessBlock           PUT /{bucket}?publicAccessBlock
    GetBucketPublicAccessBlock           GET /{bucket}?publicAccessBlock
    DeleteBucketPublicAccessBlock        DELETE /{bucket}?publicAccessBlock
    PutBucketTransferAcceleration        PUT /{bucket}?transferAcceleration
    GetBucketTransferAcceleration        GET /{bucket}?transferAcceleration
    PutBucketQoSInfo                     PUT /{bucket}?qosInfo
    GetBucketQoSInfo                     GET /{bucket}?qosInfo
    DeleteBucketQoSInfo                  DELETE /{bucket}?qosInfo
    PutBucketStorageCapacity             PUT /{bucket}?qos
    GetBucketStorageCapacity             GET /{bucket}?qos
    PutBucketResourceGroup               PUT /{bucket}?resourceGroup
    GetBucketResourceGroup               GET /{bucket}?resourceGroup
    PutBucketHttpsConfig                 PUT /{bucket}?httpsConfig
    GetBucketHttpsConfig                 GET /{bucket}?httpsConfig
    PutBucketArchiveDirectRead           PUT /{bucket}?archiveDirectRead
    GetBucketArchiveDirectRead           GET /{bucket}?archiveDirectRead
    PutBucketOverwriteConfig             PUT /{bucket}?overwriteConfig
    GetBucketOverwriteConfig             GET /{bucket}?overwriteConfig
    DeleteBucketOverwriteConfig          DELETE /{bucket}?overwriteConfig
    PutStyle                             PUT /{bucket}?style&styleName
    GetStyle                             GET /{bucket}?style&styleName
    ListStyle                            GET /{bucket}?style
    DeleteStyle                          DELETE /{bucket}?style&styleName
    CreateCnameToken                     POST /{bucket}?cname&comp=token
    GetCnameToken                        GET /{bucket}?cname&comp=token
    PutCname                             POST /{bucket}?cname&comp=add
    ListCname                            GET /{bucket}?cname
    DeleteCname                          POST /{bucket}?cname&comp=delete
    PutBucketReplication                 POST /{bucket}?replication&comp=add
    GetBucketReplication                 GET /{bucket}?replication
    DeleteBucketReplication              POST /{bucket}?replication&comp=delete
    GetBucketReplicationLocation         GET /{bucket}?replicationLocation
    GetBucketReplicationProgress         GET /{bucket}?replicationProgress
    PutBucketRTC                         PUT /{bucket}?rtc
    OpenMetaQuery                        POST /{bucket}?metaQuery&comp=add
    DoMetaQuery                          POST /{bucket}?metaQuery&comp=query
    GetMetaQueryStatus                   GET /{bucket}?metaQuery
    CloseMetaQuery                       POST /{bucket}?metaQuery&comp=delete
    CreateBucketDataRedundancyTransition PUT /{bucket}?redundancyTransition
    GetBucketDataRedundancyTransition    GET /{bucket}?redundancyTransition&x-oss-redundancy-transition-taskid
    ListBucketDataRedundancyTransition   GET /{bucket}?redundancyTransition
    DeleteBucketDataRedundancyTransition DELETE /{bucket}?redundancyTransition
    CreateAccessPoint                    PUT /{bucket}?accessPoint
    GetAccessPoint                       GET /{bucket}?accessPoint
    DeleteAccessPoint                    DELETE /{bucket}?accessPoint
    PutAccessPointPolicy                 PUT /{bucket}?accessPointPolicy
    GetAccessPointPolicy                 GET /{bucket}?accessPointPolicy
    DeleteAccessPointPolicy              DELETE /{bucket}?accessPointPolicy
    CreateAccessPointForObjectProcess    PUT /{bucket}?accessPointForObjectProcess
    GetAccessPointForObjectProcess       GET /{bucket}?accessPointForObjectProcess
    DeleteAccessPointForObjectProcess    DELETE /{bucket}?accessPointForObjectProcess
    ListLiveChannel                      GET /{bucket}?live
    PostAsyncFetchTask                   POST /{bucket}?asyncFetch
    GetAsyncFetchTask                    GET /{bucket}?asyncFetch
    """
)

known(
    """
    DescribeRegions                      GET /?regions
    ListAccessPoints                     GET /?accessPoint
    ListAccessPointsForObjectProcess     GET /?accessPointForObjectProcess
    ListUserDataRedundancyTransition     GET /?redundancyTransition
    PutPublicAccessBlock                 PUT /?publicAccessBlock
    GetPublicAccessBlock                 GET /?publicAccessBlock
    DeletePublicAccessBlock              DELETE /?publicAccessBlock
    """
)
