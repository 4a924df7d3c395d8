"""`python manage.py sandbox`: serve a sandbox Clarius Cloud, or run one action in it."""

import argparse
import json
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.wsgi import get_wsgi_application
from django.db import connection

from sandbox import behaviour, notifier
from sandbox.models import Customer
from sandbox.seed.database import seed
from sandbox.seed.exams import available_exams
from sandbox.server import PortTaken, bind, serve


class Command(BaseCommand):
    """Without an action, serve until a signal stops it."""

    help = "Run a sandbox Clarius Cloud, or submit an exam, create an API key or list customers in it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the actions."""
        actions = parser.add_subparsers(dest="action")
        submit = actions.add_parser("submit", help="submit an exam as a customer")
        submit.add_argument("--customer", required=True, help="name or token of the customer")
        submit.add_argument("--exam", required=True, help="slug of a seeded exam")
        submit.add_argument("--no-notify", action="store_true", help="do not call the webhook")
        key = actions.add_parser("key", help="create an API key and print it once")
        key.add_argument("--name", default="initial key")
        actions.add_parser("customers", help="list the customers and their tokens")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the database, then run the action."""
        call_command("migrate", verbosity=0, interactive=False)
        seed()
        action = options.get("action")
        if action is None:
            self._serve()
        elif action == "submit":
            self._submit(options)
        elif action == "key":
            self.stdout.write(behaviour.create_key(name=options["name"])[1])
        else:
            rows = behaviour.customers().values("name", "institution", "token", "confirmed_at")
            self.stdout.write(json.dumps(list(rows), indent=2, default=str))

    def _serve(self) -> None:
        application = get_wsgi_application()
        try:
            servers = [bind(port, application) for port in (settings.PORT, settings.MEDIA_PORT)]
        except PortTaken as error:
            raise CommandError(
                f"{error} Choose another port with SANDBOX_PORT or SANDBOX_MEDIA_PORT."
            ) from error
        available_exams()
        connection.close()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        print(f"Sandbox ready at {settings.PUBLIC_URL}", flush=True)
        serve(servers, stop)
        notifier.stop()

    def _submit(self, options: dict[str, Any]) -> None:
        who = options["customer"]
        customer = Customer.objects.filter(token=who).first() or Customer.objects.filter(name=who).first()
        if customer is None:
            raise CommandError(
                f"Unknown customer {who!r}. List the customers with: manage.py sandbox customers"
            )
        try:
            submission = behaviour.create_submission(
                customer=customer, exam_slug=options["exam"], notify=not options["no_notify"]
            )
        except KeyError:
            known = ", ".join(each.slug for each in available_exams())
            raise CommandError(f"Unknown exam {options['exam']!r}. Choose one of: {known}") from None
        self.stdout.write(str(submission.request_uuid))
