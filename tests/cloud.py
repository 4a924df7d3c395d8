"""The sandbox as a process, with a typed client of its control plane."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from django.apps import apps

from tests.processes import Process, free_ports
from tests.rendered import rendered_exams

SECONDS = 30


@dataclass(frozen=True)
class CloudCustomer:
    """A user of the service in the sandbox."""

    token: str
    name: str
    institution: str
    connect_url: str | None


@dataclass(frozen=True)
class CloudCapture:
    """A capture at the Cloud."""

    uuid: str
    name: str
    sha256: str
    size: int
    content_type: str


@dataclass(frozen=True)
class CloudSubmission:
    """The ground truth of one submission."""

    request_uuid: str
    exam_uuid: str
    customer_id: str
    captures: tuple[CloudCapture, ...]


@dataclass(frozen=True)
class CloudReport:
    """A report as the Cloud received it."""

    uuid: str
    request_uuid: str
    name: str
    file_name: str
    sha256: str
    size: int
    content_type: str


def _only(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data.get(name) for name in kind.__dataclass_fields__}


def _submission(data: Mapping[str, Any]) -> CloudSubmission:
    captures = tuple(CloudCapture(**_only(CloudCapture, one)) for one in data["captures"])
    return CloudSubmission(**_only(CloudSubmission, data) | {"captures": captures})


class Cloud:
    """A sandbox Clarius Cloud that runs at `url`, with its media at `media_url`."""

    def __init__(self, *, url: str, media_url: str) -> None:
        self.url = url
        self.media_url = media_url
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one call of the control plane; raises requests.HTTPError with the answer's text."""
        url = f"{self.url}/sandbox/control/{path}"
        answer = self._session.request(method, url, json=body, timeout=SECONDS)
        if answer.status_code >= 400:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    # --- Keys and customers ---
    def new_key(self, *, name: str = "portal") -> str:
        """Return a new API key."""
        return str(self.call("POST", "keys/", {"name": name})["key"])

    def revoke_key(self, *, key: str) -> None:
        """Revoke a key, as another person could."""
        self.call("POST", f"keys/{key.partition('.')[0]}/revoke/")

    def add_customer(
        self,
        *,
        name: str = "Dr. Ada Osei",
        institution: str = "Harbour Clinic",
        token: str | None = None,
        is_confirmed: bool = False,
    ) -> CloudCustomer:
        """Add a user of the service."""
        body: dict[str, object] = {"name": name, "institution": institution, "confirmed": is_confirmed}
        if token is not None:
            body["token"] = token
        return CloudCustomer(**_only(CloudCustomer, self.call("POST", "customers/", body)))

    def is_confirmed(self, *, token: str) -> bool:
        """Return whether the portal has confirmed this customer."""
        rows = self.call("GET", "customers/")
        return any(row["token"] == token and row["confirmed_at"] for row in rows)

    # --- Exams ---
    def submit(
        self,
        *,
        customer: CloudCustomer | str,
        exam: str | None = None,
        patient: Mapping[str, object] | None = None,
        exam_uuid: str | None = None,
        is_notified: bool = True,
        submitted_at: str | None = None,
        capture_count: int | None = None,
    ) -> CloudSubmission:
        """Have a customer send an exam to the service."""
        optional = {
            "patient": patient,
            "exam_uuid": exam_uuid,
            "submitted_at": submitted_at,
            "capture_count": capture_count,
        }
        body: dict[str, object] = {name: value for name, value in optional.items() if value is not None}
        body["customer"] = customer if isinstance(customer, str) else customer.token
        body["exam"] = exam or self.call("GET", "exams/")[0]["slug"]
        body["notify"] = is_notified
        return _submission(self.call("POST", "submissions/", body))

    def submissions(self) -> list[CloudSubmission]:
        """Return the ground truth of every submission."""
        return [_submission(row) for row in self.call("GET", "submissions/")]

    def reports(self, *, request_uuid: str | None = None) -> list[CloudReport]:
        """Return the reports that arrived, of one submission or of all."""
        rows = [CloudReport(**_only(CloudReport, row)) for row in self.call("GET", "reports/")]
        return [row for row in rows if request_uuid in (None, row.request_uuid)]

    # --- Behaviour ---
    def fault(self, *, match: str, kind: str, times: int = 1, **options: object) -> None:
        """Make the next `times` calls of an endpoint fail."""
        self.call("POST", "faults/", {"match": match, "kind": kind, "times": times, **options})

    def clear_faults(self) -> None:
        """Remove every fault."""
        self.call("DELETE", "faults/")

    def expire_links(self) -> None:
        """Expire every media link issued so far."""
        self.call("POST", "links/expire/")

    def notify_again(self, *, request_uuid: str) -> None:
        """Send the notification of a submission again."""
        self.call("POST", "notifications/", {"request_uuid": request_uuid})

    def forge(self, *, payload: Mapping[str, object]) -> None:
        """Send any payload to the notification URL."""
        self.call("POST", "notifications/", {"forge": dict(payload)})

    def notify_mode(self, mode: str) -> None:
        """Send, drop, repeat or delay every notification from now on."""
        self.call("POST", "notify-mode/", {"mode": mode})

    def calls(self, *, path: str = "") -> list[dict[str, Any]]:
        """Return the calls received, those whose path contains `path`."""
        return [row for row in self.call("GET", "calls/") if path in row["path"]]

    def reset(self) -> Self:
        """Delete everything except the rendered exams."""
        self.call("POST", "reset/")
        return self


def start_cloud(*, directory: Path) -> tuple[Process, Cloud]:
    """Start a sandbox whose data lives in `directory`, on free ports."""
    port, media_port = free_ports(2)
    with rendered_exams(directory):
        process = Process(
            "manage.py",
            "sandbox",
            log=directory / "sandbox.log",
            environment={
                "SANDBOX_PORT": str(port),
                "SANDBOX_MEDIA_PORT": str(media_port),
                "SANDBOX_DIR": str(directory),
            },
        )
        try:
            process.wait_for_line(f"Sandbox ready at http://127.0.0.1:{port}", seconds=120)
        except AssertionError:
            process.kill()
            raise
    return process, Cloud(url=f"http://127.0.0.1:{port}", media_url=f"http://127.0.0.1:{media_port}")


@pytest.fixture(scope="session")
def cloud_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A sandbox that runs as long as the suite; use `cloud`, which starts empty."""
    process, cloud = start_cloud(directory=tmp_path_factory.mktemp("sandbox"))
    yield cloud
    process.stop()


@pytest.fixture
def cloud(cloud_process: Cloud) -> Cloud:
    """An empty Clarius Cloud without faults."""
    return cloud_process.reset()


@pytest.fixture
def cloud_service(cloud: Cloud, db: None) -> Any:
    """A portal service with a working API key at the running sandbox; nothing is registered there."""
    service = apps.get_model("integrations", "Service").objects.create(
        slug="echo", name="Echo reading", base_url=cloud.url, is_sandbox=True, take="all"
    )
    key = cloud.new_key()
    service.api_keys.create(prefix=key.partition(".")[0], name="portal", secret=key, is_in_use=True)
    return service
