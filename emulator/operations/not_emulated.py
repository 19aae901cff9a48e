"""The operations that OSS has and the emulator has not: a request for one is refused by its name.

A row leaves this file when its operation is written.

Source: the list of operations in the API reference; the operations of the SDKs.
"""

from emulator.operations._table import known

known(
    """
    SelectObject                         POST /{bucket}/{key}?x-oss-process=csv/select
    CreateSelectObjectMeta               POST /{bucket}/{key}?x-oss-process=csv/meta
    AsyncProcessObject                   POST /{bucket}/{key}?x-oss-async-process
    CreateDirectory                      POST /{bucket}/{key}?x-oss-dir
    Rename                               POST /{bucket}/{key}?x-oss-rename
    DeleteDirectory                      POST /{bucket}/{key}?x-oss-delete
    PutObjectRetention                   PUT /{bucket}/{key}?retention
    GetObjectRetention                   GET /{bucket}/{key}?retention
    PutObjectLegalHold                   PUT /{bucket}/{key}?legalHold
    GetObjectLegalHold                   GET /{bucket}/{key}?legalHold
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
    PutBucketRequesterQoSInfo            PUT /{bucket}?requesterQosInfo&qosRequester
    GetBucketRequesterQoSInfo            GET /{bucket}?requesterQosInfo&qosRequester
    ListBucketRequesterQoSInfos          GET /{bucket}?requesterQosInfo
    DeleteBucketRequesterQoSInfo         DELETE /{bucket}?requesterQosInfo&qosRequester
    CreateBucketMetadataConfiguration    POST /{bucket}?metadataConfiguration
    GetBucketMetadataConfiguration       GET /{bucket}?metadataConfiguration
    DeleteBucketMetadataConfiguration    DELETE /{bucket}?metadataConfiguration
    UpdateBucketMetadataInventoryTableConfiguration PUT /{bucket}?metadataInventoryTable
    UpdateBucketMetadataJournalTableConfiguration PUT /{bucket}?metadataJournalTable
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
    DoMetaQueryAction                    POST /{bucket}?MetaQuery
    CreateBucketDataRedundancyTransition POST /{bucket}?redundancyTransition
    GetBucketDataRedundancyTransition    GET /{bucket}?redundancyTransition&x-oss-redundancy-transition-taskid
    ListBucketDataRedundancyTransition   GET /{bucket}?redundancyTransition
    DeleteBucketDataRedundancyTransition DELETE /{bucket}?redundancyTransition
    CreateAccessPoint                    PUT /{bucket}?accessPoint
    GetAccessPoint                       GET /{bucket}?accessPoint
    DeleteAccessPoint                    DELETE /{bucket}?accessPoint
    PutAccessPointPolicy                 PUT /{bucket}?accessPointPolicy
    GetAccessPointPolicy                 GET /{bucket}?accessPointPolicy
    DeleteAccessPointPolicy              DELETE /{bucket}?accessPointPolicy
    PutAccessPointPublicAccessBlock      PUT /{bucket}?publicAccessBlock&x-oss-access-point-name
    GetAccessPointPublicAccessBlock      GET /{bucket}?publicAccessBlock&x-oss-access-point-name
    DeleteAccessPointPublicAccessBlock   DELETE /{bucket}?publicAccessBlock&x-oss-access-point-name
    CreateAccessPointForObjectProcess    PUT /{bucket}?accessPointForObjectProcess
    GetAccessPointForObjectProcess       GET /{bucket}?accessPointForObjectProcess
    DeleteAccessPointForObjectProcess    DELETE /{bucket}?accessPointForObjectProcess
    PostAsyncFetchTask                   POST /{bucket}?asyncFetch
    GetAsyncFetchTask                    GET /{bucket}?asyncFetch
    """
)

known(
    """
    ListAccessPoints                     GET /?accessPoint
    ListAccessPointsForObjectProcess     GET /?accessPointForObjectProcess
    WriteGetObjectResponse               POST /?x-oss-write-get-object-response
    GetUserQoSInfo                       GET /?qosInfo
    ListResourcePools                    GET /?resourcePool
    GetResourcePoolInfo                  GET /?resourcePoolInfo&resourcePool
    ListResourcePoolBuckets              GET /?resourcePoolBuckets&resourcePool
    PutResourcePoolRequesterQoSInfo      PUT /?requesterQosInfo&qosRequester&resourcePool
    GetResourcePoolRequesterQoSInfo      GET /?requesterQosInfo&qosRequester&resourcePool
    ListResourcePoolRequesterQoSInfos    GET /?requesterQosInfo&resourcePool
    DeleteResourcePoolRequesterQoSInfo   DELETE /?requesterQosInfo&qosRequester&resourcePool
    ListUserDataRedundancyTransition     GET /?redundancyTransition
    PutPublicAccessBlock                 PUT /?publicAccessBlock
    GetPublicAccessBlock                 GET /?publicAccessBlock
    DeletePublicAccessBlock              DELETE /?publicAccessBlock
    ListCloudBoxes                       GET /?cloudboxes
    DoDataPipelineAction                 POST /?dataPipeline
    """
)
