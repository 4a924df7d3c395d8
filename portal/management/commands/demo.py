"""Start the portal, a worker and a sandbox Clarius Cloud, connected and filled with exams."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connection

from portal.demo.connection import connect_service, is_linked, link_clinician
from portal.demo.people import grant_review, make_accounts
from portal.demo.ports import PortProblem, Ports
from portal.demo.sandbox import Sandbox, SandboxProblem
from portal.demo.state import ROLES, DemoFile
from portal.demo.story import Story
from portal.demo.supervisor import (
    DemoProblem,
    Stopped,
    Supervisor,
    TooSlow,
    answers,
    child_environment,
    only_one,
    stop_on_signals,
    web_arguments,
)
from portal.locations import BASE_DIR


class Command(BaseCommand):
    """Run the demo until Ctrl-C; `demo run COMMAND …` runs another command on its data."""

    help = "Start the portal, a worker and a sandbox Clarius Cloud, connected and filled with exams."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything; raises CommandError with a sentence if that fails."""
        if not settings.DEMO_FILE:
            raise CommandError("Start the demo as a command of its own, for example with `make demo`.")
        if find_spec("pydicom") is None:
            raise CommandError(
                "The demo needs further packages. Install them: pip install 'clarius-integrator-portal[demo]'"
            )
        demo = DemoFile.open(Path(settings.DEMO_FILE))
        home = demo.path.parent
        supervisor = Supervisor(folder=BASE_DIR, logs=home / "log", say=_say)
        stop_on_signals()
        try:
            with only_one(home / "demo.lock"):
                try:
                    self._run(supervisor=supervisor, demo=demo)
                finally:
                    supervisor.stop()
        except Stopped:
            _say("The demo has stopped. Its data is kept for the next start.")
        except (DemoProblem, PortProblem, SandboxProblem) as problem:
            raise CommandError(str(problem)) from problem

    def _run(self, *, supervisor: Supervisor, demo: DemoFile) -> None:
        ports = Ports.from_environment()
        ports.check()
        # `demo run` uses the same addresses.
        demo.data["ports"] = ports.named
        demo.save()
        _say("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        _say("Starting the sandbox and the portal (the first start renders the ultrasound exams) …")
        sandbox = Sandbox(url=settings.DEMO_SANDBOX_URL)
        _start_servers(supervisor=supervisor, ports=ports, home=demo.path.parent)
        supervisor.wait_for(
            lambda: answers(sandbox.url) and answers(f"{settings.PUBLIC_URL}/health/live/"),
            what="Starting",
            seconds=180,
        )
        _say("Connecting the portal to the sandbox …")
        people = make_accounts(demo=demo)
        service = connect_service(sandbox=sandbox, demo=demo)
        grant_review(user=people["reviewer"], service=service)
        supervisor.start(name="worker", arguments=["-m", "portal", "worker"], environment=child_environment())
        customers = link_clinician(sandbox=sandbox, service=service, clinician=people["clinician"])
        supervisor.wait_for(lambda: is_linked(customers=customers), what="Linking", seconds=60)
        _say("Sending exams from the sandbox …")
        story = Story(sandbox=sandbox, demo=demo, wait_for=supervisor.wait_for)
        try:
            story.play(reviewer=people["reviewer"])
        except TooSlow as problem:
            # The next start continues.
            _say(f"The demo is not complete yet: {problem}")
        connection.close()
        _announce(demo=demo)
        supervisor.watch()


def _start_servers(*, supervisor: Supervisor, ports: Ports, home: Path) -> None:
    supervisor.start(
        name="sandbox",
        arguments=["-m", "portal", "sandbox"],
        environment=child_environment(
            is_sandbox=True,
            SANDBOX_PORT=str(ports.sandbox),
            SANDBOX_MEDIA_PORT=str(ports.media),
            SANDBOX_DIR=str(home / "sandbox"),
        ),
    )
    supervisor.start(
        name="portal",
        arguments=web_arguments(port=ports.portal),
        environment=child_environment(),
    )


def _announce(*, demo: DemoFile) -> None:
    _say(f"Portal ready at {settings.PUBLIC_URL}")
    _say(f"Sandbox ready at {settings.DEMO_SANDBOX_URL}")
    for role in ROLES:
        _say(f"{role} {demo.address(role)} {demo.data['passwords'][role]}")
    _say("Press Ctrl-C to stop. `make clean` deletes the data.")


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
