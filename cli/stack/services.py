"""The services of one opened stack: bringing each up, and stopping what runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from cli.billing_variables import with_stack_secrets
from cli.output import CliError
from cli.stack import (
    account,
    binaries,
    bootstrap,
    gateway,
    home,
    http_service,
    migrations,
    own_process,
    ports,
    postgres,
    processes,
    worker,
)
from cli.stack.layout import SERVICES, Layout, OnStep, StackConfig, silent
from cli.stack.secrets import StackSecrets
from cli.target import Target

NAMES = SERVICES
STOP_SIGNALS = {
    postgres.NAME: postgres.STOP_SIGNALS,
    gateway.NAME: gateway.STOP_SIGNALS,
    worker.NAME: worker.STOP_SIGNALS,
    http_service.NAME: http_service.STOP_SIGNALS,
}


@dataclass
class Services:
    """A stack whose configuration and secrets are known; the caller holds its lock."""

    root: Path
    layout: Layout
    config: StackConfig
    secrets: StackSecrets
    on_step: OnStep
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the worker and the HTTP service get beside the process environment."""
    postgres_bin: Path | None = None
    started: list[str] = field(default_factory=list)
    """What was started through this object, in order: what an interrupted `up` has to stop."""

    @property
    def gateway(self) -> gateway.Gateway:
        """Return the gateway as it should run now."""
        return gateway.Gateway(
            self.layout, self.root, self.secrets, self.config.api_port, self.config.postgres_port
        )

    def running(self, name: str) -> bool:
        """Tell whether the service runs, by its record."""
        record = processes.load(self.layout.run_dir, name)
        return record is not None and processes.is_alive(record)

    def ensure_postgres(self) -> postgres.Postgres:
        """Have Postgres running on a data directory of its version, and return it."""
        found = self._find_binaries()
        password = self.secrets.supabase_admin_password
        record = processes.load(self.layout.run_dir, postgres.NAME)
        if record is not None and processes.is_alive(record):
            server = self._server(found, None)
            if server.wait_ready(record, password):
                return server
            self.stop(postgres.NAME)
        user = account.postgres_account(self.layout.postgres_data)
        home.prepare(self.layout, user)
        self._check_version(found)
        server = self._server(binaries.reachable_for(found, user), user)
        adopted = postgres.adopt(self.layout)
        if adopted is not None:
            if server.wait_ready(adopted, password):
                return server
            self.stop(postgres.NAME)
        ports.require_free(self.config.postgres_port, postgres.NAME)
        if not self.layout.postgres_data.exists():
            self.on_step("creating the database")
            server.init(password)
        self.on_step("starting Postgres")
        self.started.append(postgres.NAME)
        server.start(password)
        return server

    def ensure_database(self, server: postgres.Postgres) -> bool:
        """Give a new database its roles, and have the gateway make Auth and Storage in it.

        Returns whether there was anything to do.
        """
        if bootstrap.is_done(self.layout):
            return False
        self.on_step("creating roles, Auth and Storage")
        with self._admin(server) as connection:
            bootstrap.create_roles(connection, self.secrets)
            self.restart_gateway()
            bootstrap.grant_gateway_schemas(connection)
        bootstrap.mark_done(self.layout)
        return True

    def migrate(self, server: postgres.Postgres) -> bool:
        """Apply pending migrations and changed seed files; tell whether there were any."""
        url = f"postgresql://postgres@127.0.0.1:{self.config.postgres_port}/postgres"
        target = Target(url, self.secrets.postgres_password)
        with self._admin(server) as connection:
            pending = migrations.find_pending(self.root, connection)
            if not pending:
                return False
            try:
                migrations.apply(self.root, target, connection, pending, self.on_step)
            except CliError:
                # The files before the failing one are applied: the gateway should know them.
                if self.running(gateway.NAME):
                    self.restart_gateway()
                raise
        return True

    def ensure_gateway(self, *, restart: bool) -> None:
        """Have the gateway running on its present settings; `restart` makes it read the schema."""
        found = self.gateway
        if not restart and found.is_configured() and self.running(gateway.NAME) and found.answers():
            return
        self.on_step("starting the gateway")
        self.restart_gateway()

    def restart_gateway(self) -> None:
        """Stop the gateway if it runs, and start it."""
        was_running = self.running(gateway.NAME)
        self.stop(gateway.NAME)
        ports.require_free(self.config.api_port, gateway.NAME)
        if not was_running:
            self.started.append(gateway.NAME)
        self.gateway.start()

    def ensure_own(self, wanted: Collection[str]) -> None:
        """Have worker and HTTP service running, those that are wanted, and the others stopped.

        They start side by side, because loading their packages is most of it.
        """
        starting = []
        for process in self._own_processes():
            if process.name not in wanted:
                self.stop(process.name)
            elif not self._works(process.name):
                starting.append(self._start(process))
        for each in starting:
            each.wait()

    def _own_processes(self) -> tuple[own_process.OwnProcess, ...]:
        secrets = self.secrets
        own_secrets = {
            "razorpay": secrets.razorpay_webhook_secret,
            "stripe": secrets.stripe_webhook_secret,
        }
        variables = {
            **os.environ,
            **with_stack_secrets(self.variables, own_secrets),
            "SUPABASE_URL": f"http://127.0.0.1:{self.config.api_port}",
            "SUPABASE_SECRET_KEY": secrets.secret_key,
            "PYTHONUNBUFFERED": "1",
        }
        return (
            worker.process(variables),
            http_service.process(self.config.webhooks_port, variables),
        )

    def _works(self, name: str) -> bool:
        port = self.config.webhooks_port
        return self.running(name) and (name != http_service.NAME or http_service.answers(port))

    def _start(self, process: own_process.OwnProcess) -> own_process.Starting:
        self.stop(process.name)
        if process.name == http_service.NAME:
            ports.require_free(self.config.webhooks_port, process.name)
        self.on_step(f"starting the {own_process.TITLES[process.name]}")
        self.started.append(process.name)
        return own_process.start(process, layout=self.layout, root=self.root)

    def stop(self, name: str) -> bool:
        """Stop a service if the recorded process runs; tell whether it did."""
        return stop_service(self.layout, name, silent)

    def stop_started(self) -> None:
        """Stop what was started through this object, last first."""
        for name in reversed(NAMES):
            if name in self.started:
                self.stop(name)

    def _find_binaries(self) -> binaries.PostgresBinaries:
        if self.postgres_bin is not None:
            return binaries.installed(self.postgres_bin)
        return binaries.embedded(self.root)

    def _server(
        self, found: binaries.PostgresBinaries, user: account.Account | None
    ) -> postgres.Postgres:
        return postgres.Postgres(self.layout, found, self.config.postgres_port, user)

    def _admin(self, server: postgres.Postgres) -> psycopg.Connection:
        return server.connect(self.secrets.supabase_admin_password)

    def _check_version(self, found: binaries.PostgresBinaries) -> None:
        try:
            made_by = int((self.layout.postgres_data / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            return
        if made_by != found.major:
            raise CliError(
                "postgres-version",
                f"The database in {self.layout.state_dir} was made by Postgres {made_by}; "
                f"this is Postgres {found.major}. Nothing was changed.",
                "Use the matching version to export your data, or start afresh with another "
                "--state-dir.",
            )


def stop_service(layout: Layout, name: str, on_step: OnStep) -> bool:
    """Stop a service and drop its record; tell whether it ran.

    Only processes that we started are signalled: the recorded one, or the one whose record was
    lost. Raises CliError `service-will-not-stop`, and as `find_running` does.
    """
    record = find_running(layout, name)
    if record is not None:
        on_step(f"stopping {name}")
        processes.stop(record, STOP_SIGNALS[name])
        if processes.is_alive(record):
            raise CliError(
                "service-will-not-stop",
                f"{name} (pid {record.pid}) does not end by SIGKILL, or this user may not stop it.",
                f"Look at it: ps -o user,stat,wchan,cmd -p {record.pid}",
            )
    processes.forget(layout.run_dir, name)
    return record is not None


def find_running(layout: Layout, name: str) -> processes.Record | None:
    """Return the process of a service, also when its record was lost; None if none runs.

    Raises CliError `data-in-use` when it cannot be told whether Postgres runs.
    """
    record = processes.load(layout.run_dir, name)
    if record is not None and processes.is_alive(record):
        return record
    if name == postgres.NAME:
        return postgres.adopt(layout)
    return processes.find_lost(layout.run_dir, name)
