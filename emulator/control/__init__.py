"""The emulator's own endpoints: JSON under `/_emulator/`."""
