"""Ports: which are free, and who holds those that are not."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

import psutil

from cli.output import CliError, ExitCode

LOWEST, HIGHEST = 1024, 65535 - 2
# Below what kernels hand out for outgoing connections, which come and go.
SCRATCH = range(20000, 30000, 3)


def check_base(port_base: int) -> None:
    """Raise CliError `port-base-invalid` unless base, base+1 and base+2 are usable numbers."""
    if not LOWEST <= port_base <= HIGHEST:
        raise CliError(
            "port-base-invalid",
            f"{port_base} cannot be a port base: three ports in a row start there.",
            f"Use a number from {LOWEST} to {HIGHEST}.",
            ExitCode.USAGE,
        )


def free_base() -> int:
    """Return the first of three ports in a row that are free now, for a stack that is not to last.

    Raises CliError `no-free-ports`.
    """
    for base in random.sample(SCRATCH, len(SCRATCH)):
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in (base, base + 1, base + 2):
                probes.enter_context(socket.create_server(("127.0.0.1", port)))
            return base
    raise CliError(
        "no-free-ports",
        f"No three ports in a row are free from {SCRATCH.start} to {SCRATCH.stop}.",
        "Stop some of the servers on this machine.",
    )


def require_free(port: int, service: str) -> None:
    """Raise CliError `port-in-use`, naming the holder if it can be told, unless `port` is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError:
            holder = _holder(port)
    raise CliError(
        "port-in-use",
        f"Port {port}, meant for {service}, is in use by {holder}.",
        "Stop that program, or choose other ports: resumebase up --port-base "
        f"{_another_base(port)}",
    )


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or tuple(connection.laddr)[1:2] != (port,):
                continue
            if connection.pid is not None:
                return f"{_program(psutil.Process(connection.pid))} (pid {connection.pid})"
    return "another program"


def _program(process: psutil.Process) -> str:
    """Return the name of the program; the process may have given itself another."""
    try:
        return Path(process.exe()).name or process.name()
    except psutil.AccessDenied:
        return process.name()


def _another_base(port: int) -> int:
    return port + 100 if port + 100 <= HIGHEST else LOWEST + 1000
