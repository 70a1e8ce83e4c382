# SPDX-License-Identifier: Apache-2.0
"""A group of processes that may use so much memory and no more, by cgroup2 or, where its tree has
no memory controller, by that of version 1.
"""
import contextlib
import os

from rig import cgroup_root

V1 = {"limit": "memory.limit_in_bytes", "events": "memory.oom_control"}
V2 = {"limit": "memory.max", "events": "memory.events"}


def read(*path):
    """A file's text."""
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read()


def write(value, *path):
    """Writes a value into a file of the kernel."""
    with open(os.path.join(*path), "w", encoding="ascii") as file:
        file.write(str(value))


def place():
    """Where such groups are made, and how their files are called; None: nowhere."""
    root = cgroup_root()
    if "memory" in read(root, "cgroup.controllers").split():
        write("+memory", root, "cgroup.subtree_control")
        return root, V2
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup" and "memory" in fields[3].split(","):
                return fields[1], V1
    return None


class Group:
    """One of them."""

    def __init__(self, path, files):
        self.path = path
        self.files = files

    def limit(self, size):
        """Sets how many bytes there may be."""
        write(size, self.path, self.files["limit"])

    def add(self, pid):
        """Puts a process in. What it has already does not count, what it gets does."""
        write(pid, self.path, "cgroup.procs")

    def kills(self):
        """How many processes were killed because there was no memory left."""
        counts = dict(line.split() for line in
                      read(self.path, self.files["events"]).splitlines())
        return int(counts["oom_kill"])

    def empty(self):
        """Nobody is left in it."""
        return not read(self.path, "cgroup.procs")


@contextlib.contextmanager
def group(name):
    """A group for the time of the with statement; None where the kernel cannot."""
    where = place()
    if not where:
        yield None
        return
    path = os.path.join(where[0], name)
    os.mkdir(path)
    try:
        yield Group(path, where[1])
    finally:
        # Who is left goes on where it came from, more or less.
        for pid in read(path, "cgroup.procs").split():
            with contextlib.suppress(OSError):
                write(pid, where[0], "cgroup.procs")
        os.rmdir(path)
