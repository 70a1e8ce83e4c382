# SPDX-License-Identifier: Apache-2.0
"""naructl bundle: an archive that other programs read, whole with and without narud, with no byte
of a key in it."""
import base64
import io
import json
import os
import subprocess
import tarfile

import gateway as gw
import pytest
from edge import HOST, edge_made
from proc import built, eventually, run

PIECE = 12  # bytes of a key that no chance repeats


@pytest.fixture(scope="module", name="edge")
def fixture_edge():
    """A node with a certificate in force."""
    with edge_made(nodes=1) as edge:
        folder = edge.rig.directory
        edge.chain, edge.key = gw.make_certificate(folder, "shop", HOST)
        edge.put("tls.yaml", gw.secret_of("shop-tls", edge.chain, edge.key))
        edge.put_gateway(gw.listener("http", 80),
                         gw.listener("shop", 443, "HTTPS", HOST, "shop-tls"))
        eventually(lambda: edge.ask("--tls", "--ca", edge.chain, "--host", HOST, "-t", 3,
                                    port=443)["ok"] == 1)
        yield edge


def bundle(edge, *args, **options):
    """Exit status, archive's bytes, and what was said."""
    done = subprocess.run([built("naructl"), "--run-dir", edge.node.run_dir, "--bpffs",
                           edge.node.bpffs, "bundle", *args], capture_output=True, check=False,
                          **options)
    return done.returncode, done.stdout, done.stderr.decode()


def contents(data):
    """Files of an archive by name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        assert all(m.isreg() and m.name.startswith("naru-bundle/") for m in members)
        return {m.name.removeprefix("naru-bundle/"): archive.extractfile(m).read()
                for m in members}


def secrets(path):
    """Forms in which pieces of a private key would show."""
    with open(path, encoding="ascii") as file:
        lines = [line for line in file.read().splitlines() if "-" not in line]
    numbers = run(["openssl", "ec", "-in", path, "-text", "-noout"]).stdout
    private = bytes.fromhex(numbers.partition("priv:")[2].partition("pub:")[0]
                            .replace(":", "").replace("\n", "").replace(" ", ""))
    whole = base64.b64decode("".join(lines))
    assert private[-PIECE:] in whole
    forms = [line.encode() for line in lines] + [whole, private, private.hex().encode(),
                                                 base64.b64encode("\n".join(lines).encode())]
    for form in forms:
        yield from (form[at:at + PIECE] for at in range(0, len(form) - PIECE + 1))


def test_contents(edge):
    """Views of narud, maps and facts about the node are there, each as the others show it."""
    addr, port = edge.v1.front("ClusterIP", 4)
    assert edge.caller.outside.ask_web(addr, port)["ok"] == 1
    status, data, said = bundle(edge)
    assert status == 0 and not said, said
    found = contents(data)
    assert found["version.txt"].startswith(b"naructl ")
    told = json.loads(found["narud/status.json"])
    assert told["l7"]["certificates"] == 1 and told["node"] == edge.node.name
    assert b"naru_build_info{" in found["narud/metrics.txt"]
    assert len(json.loads(found["maps/svc.json"])) == len(edge.node.dump("svc"))
    assert json.loads(found["node/preflight.json"])
    assert b"Linux version" in found["node/version.txt"]
    assert any(json.loads(line) for line in found["narud/flows.jsonl"].splitlines())
    names = subprocess.run(["tar", "-t"], input=data, capture_output=True, check=True).stdout
    assert names.decode().split() == [f"naru-bundle/{name}" for name in found]


def test_no_key(edge):
    """No piece of the private key in any of its forms; a certificate's own name is there, so that
    the search would have found something."""
    _, data, _ = bundle(edge)
    text = b"\n".join(contents(data).values())
    assert b"shop-tls" in text or HOST.encode() in text
    for piece in secrets(edge.key):
        assert piece not in text and piece not in data


def test_file(edge, tmp_path):
    """Into a file that nobody else may read; a disk that is full is told."""
    path = str(tmp_path / "x.tar")
    status, out, _ = bundle(edge, path)
    assert status == 0 and out.decode().startswith(f"{path}: ")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, "rb") as file:
        assert "narud/plan.txt" in contents(file.read())
    status, _, said = bundle(edge, "/dev/full")
    assert status == 1 and "not written whole" in said
    status, _, said = bundle(edge, str(tmp_path / "none" / "x.tar"))
    assert status == 1 and "No such file" in said


def test_obstacle(edge):
    """What preflight finds in the way is in its file, which is not missing for that."""
    found = contents(bundle(edge, "--bpffs", "/proc")[1])
    checks = json.loads(found["node/preflight.json"])["checks"]
    assert ("fatal", "bpffs") in [(c["level"], c["check"]) for c in checks]
    assert b"node/preflight.json" not in found["missing.txt"]


def test_without_tools(edge):
    """A tool that is not there costs its files, which are named."""
    status, data, _ = bundle(edge, env={"PATH": "/nonexistent"})
    found = contents(data)
    assert status == 0 and "maps/svc.json" not in found
    assert b"maps/svc.json: bpftool is not installed\n" in found["missing.txt"]
    assert b"node/addr.txt: ip is not installed\n" in found["missing.txt"]


def test_without_narud(edge):
    """Maps and node are there all the same, and the exit status tells. The last test of the rig."""
    edge.node.stop_narud()
    status, data, said = bundle(edge)
    found = contents(data)
    assert status == 1 and "no narud answers" in said
    assert b"narud/status.json: narud does not tell\n" in found["missing.txt"]
    assert json.loads(found["maps/svc.json"])
