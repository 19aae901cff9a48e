"""What everything else speaks of: buckets, objects, principals. Frozen values, no behaviour, no wire spelling.

Inside the emulator an ETag has no quotes, a key is decoded text, a time is an aware UTC `datetime`, a size is an `int`
of bytes, a digest is raw `bytes`. `emulator.wire` alone turns these into OSS's spelling.
"""

from emulator.model.bucket import Bucket, BucketStat, BucketWorm, CallbackPolicy
from emulator.model.cors import CorsConfiguration, CorsRule
from emulator.model.kinds import NULL_VERSION, Acl, ObjectType, StorageClass, Versioning
from emulator.model.lifecycle import Due, LifecycleException, LifecycleFilter, LifecycleRule, Transition
from emulator.model.object import DeleteMarker, MultipartUpload, ObjectAttributes, ObjectRecord, Part, Restoration
from emulator.model.principal import AssumedRole, Principal
from emulator.model.website import HeaderCondition, Redirect, RedirectType, RoutingCondition, RoutingRule, Website

__all__ = [
    "NULL_VERSION",
    "Acl",
    "AssumedRole",
    "Bucket",
    "BucketStat",
    "BucketWorm",
    "CallbackPolicy",
    "CorsConfiguration",
    "CorsRule",
    "DeleteMarker",
    "Due",
    "HeaderCondition",
    "LifecycleException",
    "LifecycleFilter",
    "LifecycleRule",
    "MultipartUpload",
    "ObjectAttributes",
    "ObjectRecord",
    "ObjectType",
    "Part",
    "Principal",
    "Redirect",
    "RedirectType",
    "Restoration",
    "RoutingCondition",
    "RoutingRule",
    "StorageClass",
    "Transition",
    "Versioning",
    "Website",
]
