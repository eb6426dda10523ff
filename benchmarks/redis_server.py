"""A Redis of our own for a benchmark, and a client of the few commands that it needs."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

START_SECONDS = 10.0


@contextmanager
def redis_server(*options: str) -> Iterator[int]:
    """Start the redis-server of the system on a free loopback port; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    data = tempfile.mkdtemp(prefix="resumebase-redis-")
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", data, *options],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = monotonic() + START_SECONDS
        while True:
            try:
                RedisClient(port).close()
                break
            except OSError:
                if server.poll() is not None or monotonic() > deadline:
                    raise
        yield port
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


class RedisClient:
    """One connection that speaks RESP: arrays of strings out, one integer or string in."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def command(self, *parts: str) -> str:
        """Send a command and wait for the answer; raises RuntimeError for an error."""
        encoded = [part.encode() for part in parts]
        self._socket.sendall(
            b"*%d\r\n" % len(encoded)
            + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in encoded)
        )
        kind, answer = (line := self._answers.readline())[:1], line[1:-2].decode()
        if kind == b"-":
            raise RuntimeError(f"redis: {answer}")
        if kind == b"$":
            return self._answers.read(int(answer) + 2)[:-2].decode()
        return answer

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
