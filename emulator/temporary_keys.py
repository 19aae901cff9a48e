"""The keys that AssumeRole has given out. They are kept in memory, so they go with the process, and with a reset."""

from emulator.config import AccessKey
from emulator.model import AssumedRole

MAX_TEMPORARY_KEYS = 10_000


class TemporaryKey(AccessKey, frozen=True, kw_only=True):
    """A key pair with its token and its end, and whose it is."""

    role: AssumedRole


class TemporaryKeys:
    """At most `limit` keys, those that have ended among them: OSS says of such a key that it has expired.

    Where there are too many, the one goes that ends first.
    """

    def __init__(self, limit: int = MAX_TEMPORARY_KEYS) -> None:
        self._limit = limit
        self._by_id: dict[str, TemporaryKey] = {}
        self._by_token: dict[str, TemporaryKey] = {}

    def add(self, key: TemporaryKey) -> None:
        """Let `key` be known from now on."""
        if len(self._by_id) >= self._limit:
            self._forget(min(self._by_id.values(), key=_end))
        self._by_id[key.id] = self._by_token[key.token] = key

    def find(self, access_key_id: str) -> TemporaryKey | None:
        """The key with this id."""
        return self._by_id.get(access_key_id)

    def with_token(self, token: str) -> TemporaryKey | None:
        """The key with this token."""
        return self._by_token.get(token)

    def clear(self) -> None:
        """Forget them all."""
        self._by_id.clear()
        self._by_token.clear()

    def _forget(self, key: TemporaryKey) -> None:
        del self._by_id[key.id], self._by_token[key.token]


def _end(key: TemporaryKey) -> float:
    return key.expires.timestamp() if key.expires else 0


NO_KEYS = TemporaryKeys(0)
