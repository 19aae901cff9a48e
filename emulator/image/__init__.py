"""Processing images as `x-oss-process` asks for it. Knows nothing of requests, disks and buckets."""
