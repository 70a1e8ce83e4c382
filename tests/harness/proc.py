# SPDX-License-Identifier: Apache-2.0
"""Processes of a rig: started in a network namespace and cgroup, ended by pid, never by name.

A Place is where a process can run: a network namespace and, if its sockets are to be seen by the
socket programs of a node, a cgroup of that node. Rig and demo make places; everything that sends a
packet goes through one.
"""
import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


class RigError(Exception):
    """The rig itself failed, not what is tested on it."""


def build_dir():
    """Where narud, naructl and the harness programs were built."""
    path = os.environ.get("NARU_BUILD")
    if not path:
        top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        path = os.path.join(top, "build")
    return os.path.abspath(path)


def built(name):
    """Path of a built file; BPF objects of a sanitizer build lie one directory up."""
    for base in (build_dir(), os.path.dirname(build_dir())):
        if os.path.exists(os.path.join(base, name)):
            return os.path.join(base, name)
    raise RigError(f"{name} is not in {build_dir()}: run make, or set NARU_BUILD")


def sanitized():
    """True when the programs were built with a sanitizer that traces its own process."""
    with open(built("naru-proxy"), "rb") as program:
        data = program.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def run(argv, stdin=None, check=True, env=None):
    """Runs a command to its end; returns CompletedProcess with text output."""
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False, env=env)
    if check and done.returncode:
        raise RigError(f"{' '.join(argv)}: exit {done.returncode}\n{stdin or ''}{done.stderr}")
    return done


def eventually(check, seconds=15, pause=0.02):
    """Calls check() until it returns something true and returns that; fails after the deadline.

    The deadline is generous on purpose: it tells never from slow, not fast from slow.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; last value: {value!r}")
        time.sleep(pause)


def _setns(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns", path)
    finally:
        os.close(fd)


@contextlib.contextmanager
def entered(netns):
    """This thread is in the network namespace for the time of the with statement."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _setns(f"/run/netns/{netns}")
    try:
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)


def start_time(pid):
    """Start of a process in clock ticks, None if gone. With the pid it names one process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Running:
    """A client at work: its first success can be waited for, its counts come at the end."""

    def __init__(self, process):
        self.process = process
        self._text = b""
        self._result = None

    def wait_up(self):
        """Waits until the first request has succeeded."""
        return self._wait_for(b"up\n")

    def wait_from(self, server):
        """Waits until that server has answered."""
        return self._wait_for(f"from {server}\n".encode())

    def wait_failed(self):
        """Waits until a request has failed."""
        return self._wait_for(b"failed ")

    def heard(self, server):
        """True when that server has answered by now."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                break
            self._text += chunk
        return f"from {server}\n".encode() in self._text

    def _wait_for(self, line, seconds=15):
        deadline = time.monotonic() + seconds
        while line not in self._text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no {line!r} from client within {seconds} s")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            self._text += chunk
            if not chunk:
                raise AssertionError(f"client ended without {line!r}: {self.result()}")
        return self

    def result(self, seconds=60):
        """Waits for the end and returns the client's counts."""
        if self._result is None:
            out, _ = self.process.communicate(timeout=seconds)
            lines = (self._text + out).decode().strip().splitlines()
            if not lines or not lines[-1].startswith("{"):
                raise RigError(f"client said {lines!r}, exit {self.process.returncode}")
            self._result = json.loads(lines[-1])
        return self._result

    def stop(self):
        """Ends the client after its current request and returns its counts."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.result()


class Place:
    """Where a process can run: a network namespace, and a cgroup or None."""

    def __init__(self, rig, name, netns, cgroup=None, addr=None):
        self.rig = rig
        self.name = name
        self.netns = netns
        self.cgroup = cgroup
        self.addr = addr or {}

    def __repr__(self):
        return self.name

    def popen(self, argv, **kwargs):
        """Starts a process here; the rig ends it at the latest when it is torn down."""
        parent = os.getpid()
        keep = self.rig.keep
        # Python forgets an exception that a signal's handler raises while it forks: not then.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

        def enter():
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if self.cgroup:
                with open(f"{self.cgroup}/cgroup.procs", "w", encoding="ascii") as procs:
                    procs.write("0")
            _setns(f"/run/netns/{self.netns}")
            if keep:
                os.setsid()
            elif libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
                os._exit(1)

        kwargs.setdefault("stdin", subprocess.DEVNULL)
        try:
            process = subprocess.Popen(argv, preexec_fn=enter, **kwargs)
            self.rig.remember(process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return process

    def run(self, argv, check=True, stdin=None):
        """Runs a command here to its end."""
        pipe = subprocess.PIPE
        process = self.popen(argv, stdout=pipe, stderr=pipe, text=True,
                             stdin=pipe if stdin is not None else subprocess.DEVNULL)
        out, err = process.communicate(stdin, timeout=60)
        if check and process.returncode:
            raise RigError(f"{self.name}: {' '.join(argv)}: exit {process.returncode}\n{err}")
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def serve(self, port, name=None):
        """Starts an echo server and waits until it listens."""
        argv = [built("harness/echo"), "--name", name or self.name, "--port", str(port)]
        # A kept rig outlives its maker, whose caller may wait for the end of standard error.
        process = self.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             start_new_session=False)
        if process.stdout.readline() != b"ready\n":
            raise RigError(f"{self.name}: echo server did not start on port {port}")
        return process

    def serve_web(self, port, name=None):
        """Starts an HTTP server (web.py) and waits until it listens."""
        process = self.popen(["/usr/bin/python3", f"{HERE}/web.py", "--name", name or self.name,
                              "--port", str(port)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        if process.stdout.readline() != b"ready\n":
            raise RigError(f"{self.name}: HTTP server did not start on port {port}")
        return process

    def start_web(self, addr, port, *options):
        """Starts the HTTP client (webclient.py) and returns it at work."""
        argv = ["/usr/bin/python3", f"{HERE}/webclient.py", *map(str, options), addr, str(port)]
        return Running(self.popen(argv, stdout=subprocess.PIPE))

    def ask_web(self, addr, port, *options):
        """Runs the HTTP client to its end and returns its counts."""
        return self.start_web(addr, port, *options).result()

    def start(self, mode, addr, port, *options):
        """Starts the client program and returns it at work."""
        argv = [built("harness/client"), *map(str, options), mode, addr, str(port)]
        return Running(self.popen(argv, stdout=subprocess.PIPE))

    def ask(self, addr, port, *options, mode="who", n=1):
        """Runs the client to its end and returns its counts."""
        return self.start(mode, addr, port, "-n", n, *options).result()


def kill_all(processes):
    """SIGKILL to each (pid, start time) that is still the same process; waits for the end."""
    for pid, born in processes:
        if start_time(pid) == born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for pid, born in processes:
        eventually(lambda pid=pid, born=born: start_time(pid) != born)
