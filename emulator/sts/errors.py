"""What STS refuses a request with. Codes and texts are of the API gateway and of STS, not of OSS.

Source: "Public error codes" of the Alibaba Cloud API and "AssumeRole" of STS.
"""


class StsError(Exception):
    """A refusal by STS. `hint` is for the developer, as that of an `OssError`."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


def missing(name: str, hint: str = "") -> StsError:
    """The refusal of a request without the parameter `name`."""
    return StsError(
        400, f"Missing{name}", f"{name} is mandatory for this action.", hint or f"Send the parameter {name}."
    )


def invalid(name: str, message: str, hint: str) -> StsError:
    """The refusal of a parameter's value."""
    return StsError(400, f"InvalidParameter.{name}", message, hint)
