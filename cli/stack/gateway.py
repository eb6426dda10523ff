"""The gateway: Data API, Auth and Storage, as Supabase's own `@supabase/lite` on our Postgres."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from cli import runtime
from cli.output import CliError
from cli.stack import processes, supabase_config
from cli.stack.layout import Layout
from cli.stack.secrets import StackSecrets

NAME = "gateway"
START_SECONDS = 30.0
STOP_SIGNALS = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))
_PROGRAM = "@supabase/lite/dist/cli/index.js"
_CONFIG = Path(__file__).with_name("gateway.config.mjs")


@dataclass(frozen=True)
class Gateway:
    """One gateway on 127.0.0.1:`port`, in front of the Postgres on `postgres_port`."""

    layout: Layout
    root: Path
    secrets: StackSecrets
    port: int
    postgres_port: int

    def start(self) -> processes.Record:
        """Start it and wait until it answers; it reads the schema only once, at its start.

        Raises CliError `gateway-failed` or `node-modules-incomplete` with the end of the log,
        OSError.
        """
        log, run_dir = self.layout.log_file(NAME), self.layout.run_dir
        offset = processes.begin_log(log)
        self._stub.write_text(self._stub_text(), encoding="utf-8")
        program = runtime.node_module(self.root, _PROGRAM)
        record = processes.spawn(
            NAME,
            [
                # An import condition that nothing has: only there to recognise the process.
                *(runtime.node(), f"--conditions=service={processes.mark(run_dir, NAME)}"),
                *(program, "start", "--no-admin", "--config", self._stub.name),
            ],
            run_dir=run_dir,
            log=log,
            cwd=self.layout.gateway_dir,
            env=self._environment(),
        )
        deadline = time.monotonic() + START_SECONDS
        while processes.is_alive(record) and time.monotonic() < deadline:
            if self.answers():
                return record
            time.sleep(0.02)
        processes.stop(record, STOP_SIGNALS)
        processes.forget(run_dir, NAME)
        raise _failed(processes.said_since(log, offset))

    def answers(self) -> bool:
        """Tell whether it answers requests made with its publishable key."""
        return answers(self.port, self.secrets.publishable_key)

    def is_configured(self) -> bool:
        """Tell whether it was last started with the settings that hold now."""
        try:
            return self._stub.read_text(encoding="utf-8") == self._stub_text()
        except FileNotFoundError:
            return False

    @property
    def _stub(self) -> Path:
        """Return the file for `--config`, which has to lie in the working directory.

        It calls the real configuration beside this module, where imports find node_modules.
        """
        return self.layout.gateway_dir / "config.mjs"

    def _stub_text(self) -> str:
        settings = json.dumps({"port": self.port, **supabase_config.gateway_settings(self.root)})
        # With the digest, a gateway that runs on an older version of the file is seen as such.
        digest = hashlib.sha256(_CONFIG.read_bytes()).hexdigest()
        return (
            f"// {_CONFIG.name} {digest}\n"
            f'import {{ configure }} from "{_CONFIG.as_uri()}";\n'
            f"export default configure({settings});\n"
        )

    def _environment(self) -> dict[str, str]:
        password = self.secrets.gateway_password
        address = f"127.0.0.1:{self.postgres_port}"
        return {
            "PATH": os.defpath,
            "HOME": str(self.layout.gateway_dir),
            "TZ": "UTC",
            "NODE_ENV": "development",
            "DATABASE_URL": f"postgresql://gateway:{password}@{address}/postgres",
            "JWT_SECRET": self.secrets.jwt_secret,
            "SUPABASE_PUBLISHABLE_KEY": self.secrets.publishable_key,
            "SUPABASE_SECRET_KEY": self.secrets.secret_key,
            "EXPERIMENTAL_STORAGE": "1",
            "LITE_TELEMETRY": "0",
            "DO_NOT_TRACK": "1",
        }


def _failed(said: str) -> CliError:
    end = processes.last_lines(said)
    if "ERR_MODULE_NOT_FOUND" in said:
        return CliError(
            "node-modules-incomplete",
            f"The gateway lacks a part of itself:\n{end}",
            "Run: make setup",
        )
    return CliError(
        "gateway-failed",
        f"The gateway did not start:\n{end}",
        "The whole story: resumebase logs gateway",
    )


def answers(port: int, publishable_key: str) -> bool:
    """Tell whether the gateway on `port` answers requests made with this key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/auth/v1/health", headers={"apikey": publishable_key})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
