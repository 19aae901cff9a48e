"""What web pages of other origins may do with a bucket."""

import msgspec


class CorsRule(msgspec.Struct, frozen=True):
    """What pages of which origins may do. Each origin and header may hold one `*`, which stands for any text.

    `allowed_headers` are lower-case; `max_age_seconds` is how long a browser may remember a preflight's answer.
    """

    allowed_origins: tuple[str, ...]
    allowed_methods: tuple[str, ...]
    allowed_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int | None = None


class CorsConfiguration(msgspec.Struct, frozen=True):
    """A bucket's CORS rules; the first that fits counts. `response_vary` puts `Vary: Origin` on every answer."""

    rules: tuple[CorsRule, ...]
    response_vary: bool = False
