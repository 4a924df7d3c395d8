"""Traffic during a run: exams are submitted and notified once, three times or never, and calls fail."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.cloud import Cloud, CloudCustomer

EXAMS = ("lymph-node", "obstetric", "canine-cardiac", "vessel-doppler")
CANARIES = ("Zephyrine", "Canarywood", "CANARY-77120", "1933-03-31")
PATIENT = dict(zip(("first_name", "last_name", "identifier", "date_of_birth"), CANARIES, strict=True))
# Endpoint, kind and options of faults; each happens once whenever it is drawn.
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("media", "status", {"status": 500}),
    ("media", "status", {"status": 429, "headers": {"Retry-After": "1"}}),
    ("media", "cut", {}),
    ("media", "truncate", {}),
    ("media", "no_length", {"fraction": 0.5}),
    ("media", "delay", {"seconds": 2}),
    ("media", "html", {}),
    ("download", "status", {"status": 500}),
    ("download", "status", {"status": 429, "headers": {"Retry-After": "1"}}),
    ("download", "status", {"status": 404, "body": "json"}),
    ("download", "status", {"status": 410}),
    ("download", "cut", {}),
    ("download", "truncate", {}),
    ("download", "delay", {"seconds": 2}),
    ("accessible", "status", {"status": 500}),
    ("accessible", "cut", {}),
    ("accessible", "reorder", {}),
    ("accessible", "grow", {"count": 1}),
    ("accessible", "empty_list", {}),
    ("report", "status", {"status": 500}),
    ("report", "status", {"status": 400}),
    ("report", "status", {"status": 429, "headers": {"Retry-After": "1"}}),
    ("report", "cut", {}),
    ("report", "cut_after", {}),
)


@dataclass
class Traffic:
    """Sends exams and faults; `answered` has each notification of ours and the status of its answer."""

    cloud: Cloud
    webhook_url: str
    linked: list[CloudCustomer]
    unlinked: CloudCustomer
    rng: random.Random
    answered: list[tuple[str, int]] = field(default_factory=list)
    refused_count: int = 0
    forged: dict[str, list[str]] = field(default_factory=dict)
    fault_count: int = 0

    def step(self) -> str:
        """Let one thing happen and return what it was."""
        kind = self.rng.choices(("once", "thrice", "never", "unlinked"), weights=(5, 3, 3, 1))[0]
        customer = self.unlinked if kind == "unlinked" else self.rng.choice(self.linked)
        self._go_wrong()
        truth = self.cloud.submit(
            customer=customer,
            exam=self.rng.choice(EXAMS),
            patient=PATIENT,
            is_notified=kind in ("once", "unlinked"),
            capture_count=self.rng.choice((1, 2, 3)),
        )
        if kind == "thrice":
            self._notify([(truth.request_uuid, customer.token)] * 3)
        if self.rng.random() < 0.15:
            self._forge()
        if self.rng.random() < 0.1:
            self.cloud.expire_links()
        return f"submitted {truth.request_uuid} ({kind})"

    def _go_wrong(self) -> None:
        if self.rng.random() < 0.5:
            match, kind, options = self.rng.choice(FAULTS)
            self.cloud.fault(match=match, kind=kind, **options)
            self.fault_count += 1

    def _forge(self) -> None:
        """Claim a submission that the Cloud does not know, for one of its customers or for nobody's."""
        request_uuid, is_known = str(uuid.UUID(int=self.rng.getrandbits(128))), self.rng.random() < 0.5
        token = self.rng.choice(self.linked).token if is_known else f"made-up-{request_uuid}"
        self._notify([(request_uuid, token)])
        # It may stay in this state, or be missing if the web server was down.
        self.forged[request_uuid] = ["held unconfirmed" if is_known else "held unlinked"]

    def _notify(self, sent: list[tuple[str, str]]) -> None:
        with ThreadPoolExecutor(max_workers=len(sent)) as pool:
            for (request_uuid, _), status in zip(sent, pool.map(self._post, sent), strict=True):
                if status is None:
                    self.refused_count += 1
                else:
                    self.answered.append((request_uuid, status))

    def _post(self, notification: tuple[str, str]) -> int | None:
        request_uuid, customer_id = notification
        payload = {"request_uuid": request_uuid, "customer_id": customer_id}
        try:
            return requests.post(self.webhook_url, json=payload, timeout=20).status_code
        except requests.RequestException:
            return None

    def stored(self) -> set[str]:
        """Return what was acknowledged, and therefore has to be stored."""
        return {request_uuid for request_uuid, status in self.answered if 200 <= status < 300}
