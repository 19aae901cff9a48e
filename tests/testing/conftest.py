import pytest

from emulator.testing import OssEmulator


@pytest.fixture
def oss(_oss_emulator: OssEmulator) -> OssEmulator:
    """The plugin's own `oss`, in the place of the client that the other tests have by that name."""
    _oss_emulator.reset()
    return _oss_emulator
