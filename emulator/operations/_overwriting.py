"""Whether an upload may take the place of an object: by its own header, or by a rule of the bucket."""

from collections.abc import Mapping

from emulator.context import Context
from emulator.wire.attributes import parse_forbid_overwrite
from emulator.wire.settings import parse_setting


def forbids_overwrite(ctx: Context, bucket: str, key: str, headers: Mapping[str, str]) -> bool:
    """Whether `x-oss-forbid-overwrite` or a rule of PutBucketOverwriteConfig forbids to overwrite what is at `key`.

    Source: "PutBucketOverwriteConfig".
    Guess: a rule that names principals is for them; here that is the one account, by its id, or `*`.

    Raises:
        InvalidArgument: the header is neither `true` nor `false`.
        NoSuchBucket: there is none.
    """
    if parse_forbid_overwrite(headers):
        return True
    document = ctx.store.buckets.get(bucket).documents.get("overwriteConfig")
    if document is None:
        return False
    everybody = {"*", ctx.config.auth.account_id}
    for rule in parse_setting(document):
        principals = {principal.text for principal in rule.iter("Principal")}
        if (
            key.startswith(rule.findtext("Prefix", ""))
            and key.endswith(rule.findtext("Suffix", ""))
            and (not principals or principals & everybody)
        ):
            return True
    return False
