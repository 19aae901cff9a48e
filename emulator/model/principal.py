"""Who sent a request."""

import msgspec


class AssumedRole(msgspec.Struct, frozen=True):
    """Whose temporary key it is that AssumeRole has given out.

    `arn` is `acs:sts::<account>:assumed-role/<role>/<session>`. `policy` is the JSON of the session policy; without one
    (`""`) the key may do whatever the owner may.
    """

    arn: str
    policy: str = ""


class Principal(msgspec.Struct, frozen=True):
    """Who sent a request. Every configured key is the owner; an anonymous client has no `access_key_id`.

    `signature` is the scheme that proved it: `v1`, `v2`, `v4`, `off` (nothing was asked for) or `none` (anonymous).
    `role` is that of a key from AssumeRole.
    """

    access_key_id: str | None
    signature: str
    role: AssumedRole | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody signed the request."""
        return self.access_key_id is None and self.signature != "off"
