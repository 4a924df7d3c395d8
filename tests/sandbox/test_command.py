"""`manage.py sandbox`: its start, its subcommands and its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60
Start = Callable[..., subprocess.Popen[str]]


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path, exams: dict[str, Any]) -> dict[str, str]:
    """A fresh sandbox's environment, on the exams that this run has rendered."""
    folder = Path(os.environ["SANDBOX_DIR"])
    (tmp_path / "exams").symlink_to(folder / "exams")
    port, media_port = free_ports()
    plain = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    own = {"SANDBOX_DIR": str(tmp_path), "SANDBOX_PORT": str(port), "SANDBOX_MEDIA_PORT": str(media_port)}
    return plain | own


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    processes = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sandbox", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate(timeout=SECONDS)


def output_of(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, error
    return out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_when_both_origins_listen_and_stops_on_request(
    start: Start, environment: dict[str, str], number: signal.Signals
) -> None:
    process = start()
    assert process.stdout is not None
    url = f"http://127.0.0.1:{environment['SANDBOX_PORT']}"
    assert process.stdout.readline() == f"Sandbox ready at {url}\n"
    with requests.Session() as session:
        session.trust_env = False
        assert "Sandbox" in session.get(f"{url}/", timeout=SECONDS).text
        assert session.get(f"{url}/api/public/v0/services/settings/", timeout=SECONDS).status_code == 403
        # A delayed notification does not keep the process from stopping.
        control = f"{url}/sandbox/control"
        made = session.post(f"{control}/keys/", json={"name": "x"}, timeout=SECONDS).json()["key"]
        session.patch(
            f"{url}/api/public/v0/services/settings/",
            json={"notification_url": "http://127.0.0.1:9/"},
            headers={"Authorization": f"Service-API-Key {made}"},
            timeout=SECONDS,
        )
        token = session.get(f"{control}/customers/", timeout=SECONDS).json()[0]["token"]
        session.post(f"{control}/notify-mode/", json={"mode": "delay"}, timeout=SECONDS)
        sent = session.post(
            f"{control}/submissions/", json={"customer": token, "exam": "pelvis"}, timeout=SECONDS
        )
        assert sent.status_code == 201
        media = f"http://127.0.0.1:{environment['SANDBOX_MEDIA_PORT']}"
        capture = sent.json()["captures"][0]
        assert session.get(f"{media}/media/{capture['uuid']}/x", timeout=SECONDS).status_code == 403
        assert session.get(f"{media}/api/public/v0/services/settings/", timeout=SECONDS).status_code == 404
    process.send_signal(number)
    out, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, error) == (0, "", "")


@pytest.mark.parametrize("name", ["SANDBOX_PORT", "SANDBOX_MEDIA_PORT"])
def test_a_taken_port_is_reported_in_one_sentence(
    start: Start, environment: dict[str, str], name: str
) -> None:
    with socket.create_server(("127.0.0.1", int(environment[name]))):
        process = start()
        out, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (1, "")
    assert re.fullmatch(rf"CommandError: Port {environment[name]} is taken by another process\. .+\n", error)


def test_an_exam_is_sent_and_a_key_created_without_a_server(
    start: Start, environment: dict[str, str]
) -> None:
    assert re.fullmatch(r"\w{8}\.\w{32}\n", output_of(start("key", "--name", "laptop")))
    customers = json.loads(output_of(start("customers")))
    assert customers[0]["name"] == "Dr. Ada Osei"
    # With an equals sign, since a token may begin with a dash.
    token = f"--customer={customers[0]['token']}"
    by_token = output_of(start("submit", token, "--exam", "pelvis", "--no-notify"))
    assert re.fullmatch(r"[0-9a-f-]{36}\n", by_token)
    unknown = start("submit", "--customer", "Dr. Ada Osei", "--exam", "spleen")
    _, error = unknown.communicate(timeout=SECONDS)
    assert unknown.returncode == 1
    assert "'spleen'" in error and "pelvis" in error and "Traceback" not in error
