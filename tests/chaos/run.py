"""One chaos run: start everything, break it, let it settle, compare."""

import json
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.checker import Truth, leaks, problems_of, wrong_failures
from tests.chaos.nemesis import Nemesis
from tests.chaos.servers import Postgres, RabbitMQ, folder
from tests.chaos.site import ChaosSite
from tests.chaos.traffic import CANARIES, Traffic
from tests.cloud import Cloud, CloudCustomer, start_cloud
from tests.e2e.site import hidden
from tests.processes import Process

SLUG = "echo"
DAY = 24 * 3600
LINK = """
from django.contrib.auth import get_user_model
from django.utils import timezone
from foundation.crypto import lookup_digest
from integrations.models import Customer, Link, Service
user = get_user_model().objects.create_user("clinician@example.test", "of-no-use-1234")
for token in {tokens!r}:
    customer, _ = Customer.objects.get_or_create(
        service=Service.objects.get(), token_digest=lookup_digest(token), defaults=dict(token=token)
    )
    Link.objects.create(customer=customer, user=user, state="confirmed", confirmed_at=timezone.now())
"""


@dataclass(frozen=True)
class Plan:
    """The options of a run."""

    seed: int
    submissions: int
    kills: int
    has_servers: bool = False
    settle_seconds: float = 120
    # The shortest and the longest time between two strikes.
    gaps: tuple[float, float] = (0.8, 3.0)


@dataclass
class Outcome:
    """The result of a run."""

    plan: Plan
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.plan} in {self.seconds:.0f} s", json.dumps(self.figures, indent=1)]
        return "\n".join([*lines, *(self.problems or ["Nothing was lost, duplicated or damaged."])])


def run(plan: Plan) -> Outcome:
    """Run it and return the outcome with every problem."""
    began = time.monotonic()
    with ExitStack() as stack:
        home = stack.enter_context(folder("portal-chaos-"))
        process, cloud = start_cloud(directory=_made(home / "sandbox"))
        stack.callback(process.stop)
        site = _start_site(stack, home=home, plan=plan)
        outcome = _Run(plan=plan, cloud=cloud, site=site).whole()
    outcome.seconds = time.monotonic() - began
    return outcome


def _made(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o755)
    return path


def _start_site(stack: ExitStack, *, home: Path, plan: Plan) -> ChaosSite:
    postgres = broker = None
    if plan.has_servers:
        postgres, broker = Postgres(folder=_made(home / "pg")), RabbitMQ(folder=_made(home / "mq"))
        stack.callback(postgres.stop)
        stack.callback(broker.stop)
        broker.start(is_awaited=False)
        postgres.start()
    site = ChaosSite(folder=_made(home / "portal"), postgres=postgres, broker=broker)
    stack.callback(site.stop)
    site.start()
    return site


class _Run:
    def __init__(self, *, plan: Plan, cloud: Cloud, site: ChaosSite) -> None:
        self._plan, self._cloud, self._site = plan, cloud, site
        self._nemesis = Nemesis(site=site, rng=random.Random(plan.seed), gaps=plan.gaps)
        self._key = cloud.new_key()
        self._customers = [cloud.add_customer(name=f"Customer {n}", is_confirmed=True) for n in range(4)]
        self._webhook_url = self._connect()
        self._traffic = Traffic(
            cloud=cloud,
            webhook_url=self._webhook_url,
            linked=self._linked,
            unlinked=self._customers[-1],
            rng=random.Random(plan.seed + 1),
        )

    @property
    def _linked(self) -> list[CloudCustomer]:
        return self._customers[:-1]

    def _connect(self) -> str:
        names = ("--name", "Echo reading", "--base-url", self._cloud.url)
        options = (*names, "--register", "--take", "all")
        setup = self._site.run_json("connect_service", SLUG, *options, CLARIUS_API_KEY=self._key)
        self._site.run("shell", "-v", "0", "-c", LINK.format(tokens=[each.token for each in self._linked]))
        return str(setup["webhook_url"])

    def whole(self) -> Outcome:
        """Break, settle, compare."""
        outcome = Outcome(plan=self._plan, history=self._nemesis.history)
        desk = Process(
            "-m",
            "tests.chaos.desk",
            str(_made(self._site.folder / "desk")),
            log=self._site.folder / "desk.log",
            environment=self._site.environment,
        )
        try:
            self._break()
            self._site.calm()
            self._cloud.clear_faults()
            first = self._settle()
            again = self._settle("retry") if _has_failed(first) else first
        finally:
            desk.kill()
        truth = self._truth()
        self._site.stop_background()
        self._pass_a_day()
        outcome.problems = [
            *wrong_failures(first, truth),
            *problems_of(again, truth, media=self._site.folder / "media"),
            *leaks(self._logs_and_mails(), needles=self._needles()),
        ]
        outcome.figures = self._figures(first, again, truth)
        return outcome

    def _break(self) -> None:
        """Send traffic while the nemesis strikes, and then the rest of it."""
        pause = self._plan.kills * sum(self._plan.gaps) / 2 / max(self._plan.submissions, 1)

        def flow() -> None:
            for _ in range(self._plan.submissions):
                self._nemesis.note(self._traffic.step())
                time.sleep(pause)

        with ThreadPoolExecutor(max_workers=1) as pool:
            flowing = pool.submit(flow)
            while self._nemesis.kill_count < self._plan.kills:
                self._nemesis.strike()
            # Raises errors of the traffic: a run without traffic would prove nothing.
            flowing.result()

    def _settle(self, *wishes: str) -> dict[str, Any]:
        """Poll the whole list, wait until nothing is under way, and return the census."""
        self._poll()
        expected = self._expected(may_fail=not wishes)
        file = self._site.folder / "expected.json"
        file.write_text(json.dumps(expected))
        command = ("-m", "tests.chaos.census", str(file), str(self._plan.settle_seconds), *wishes)
        log = self._site.folder / f"census{len(wishes)}.json"
        process = Process(*command, log=log, environment=self._site.environment)
        process.wait(seconds=self._plan.settle_seconds + 60)
        return dict(json.loads(process.output.splitlines()[-1]))

    def _poll(self) -> None:
        # Another poll may be running, or one that was killed may still have its lease.
        for _ in range(20):
            try:
                self._site.run("poll_exams", "--service", SLUG, "--full")
                return
            except AssertionError:
                time.sleep(1)
        self._nemesis.note("the last poll did not finish")

    def _expected(self, *, may_fail: bool) -> dict[str, list[str]]:
        linked = {each.token for each in self._linked}
        done = ["ready", "failed"] if may_fail else ["ready"]
        listed = {
            row.request_uuid: done if row.customer_id in linked else ["held unlinked"]
            for row in self._cloud.submissions()
        }
        stored = self._traffic.stored()
        return listed | {key: places for key, places in self._traffic.forged.items() if key in stored}

    def _truth(self) -> Truth:
        return Truth(
            submissions=self._cloud.submissions(),
            reports=self._cloud.reports(),
            calls=self._cloud.calls(),
            acknowledged=self._traffic.stored(),
            forged=set(self._traffic.forged),
        )

    def _pass_a_day(self) -> None:
        """Make the files that killed processes left a day old, and run the daily clean-up."""
        then = time.time() - DAY - 60
        paths = [path for path in (self._site.folder / "media").rglob("*") if path.is_file()]
        for path in paths:
            os.utime(path, (then, then))
        self._nemesis.note(self._site.run("collect_files").strip())

    def _logs_and_mails(self) -> str:
        mails = self._site.folder / "mail"
        files = sorted(mails.iterdir()) if mails.is_dir() else []
        return "\n".join([self._site.output(), *(file.read_text() for file in files)])

    def _needles(self) -> dict[str, str]:
        secrets = {
            "the API key": self._key.partition(".")[2],
            "the webhook's secret": self._webhook_url.rstrip("/").rpartition("/")[2],
        }
        secrets |= {f"the token of {each.name}": each.token for each in self._customers}
        secrets |= {f"the portal's secret {n}": each for n, each in enumerate(hidden(self._site.environment))}
        return secrets | {f"a patient's {n}": each for n, each in enumerate(CANARIES)}

    def _figures(self, first: dict[str, Any], again: dict[str, Any], truth: Truth) -> dict[str, Any]:
        return {
            "struck": dict(sorted(self._nemesis.counts.items())),
            "submissions": len(truth.submissions),
            "captures": sum(len(row.captures) for row in truth.submissions),
            "faults": self._traffic.fault_count,
            "notifications acknowledged": len(self._traffic.answered),
            "notifications without an answer": self._traffic.refused_count,
            "after settling": dict(Counter(row["place"] for row in first["submissions"])),
            "after retrying": dict(Counter(row["place"] for row in again["submissions"])),
            "reports": dict(Counter(row["state"] for row in again["reports"])),
            "reports at the Cloud": len(truth.reports),
        }


def _has_failed(census: dict[str, Any]) -> bool:
    return any(row["place"] == "failed" for row in census["submissions"])
