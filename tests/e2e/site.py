"""A portal that runs as processes: web server and worker, with their own database and folder."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from cryptography.fernet import Fernet

from portal.demo.supervisor import web_arguments
from tests.e2e.commands import Commands
from tests.e2e.person import PASSWORD, Person
from tests.migrated import VARIABLE
from tests.processes import Process, free_ports, wait_for

CREATE_ACCOUNT = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from allauth.account.models import EmailAddress
from integrations.models import ReviewerAccess, Service
user = get_user_model().objects.create_user({email!r}, {password!r}, is_staff={is_staff!r})
EmailAddress.objects.create(user=user, email={email!r}, verified=True, primary=True)
for name in {groups!r}:
    user.groups.add(Group.objects.get(name=name))
for service in Service.objects.filter(slug__in={services!r}):
    ReviewerAccess.objects.create(user=user, service=service)
"""


class Site:
    """The portal under test; `environment` may be changed before a process is started."""

    def __init__(self, *, folder: Path, database_url: str) -> None:
        self.folder = folder
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._web: Process | None = None
        self._workers: list[Process] = []
        self._commands: Commands | None = None
        self.environment: dict[str, str] = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "TOKEN_LOOKUP_KEY": secrets.token_urlsafe(48),
            "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "PUBLIC_URL": self.url,
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": os.environ.get("CELERY_BROKER_URL", "memory://"),
            "MEDIA_ROOT": str(folder / "media"),
            "VAR_DIR": str(folder),
            # Collected once for all sites of a test run.
            "STATIC_ROOT": str(Path(os.environ.get(VARIABLE, folder)) / "static"),
            "EMAIL_URL": f"filemail:///{str(folder / 'mail').lstrip('/')}",
            "EGRESS_ALLOWED_NETWORKS": "127.0.0.1/32",
            "ALERT_EMAILS": "alerts@example.test",
            "LOG_LEVEL": "DEBUG",
        }

    # --- Processes ---
    def start(self) -> None:
        """Start web server and worker and wait until the pages answer."""
        self.start_web()
        self.start_worker()

    def start_web(self) -> None:
        """Start granian and wait until it answers."""
        self._web = self._process("web", *web_arguments(port=self._port))
        wait_for(self._answers, what="The web server's first answer")

    def start_worker(self) -> Process:
        """Start the background: one process, or worker and beat if there is a broker."""
        if self.environment["CELERY_BROKER_URL"].startswith("memory"):
            self._workers = [self._process("worker", "manage.py", "worker")]
        else:
            celery = ["-m", "celery", "-A", "portal"]
            worker = self._process("worker", *celery, "worker", "-P", "threads", "-c", "4")
            self._workers = [worker, self._process("beat", *celery, "beat")]
        return self._workers[0]

    def kill_worker(self) -> None:
        """Kill the worker, as a power cut would."""
        for process in self._workers:
            process.kill()

    def stop(self) -> None:
        """Stop every process."""
        if self._commands:
            self._commands.stop()
        for process in [*self._workers, *([self._web] if self._web else [])]:
            process.stop()

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(*arguments, log=self.folder / f"{name}.log", environment=self.environment)

    def _answers(self) -> bool:
        assert self._web is not None
        assert self._web.exit_code is None, self._web.output[-3000:]
        try:
            return requests.get(f"{self.url}/health/ready/", timeout=5).ok
        except requests.ConnectionError:
            return False

    # --- Access ---
    def run(self, *arguments: str, **variables: str) -> str:
        """Run a management command and return what it printed; raises AssertionError if it fails."""
        self._commands = self._commands or Commands(self.environment)
        done = self._commands.run(*arguments, **variables)
        with (self.folder / "commands.log").open("a") as log:
            log.write(done.errors)
        assert done.code == 0, f"{arguments}: {done.output[-2000:]}{done.errors[-3000:]}"
        return done.output

    def run_json(self, *arguments: str, **variables: str) -> Any:
        """Run a management command with `--json` and return its output."""
        return json.loads(self.run(*arguments, "--json", **variables))

    def make_account(
        self,
        email: str,
        *,
        groups: tuple[str, ...] = (),
        services: tuple[str, ...] = (),
        is_staff: bool = False,
    ) -> None:
        """Create an account with a verified address and the password `PASSWORD`."""
        code = CREATE_ACCOUNT.format(
            email=email, password=PASSWORD, groups=groups, services=services, is_staff=is_staff
        )
        self.run("shell", "-v", "0", "-c", code)

    def person(self, email: str) -> Person:
        """Return a person who uses this portal."""
        return Person(self.url, email=email, mail_folder=self.folder / "mail")

    def output(self) -> str:
        """Return everything that any process of the portal has printed."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(log.read_text(errors="replace") for log in logs if log.name != "sandbox.log")


def hidden(variables: Mapping[str, str]) -> list[str]:
    """Return the secrets of an environment, which no output may contain."""
    return [variables[name] for name in ("SECRET_KEY", "TOKEN_LOOKUP_KEY", "FIELD_ENCRYPTION_KEYS")]
