"""`oss-emulator operations`."""

import re

from emulator.cli import main
from emulator.operations import TABLE


def test_operations_prints_every_row_of_the_table(capsys):
    assert main(["operations"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["OPERATION", "STATE", "REQUEST"]
    assert [tuple(re.split("  +", line)) for line in lines] == [(row.name, row.state, row.route) for row in TABLE.rows]
    states = {line.split()[0]: re.split("  +", line)[1] for line in lines}
    assert states["PutObject"] == "emulated"
    assert states["PutStyle"] == "emulated"  # x-oss-process=style/NAME follows it
    assert states["PutBucketAccessMonitor"] == "stored only"
    assert states["PutBucketRTC"] == "not emulated"
