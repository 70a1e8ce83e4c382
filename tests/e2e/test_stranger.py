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
MEMORY_MAX = 2 << 30  # of address space; without a bound each endless answer would need more
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"x" * 65536

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
    "flows-nothing": ("flows", [], WHOLE),
    "flows-garbage": ("flows", [b"\0\xff\r\n\r\n" * 100], WHOLE),
    "flows-endless-head": ("flows", itertools.repeat(PIECE), WHOLE),
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
            [built("naructl"), "--run-dir", run_dir, command], timeout=100, check=False, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
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


@pytest.mark.slow
@pytest.mark.parametrize("command", ("status", "flows"))
def test_silence(tmp_path, command):
    """Nothing comes, and the connection stays."""
    status, told = asked(str(tmp_path), command, [OK], stays=True)
    assert status > 0 and "Connection timed out" in told
