# SPDX-License-Identifier: Apache-2.0
"""TLS termination with Secrets: names, hot change; what is wrong with one harms it alone."""
import fcntl
import os
import resource
import signal
import ssl
import subprocess
import tempfile
import time

import gateway as gw
import pytest
from edge import HOST, VIP, edge_made
from proc import built, entered, eventually, run


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """A rig with a HTTPS listener for two names."""
    with edge_made(nodes=1, narud_options=("--log-level", "debug")) as edge:
        edge.folder = edge.rig.directory
        for name, hosts in (("shop", (HOST,)), ("wild", ("*.example.org",))):
            chain, key = gw.make_certificate(edge.folder, name, *hosts)
            edge.put(f"{name}-tls.yaml", gw.secret_of(f"{name}-tls", chain, key))
        edge.put_gateway(gw.listener("http", 80),
                         gw.listener("shop", 443, "HTTPS", HOST, "shop-tls"),
                         gw.listener("wild", 443, "HTTPS", "*.example.org", "wild-tls"))
        eventually(lambda: secure(edge, HOST, "shop")["ok"] == 1)
        yield edge


def secure(edge, host, name, *options, family=4):
    """Requests over TLS, with one certificate trusted."""
    return edge.ask("--tls", "--ca", f"{edge.folder}/{name}.crt", "--host", host, "-t", 3, *options,
                    port=443, family=family)


def served(edge, host, family=4):
    """The certificate that a name gets, in PEM."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with entered(edge.rig.client.netns):
        import socket  # pylint: disable=import-outside-toplevel
        with socket.create_connection((VIP[family], 443), timeout=10) as sock:
            with context.wrap_socket(sock, server_hostname=host) as tls:
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).strip()


def file_of(edge, name):
    """The certificate in a file."""
    with open(f"{edge.folder}/{name}.crt", encoding="ascii") as file:
        return file.read().strip()


def test_names(edge, family):
    """Each name gets its own certificate; a name that no listener has gets none."""
    for host, name in ((HOST, "shop"), ("a.example.org", "wild")):
        counts = secure(edge, host, name, "-n", 10, "-k", family=family)
        assert counts["ok"] == 10 and counts["failed"] == 0, counts
        assert served(edge, host, family) == file_of(edge, name)
    with pytest.raises(ssl.SSLError):
        served(edge, "other.example.net", family)


def test_hot_change(edge):
    """A new certificate is served to new connections; connections that stand go on; under load
    nothing fails."""
    load = edge.load("--tls", "--ca", f"{edge.folder}/shop.crt", "--host", HOST, "-k", "-i", 2,
                     port=443)
    old = file_of(edge, "shop")
    chain, key = gw.make_certificate(edge.folder, "next", HOST, key="rsa")
    edge.put("shop-tls.yaml", gw.secret_of("shop-tls", chain, key))
    eventually(lambda: served(edge, HOST) == file_of(edge, "next"))
    counts = load.stop()
    assert counts["failed"] == 0 and counts["connections"] == 1, counts
    assert old != file_of(edge, "next")


def rotate(edge, turns, pause_s=0.0):
    """Gives a name one certificate after the other while clients make a connection for each
    request; every one of them is in force before the next one comes."""
    names = [f"turn{turn}" for turn in range(turns)]
    pairs = [gw.make_certificate(edge.folder, name, "*.example.org", key=("ec", "rsa")[turn % 2])
             for turn, name in enumerate(names)]
    with open(f"{edge.folder}/turns.crt", "w", encoding="ascii") as out:
        out.write("\n".join(file_of(edge, name) for name in ("wild", *names)) + "\n")
    before = edge.node.naructl_json("status")["l7"]["proxy"]["handshake_failures"]
    loads = [edge.load("--tls", "--ca", f"{edge.folder}/turns.crt", "--host", "a.example.org",
                       "-i", 2, port=443, family=family) for family in VIP]
    for name, pair in zip(names, pairs):
        edge.put("wild-tls.yaml", gw.secret_of("wild-tls", *pair))
        eventually(lambda n=name: served(edge, "a.example.org") == file_of(edge, n))
        time.sleep(pause_s)
    for load in loads:
        counts = load.stop()
        assert counts["failed"] == 0 and set(counts["statuses"]) == {"200"}, counts
        # Each request had a handshake of its own.
        assert counts["connections"] >= counts["ok"] > turns, counts
    after = edge.node.naructl_json("status")["l7"]["proxy"]["handshake_failures"]
    assert after == before
    edge.put("wild-tls.yaml", gw.secret_of("wild-tls", f"{edge.folder}/wild.crt",
                                           f"{edge.folder}/wild.key"))
    eventually(lambda: served(edge, "a.example.org") == file_of(edge, "wild"))


def test_rotation(edge):
    """Five certificates one after the other, as fast as they come into force: no handshake fails.
    """
    rotate(edge, 5)


@pytest.mark.slow
def test_rotation_each_second(edge):
    """A certificate a second for a minute: no handshake fails."""
    rotate(edge, 60, 1.0)


def test_broken_secret(edge):
    """A key that does not belong to its certificate is told, and the last good pair stays."""
    before = served(edge, "a.example.org")
    chain, _ = gw.make_certificate(edge.folder, "one", "*.example.org")
    _, key = gw.make_certificate(edge.folder, "two", "*.example.org")
    edge.put("wild-tls.yaml", gw.secret_of("wild-tls", chain, key))
    found = eventually(lambda: [d for d in edge.node.naructl_json("status")["diagnostics"]
                                if "wild-tls" in d["object"]])
    assert found[0]["level"] == "error", found
    assert served(edge, "a.example.org") == before
    assert "PRIVATE" not in edge.node.log()


def test_keys_are_told_nobody(edge):
    """No line of a key, as PEM or as the Secret has it, in the log, the plan or what naructl
    tells."""
    told = {"log": edge.node.log()}
    done = run([built("narud"), "--manifests", edge.rig.manifests.directory, "--check",
                "--print-plan", "--log-level", "debug"], check=False)
    told["check"] = done.stdout + done.stderr
    for view in ("plan", "status", "listeners", "routes", "backends"):
        told[view] = edge.node.naructl(view, "-o", "json", check=False).stdout
    for name in ("shop", "wild"):
        with open(f"{edge.folder}/{name}.key", encoding="ascii") as file:
            lines = file.read().strip().splitlines()[1:-1]
        secret = gw.secret_of(name, f"{edge.folder}/{name}.crt", f"{edge.folder}/{name}.key")
        lines += [secret["data"]["tls.key"][at:at + 40] for at in (0, 60, 120)]
        for where, text in told.items():
            assert len(text) > 10, where
            assert not [line for line in lines if line in text], where


def wait_channel(pid):
    """Where in the kernel a process waits."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return file.read()


def end_of_another():
    """How an ordinary process ends that aborts and may write as large a core."""
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
            ["prlimit", "--core=unlimited", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=folder, bufsize=0) as process:
        process.stdin.write(b"x")
        assert process.stdout.read(1) == b"x"
        process.send_signal(signal.SIGABRT)
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT).si_code


def test_keys_are_in_no_core(edge):
    """narud and proxy hold keys when they crash, and the kernel writes no core of them, however
    large one might be."""
    assert end_of_another() == os.CLD_DUMPED
    node = edge.node
    edge.settled()
    pid = node.naructl_json("status")["l7"]["proxy"]["pid"]
    # A file of its user, were it one that may be dumped.
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    resource.prlimit(node.narud.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    os.kill(node.narud.pid, signal.SIGABRT)
    end = os.waitid(os.P_PID, node.narud.pid, os.WEXITED | os.WNOWAIT)
    assert (end.si_code, end.si_status) == (os.CLD_KILLED, signal.SIGABRT), end
    node.narud.wait()
    node.start_narud()
    edge.settled()


def test_check_leaves_no_core(edge, tmp_path):
    """Nor of narud --check, which reads the same objects."""
    assert end_of_another() == os.CLD_DUMPED
    reading, writing = os.pipe()
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)))
    argv = ["prlimit", "--core=unlimited", built("narud"), "--check", "--print-plan",
            "--manifests", edge.rig.manifests.directory]
    # It has read all when it waits for somebody to read what it writes.
    with subprocess.Popen(argv, stdout=writing, stderr=subprocess.DEVNULL, cwd=tmp_path) as check:
        eventually(lambda: "pipe_write" in wait_channel(check.pid))
        check.send_signal(signal.SIGABRT)
        end = os.waitid(os.P_PID, check.pid, os.WEXITED | os.WNOWAIT)
    os.close(reading)
    os.close(writing)
    assert (end.si_code, end.si_status) == (os.CLD_KILLED, signal.SIGABRT), end
    assert not os.listdir(tmp_path)


def test_plain_on_tls(edge):
    """Plain HTTP at the port of TLS gets no answer of a backend."""
    counts = edge.ask("-t", 3, port=443)
    assert counts["ok"] == 0 and not counts["by"], counts
