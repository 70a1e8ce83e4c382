# SPDX-License-Identifier: Apache-2.0
"""Whatever answers in the place of narud: naructl ends by itself, says why, and keeps no more of it
than there may be."""
import itertools
import os
import resource
import socket
import subprocess
import threading

import pytest
from proc import built

WHOLE = "the answer is not whole"
LARGE = "File too large"
COSTLY = "narud's answer is too large"
MEMORY_MAX = 2 << 30  # of address space; without a bound each endless answer would need more
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"x" * 65536
FIELDS = b"X: y\r\n" * 8192
CHUNKS = b"7\r\nno, no\n\r\n" * 4096
MANY = [OK + b"Content-Length: 60000001\r\n\r\n[", b"[]," * 19_999_999, b"[]]"]

ANSWERS = {  # command, pieces, error
    "nothing": ("status", [], WHOLE),
    "garbage": ("status", [b"\0\xff\r\n\r\n" * 100], WHOLE),
    "other-protocol": ("status", [b"SSH-2.0-OpenSSH_9.2\r\n"], WHOLE),
    "half-head": ("status", [OK + b"Content-Le"], WHOLE),
    "no-length": ("status", [OK + b"\r\n{}"], WHOLE),
    "short": ("status", [OK + b"Content-Length: 10\r\n\r\n{}"], WHOLE),
    "endless-length": ("status", [OK + b"Content-Length: 99999999999999999999\r\n\r\n{}"], WHOLE),
    "no-json": ("status", [OK + b"Content-Length: 2\r\n\r\n{]"], "narud's answer is no JSON"),
    "endless": ("status", itertools.repeat(PIECE), LARGE),
    "costly": ("status", MANY, COSTLY),
    "costly-top": ("top", MANY, COSTLY),
    "flows-nothing": ("flows", [], WHOLE),
    "flows-garbage": ("flows", [b"\0\xff\r\n\r\n" * 100], WHOLE),
    "flows-endless-head": ("flows", itertools.repeat(PIECE), WHOLE),
    "flows-endless-fields": ("flows", itertools.chain([OK], itertools.repeat(FIELDS)), WHOLE),
    "observe-endless-fields": ("observe", itertools.chain([OK], itertools.repeat(FIELDS)), WHOLE),
    "observe-nothing": ("observe", [], WHOLE),
    "observe-endless-refusal": ("observe", itertools.chain([BUSY], itertools.repeat(CHUNKS)),
                                "no, no"),
    "flows-half-chunk": ("flows", [CHUNKED + b"ff\r\n{"], WHOLE),
    "flows-no-chunk": ("flows", [CHUNKED + b"zz"], WHOLE),
    "flows-no-json": ("flows", [CHUNKED + b"3\r\n{]\n\r\n0\r\n\r\n"], "narud's answer is no JSON"),
    "flows-endless-line": ("flows", itertools.chain([CHUNKED + b"ffffffff\r\n"],
                                                    itertools.repeat(PIECE)), LARGE),
}


def asked(run_dir, command, pieces, stays=False):
    """What naructl does with that answer, behind which the connection may stay: exit status and
    standard error."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{run_dir}/narud.sock")
        server.listen()

        def answer():
            conn, _ = server.accept()
            with conn:
                conn.recv(65536)
                try:
                    for piece in pieces:
                        conn.sendall(piece)
                    if stays:
                        conn.recv(1)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        done = subprocess.run(
            [built("naructl"), "--run-dir", run_dir, *command.split()], timeout=100, check=False,
            text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX)))
        thread.join(100)
        assert not thread.is_alive()
    os.unlink(f"{run_dir}/narud.sock")
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", ANSWERS)
def test_answer_of_a_stranger(tmp_path, kind):
    command, pieces, error = ANSWERS[kind]
    status, told = asked(str(tmp_path), command, pieces)
    assert status > 0
    assert error in told and told.startswith("naructl: ")


SHAPES = (b"5", b"[]", b'"x"', b"{}", b'{"problems": 5, "differences": {}, "services": "x"}',
          b'{"problems": [[]], "differences": [5], "drops": [[]]}',
          b'{"services": [5, {"frontends": 1}, {"frontends": [2]}]}',
          b'{"routes": [{"by_class": 7, "headers": {}, "backends": [[], 1, {"requests": []}]}, 1]}',
          b'{"sources": [{"objects": 1}, {"objects": []}, 1]}',
          b'{"backends": [{"endpoints": 1}], "listeners": [1], "pools": [1], "owners": [[]]}')


@pytest.mark.parametrize("command", ("status", "services", "endpoints", "listeners", "routes",
                                     "backends", "addresses", "announce", "drops", "diff"))
@pytest.mark.parametrize("output", ("", " -o json"))
def test_json_of_another_shape(tmp_path, command, output):
    """What is not as it should be reads as absent."""
    for shape in SHAPES:
        length = f"Content-Length: {len(shape)}\r\n\r\n".encode()
        status, told = asked(str(tmp_path), command + output, [OK + length + shape])
        assert status in (0, 1) and not told, shape


@pytest.mark.slow
def test_endless_lines(tmp_path):
    """Lines are read as they come, but not for ever."""
    pieces = itertools.chain([CHUNKED + b"ffffffffffff\r\n"], itertools.repeat(b"\n" * (1 << 20)))
    status, told = asked(str(tmp_path), "flows", pieces)
    assert status > 0 and LARGE in told


@pytest.mark.slow
@pytest.mark.parametrize("command", ("status", "flows", "observe"))
def test_silence(tmp_path, command):
    """Nothing comes, and the connection stays."""
    status, told = asked(str(tmp_path), command, [OK], stays=True)
    assert status > 0 and "Connection timed out" in told
