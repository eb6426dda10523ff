"""The embedded stack: starts its services in order, repairs what died, stops what it started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from cli.output import CliError, ExitCode
from cli.stack import (
    gateway,
    home,
    http_service,
    looking,
    ports,
    postgres,
    preflight,
    processes,
    supabase_config,
    worker,
)
from cli.stack import layout as layouts
from cli.stack import secrets as stack_secrets
from cli.stack.layout import Layout, OnStep, StackConfig, silent
from cli.stack.lock import exclusive
from cli.stack.services import NAMES, Services, find_running, stop_service
from cli.stack.status import StackStatus, overall

OPTIONAL_SERVICES = frozenset({worker.NAME, http_service.NAME})


class Stack:
    """One local stack in one state directory; every method may be called from any process.

    `port_base` is the port of the API, with Postgres and webhooks on the next two; None keeps what
    the state directory remembers. `variables` is what worker and HTTP service get beside the
    process environment. `postgres_bin` names other Postgres programs than those of node_modules.
    Methods raise CliError with a code, a message and a hint.
    """

    def __init__(
        self,
        *,
        root: Path,
        state_dir: Path,
        port_base: int | None = None,
        variables: Mapping[str, str] | None = None,
        postgres_bin: Path | None = None,
    ) -> None:
        if port_base is not None:
            ports.check_base(port_base)
        self.root = root.resolve()
        self.layout = Layout(state_dir.expanduser().resolve())
        self._port_base = port_base
        self._variables = variables or {}
        self._postgres_bin = postgres_bin

    def up(self, *, without: frozenset[str] = frozenset(), on_step: OnStep = silent) -> StackStatus:
        """Start what is not running, repair what died, apply migrations and seed; idempotent.

        `without` leaves services out (`worker`, `http`), stopping them if they run. When it fails
        or is interrupted it stops what this call started; data is kept.
        """
        _check_names(without)
        self._preflight()
        wanted = tuple(name for name in NAMES if name not in without)
        with self._changing("up", on_step), self._opened(on_step, wanted) as services:
            self._recover_reset(services)
            self._bring_up(services, wanted)
        return self.status()

    def down(self, *, on_step: OnStep = silent) -> bool:
        """Stop every service; tell whether anything ran. Data and secrets are kept.

        Returns only when certainly nothing runs any more.
        """
        if not layouts.is_made(self.layout):
            return False
        with self._changing("down", on_step):
            stopped = [name for name in reversed(NAMES) if stop_service(self.layout, name, on_step)]
            # A damaged stack.json, or one of another version, is no reason not to stop.
            with suppress(CliError):
                config = layouts.load_config(self.layout)
                if config is not None:
                    layouts.save_config(self.layout, replace(config, services=()))
        return bool(stopped)

    def status(self) -> StackStatus:
        """Look at every service now. Takes no lock, changes nothing, and needs no running stack."""
        config = layouts.load_config(self.layout)
        secrets = stack_secrets.load(self.layout) if config else None
        config = config or StackConfig(self._port_base or layouts.DEFAULT_PORT_BASE)
        services = {
            name: looking.service_status(self.layout, name, config, secrets) for name in NAMES
        }
        host = "127.0.0.1"
        login = f"postgres:{secrets.postgres_password}" if secrets else "postgres"
        return StackStatus(
            state=overall(services),
            api_url=f"http://{host}:{config.api_port}",
            db_url=f"postgresql://{login}@{host}:{config.postgres_port}/postgres",
            publishable_key=secrets.publishable_key if secrets else "",
            secret_key=secrets.secret_key if secrets else "",
            jwt_secret=secrets.jwt_secret if secrets else "",
            webhooks_url=f"http://{host}:{config.webhooks_port}",
            services=services,
            webhook_secrets={
                "razorpay": secrets.razorpay_webhook_secret if secrets else "",
                "stripe": secrets.stripe_webhook_secret if secrets else "",
            },
        )

    def reset(self, *, on_step: OnStep = silent) -> StackStatus:
        """Rebuild the database from migrations and seed, and drop uploaded files.

        Secrets and ports stay. What ran before runs afterwards. The old data is deleted only once
        the new database is complete: when it fails, everything is as it was.
        """
        self._preflight()
        with self._changing("reset", on_step), self._opened(on_step) as services:
            self._recover_reset(services)
            before = services.config.services
            self._stop_all()
            home.set_aside(self.layout)
            try:
                self._bring_up(services, (postgres.NAME, gateway.NAME))
            except BaseException:
                self._stop_all()
                home.put_back(self.layout)
                with suppress(CliError):
                    self._resume(services, before)
                services.started.clear()
                raise
            home.discard_aside(self.layout)
            self._resume(services, before)
        return self.status()

    def restart_gateway(self) -> None:
        """Make a running gateway read the schema anew, as is needed after a migration.

        Does nothing when the gateway does not run.
        """
        if not self._record_alive(gateway.NAME):
            return
        supabase_config.load(self.root)
        with self._changing("restart", silent), self._opened(silent) as services:
            services.restart_gateway()

    def destroy(self, *, on_step: OnStep = silent) -> None:
        """Stop every service and delete the state directory, with all data and secrets.

        Does nothing where no stack was made.
        """
        if not layouts.is_made(self.layout):
            return
        self.down(on_step=on_step)
        home.delete(self.layout)
        shutil.rmtree(self.layout.state_dir)

    def remembered_port_base(self) -> int | None:
        """Return the port base of a stack that was made, None where there is none yet."""
        config = layouts.load_config(self.layout)
        return config.port_base if config else None

    def log_files(self) -> dict[str, Path]:
        """Return the log file of each service, whether or not it exists yet."""
        return {name: self.layout.log_file(name) for name in NAMES}

    # ---- how ------------------------------------------------------------------------------------

    def _preflight(self) -> None:
        preflight.check_python()
        preflight.check_node_modules(self.root)
        supabase_config.load(self.root)

    @contextmanager
    def _changing(self, purpose: str, on_step: OnStep) -> Iterator[None]:
        """Hold the lock of a claimed state directory; full and read-only disks are explained."""
        layouts.claim(self.layout)
        with (
            layouts.disk_trouble_explained(self.layout.state_dir),
            exclusive(self.layout.lock_file, purpose, on_step),
        ):
            yield

    @contextmanager
    def _opened(
        self, on_step: OnStep, wanted: tuple[str, ...] = layouts.REQUIRED
    ) -> Iterator[Services]:
        """Read or make configuration and secrets; on failure stop what was started meanwhile."""
        preflight.check_space(self.layout)
        config = self._configured(wanted)
        layouts.make_folders(self.layout)
        services = Services(
            root=self.root,
            layout=self.layout,
            config=config,
            secrets=stack_secrets.load_or_create(self.layout),
            on_step=on_step,
            variables=self._variables,
            postgres_bin=self._postgres_bin,
        )
        try:
            yield services
        except BaseException as error:
            services.stop_started()
            if isinstance(error, psycopg.Error):
                raise CliError(
                    "database-failed",
                    f"The database refused: {error}",
                    "The whole story: resumebase logs postgres",
                ) from error
            raise

    def _configured(self, wanted: tuple[str, ...]) -> StackConfig:
        config = layouts.load_config(self.layout)
        if config is None:
            config = StackConfig(self._port_base or layouts.DEFAULT_PORT_BASE)
        elif self._port_base is not None and self._port_base != config.port_base:
            if any(find_running(self.layout, name) for name in NAMES):
                raise CliError(
                    "stack-running",
                    f"This stack is running with port base {config.port_base}; it cannot move to "
                    f"{self._port_base} meanwhile.",
                    "Run: resumebase down   and then up again, or use another --state-dir for a "
                    "second stack.",
                )
            config = replace(config, port_base=self._port_base)
        # Remembered only once the ports are good: a failed move leaves the stack where it was.
        for name, port in looking.ports_of(config).items():
            if name in wanted and find_running(self.layout, name) is None:
                ports.require_free(port, name)
        layouts.save_config(self.layout, config)
        return config

    def _bring_up(
        self, services: Services, wanted: tuple[str, ...], *, migrate: bool = True
    ) -> None:
        server = services.ensure_postgres()
        is_new = services.ensure_database(server)
        changed = migrate and services.migrate(server)
        services.ensure_gateway(restart=changed or is_new)
        services.ensure_own(wanted)
        self._remember(services, wanted)

    def _remember(self, services: Services, wanted: tuple[str, ...]) -> None:
        services.config = replace(services.config, services=wanted)
        layouts.save_config(self.layout, services.config)

    def _resume(self, services: Services, before: tuple[str, ...]) -> None:
        """After a reset, run what ran before it: nothing, or with or without our own services."""
        if before:
            self._bring_up(services, before, migrate=False)
        else:
            self._stop_all()
            self._remember(services, ())

    def _recover_reset(self, services: Services) -> None:
        if home.is_aside(self.layout):
            services.on_step("undoing a reset that was cut off")
            self._stop_all()
            home.put_back(self.layout)
        home.discard_aside(self.layout)

    def _stop_all(self) -> None:
        for name in reversed(NAMES):
            stop_service(self.layout, name, silent)

    def _record_alive(self, name: str) -> bool:
        record = processes.load(self.layout.run_dir, name)
        return record is not None and processes.is_alive(record)


def _check_names(without: frozenset[str]) -> None:
    unknown = sorted(without - OPTIONAL_SERVICES)
    if unknown:
        raise CliError(
            "unknown-service",
            f"--without cannot leave out {', '.join(unknown)}.",
            f"It takes: {', '.join(sorted(OPTIONAL_SERVICES))}.",
            ExitCode.USAGE,
        )
