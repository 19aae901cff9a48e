"""OSS emulator: a local Alibaba Cloud OSS, upload callbacks included.

    from emulator import Config, EmulatorThread

    with EmulatorThread(Config()) as emulator:
        ...emulator.endpoint...

`Emulator` runs in the loop that is running already, `EmulatorThread` in a thread of its own, for clients that block.
`Config` is what both are given; its sections are in `emulator.config`. A start that fails raises an `EmulatorError`,
and so do settings that make no sense. `OssError` is what every refusal is, a class for each of OSS's codes in
`emulator.errors`. What a test wants beside that is in `emulator.testing`.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from emulator.callback.verify import CallbackVerdict, verify_callback
    from emulator.config import Config
    from emulator.errors import EmulatorError, OssError
    from emulator.server import Emulator, EmulatorThread

__all__ = [
    "CallbackVerdict",
    "Config",
    "Emulator",
    "EmulatorError",
    "EmulatorThread",
    "OssError",
    "__version__",
    "verify_callback",
]

_HOMES = {
    "CallbackVerdict": "emulator.callback.verify",
    "Config": "emulator.config",
    "Emulator": "emulator.server",
    "EmulatorError": "emulator.errors",
    "EmulatorThread": "emulator.server",
    "OssError": "emulator.errors",
    "verify_callback": "emulator.callback.verify",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first asked for: `--version` should not pay for the server."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
