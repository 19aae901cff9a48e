"""For tests: an emulator in the test's own process, what it has sent, and an application server to send it to.

    from emulator.testing import OssEmulator

    with OssEmulator() as oss:
        ...oss.endpoint, oss.callbacks, oss.receiver...

pytest users get the same as the fixture `oss`, from `emulator.pytest_plugin`.
"""

from emulator.callback.record import CallbackRecord
from emulator.testing.callbacks import Callbacks
from emulator.testing.oss import OssEmulator
from emulator.testing.receiver import Answer, ReceivedRequest, Receiver

__all__ = ["Answer", "CallbackRecord", "Callbacks", "OssEmulator", "ReceivedRequest", "Receiver"]
