# SPDX-License-Identifier: Apache-2.0
"""The demo is what a new user sees first: it succeeds, fits the screen and cleans up."""
import os
import re
import signal
import subprocess

import pytest
from proc import eventually

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "demo", "run")


def start(**env):
    """The demo at work."""
    return subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "KEEP": "", **env})


def traces(rig_id):
    """What of a rig is still there."""
    found = []
    for directory in ("/run/netns", "/sys/fs/bpf", "/tmp", "/sys/fs/cgroup",
                      "/sys/fs/cgroup/unified"):
        if os.path.isdir(directory):
            found += [name for name in os.listdir(directory) if rig_id in name]
    return found


def rig_of(text):
    """The id of the rig that the demo says it has made."""
    return re.search(r"naru-\d+-[0-9a-f]{4}", text)[0]


def test_demo_fits_the_screens():
    """Two screens, nothing failed, nothing left."""
    with start() as demo:
        out, err = demo.communicate(timeout=120)
    assert demo.returncode == 0, out + err
    lines = out.splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 100
    table = [line.split() for line in lines if re.match(r"  (pod, |client ).*\d$", line)]
    assert len(table) == 12
    for row in table:
        assert sum(map(int, row[-4:-1])) == 60 and row[-1] == "0"
    row = r"  (.*?) {2,}(\d+ x \d+.*?) {2,}(v\d \d.*?) +0 failed$"
    table = [re.match(row, line) for line in lines]
    table = {found[1]: (found[2], found[3]) for found in table if found}
    assert len(table) == 13, out
    assert 90 <= int(table["the file is edited to 50:50"][1].split()[-1]) <= 110, table
    assert table["every second answer is 503, up to 4 retries"] == ("60 x 200", "v2 60")
    assert "narud of node1 is killed" in out and "naructl status" in out
    assert not traces(rig_of(out))


@pytest.mark.parametrize("sig", (signal.SIGINT, signal.SIGTERM), ids=("ctrl-c", "term"))
def test_demo_stopped(sig):
    """Stopped in the middle it removes everything and does not claim success."""
    with start() as demo:
        line = ""
        while "network namespaces" not in line:
            line = demo.stdout.readline()
        # The line may be read before the first of them is made.
        eventually(lambda: traces(rig_of(line)))
        demo.send_signal(sig)
        demo.communicate(timeout=60)
    assert demo.returncode not in (0, 1)
    eventually(lambda: not traces(rig_of(line)))


def test_demo_kept():
    """KEEP=1 leaves it running; what it prints works, and the last command removes it."""
    with start(KEEP="1") as demo:
        out, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, out
    commands = [line.strip() for line in out.split("To look around:")[1].splitlines()]
    remove = commands[-1]
    try:
        for command in commands:
            if re.match(r"nsenter|bpftool", command):
                done = subprocess.run(command, shell=True, capture_output=True, text=True,
                                      timeout=30, check=True)
                words = ("web-", "NARU_CLUSTER_IP", "x-request-id", "verdict")
                assert any(word in done.stdout for word in words)
            elif " --run-dir " in command:
                subprocess.run(command.partition("  ")[0], shell=True, check=True, timeout=30,
                               capture_output=True)
    finally:
        subprocess.run(remove, shell=True, check=True, timeout=60)
    assert not traces(rig_of(out))
