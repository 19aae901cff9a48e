"""OSS emulator: a local Alibaba Cloud OSS, upload callbacks included."""

__version__ = "0.1.0"
