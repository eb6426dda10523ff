"""A taken port is found before anything starts, and its holder is named."""

from __future__ import annotations

import os
import socket

import pytest

from cli.output import CliError, ExitCode
from cli.stack import ports


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_require_free__names_the_program_that_listens(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(CliError) as caught:
            ports.require_free(port, "gateway")
    assert caught.value.code == "port-in-use"
    assert f"(pid {os.getpid()})" in caught.value.message
    assert str(port) in caught.value.message
    assert "--port-base" in caught.value.hint


def test_require_free__accepts_a_port_that_was_used_a_moment_ago() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _peer = listener.accept()
            accepted.close()
    ports.require_free(port, "gateway")


@pytest.mark.parametrize("base", [0, 80, 65534, -1])
def test_check_base__refuses_bases_without_three_usable_ports(base: int) -> None:
    with pytest.raises(CliError) as caught:
        ports.check_base(base)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("base", [1024, 54321, 65533])
def test_check_base__accepts_the_rest(base: int) -> None:
    ports.check_base(base)
