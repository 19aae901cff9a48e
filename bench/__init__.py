"""The benchmark: the emulator beside its peers, on this machine, in one run. Begin with `python -m bench --help`."""
