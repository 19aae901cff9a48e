"""STS, the neighbour of OSS that gives out temporary keys: AssumeRole, in its own form, at the endpoint's root."""
