"""Children of checks, forked from one process that has imported the SDK: the import is most of what a check costs.

A check starts its child through `dl_harness.run.start`. Inside `nursery()` that asks a process which holds everything a
child imports before it meets its adapter, and which forks for each check. A forked child runs `dl_harness.child.main`
as any other does, with the environment, the working directory and the output that it is given.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dl_harness import run


class Forked:
    """A child of the nursery, as far as `subprocess.Popen` is needed of it."""

    def __init__(self, connection: socket.socket, output: int) -> None:
        self._connection = connection
        self._answers = connection.makefile("r")
        self.stdout: IO[bytes] = os.fdopen(output, "rb", buffering=0)
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                line = self._answers.readline()
            except (TimeoutError, OSError) as error:
                self._answers = self._connection.makefile("r")  # one that has timed out does not read again
                raise subprocess.TimeoutExpired(["forked"], timeout or 0) from error
            self.returncode = os.waitstatus_to_exitcode(int(line)) if line else -signal.SIGKILL
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit status, if there is one."""
        try:
            return self.wait(0.001)
        except subprocess.TimeoutExpired:
            return None


@contextlib.contextmanager
def nursery() -> Iterator[None]:
    """Fork the children of all checks that are made inside."""
    with tempfile.TemporaryDirectory(prefix="nursery-") as folder:
        address = os.path.join(folder, "socket")
        process = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # it listens

        def start(command: list[str], cwd: Path, env: dict[str, str]) -> Any:
            reading, writing = os.pipe()
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address)
            asked = json.dumps({"spec": command[-1], "cwd": str(cwd), "env": env}).encode()
            socket.send_fds(connection, [len(asked).to_bytes(8, "big")], [writing])
            connection.sendall(asked)
            os.close(writing)
            return Forked(connection, reading)

        before, run.start = run.start, start
        try:
            yield
        finally:
            run.start = before
            process.stdin.close()
            process.terminate()
            process.wait()


def _serve(address: str) -> None:
    """Load what children load, then fork one for everybody who connects."""
    import dtlpy  # noqa: F401
    import numpy  # noqa: F401
    import responses  # noqa: F401

    import dl_fixtures  # noqa: F401
    import dl_harness.child
    import dl_harness.flows.law_flows
    import dl_harness.flows.running  # noqa: F401
    import dl_mock.connection
    import dl_mock.server  # noqa: F401

    with contextlib.suppress(ImportError):
        import dtlpymetrics  # noqa: F401 - an evaluation imports it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(16)
    print("ready", flush=True)
    parent = os.getppid()
    listening.settimeout(1)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            connection, _ = listening.accept()
            connection.settimeout(None)
            if os.fork() == 0:
                listening.close()
                _keep(connection)
            connection.close()


def _keep(connection: socket.socket) -> None:
    """Fork the child, say its process id, and then its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, descriptors, _, _ = socket.recv_fds(connection, 8, 1)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += connection.recv(65_536)
    request = json.loads(asked)
    pid = os.fork()
    if pid == 0:
        _become_child(request, descriptors[0], connection)
    os.close(descriptors[0])
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _become_child(request: dict[str, Any], output: int, connection: socket.socket) -> None:
    import faulthandler
    import random
    import warnings

    import numpy as np

    from dl_harness import child

    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setsid()
        connection.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for standard in (1, 2):
            os.dup2(output, standard)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        tempfile.tempdir = None
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
        faulthandler.enable()
        warnings.simplefilter("ignore")
        random.seed()
        np.random.seed()
        sys.argv = ["child", request["spec"]]
        child.main()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
