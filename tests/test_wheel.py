"""The wheel, installed outside the checkout, is the whole portal and keeps its data where it is started."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.e2e.person import PASSWORD, Person
from tests.processes import ROOT, Process, free_ports
from tests.rendered import rendered_exams

EMAIL = "first@example.test"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


class Installed:
    """The wheel in an environment of its own, which borrows every other package from this one."""

    def __init__(self, folder: Path) -> None:
        self.environment = folder / "environment"
        self.home = folder / "home"
        self.home.mkdir()
        self._run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
        self._run(sys.executable, "-m", "venv", str(self.environment))
        (wheel,) = folder.glob("*.whl")
        self._run(self.program("pip"), "install", "-q", "--no-index", "--no-deps", "--no-compile", str(wheel))
        (packages,) = self.environment.glob("lib/python*/site-packages")
        # Behind the environment's own packages.
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
        self.packages = packages

    def program(self, name: str) -> str:
        """Return the path of a program of the environment."""
        return str(self.environment / "bin" / name)

    def run(self, *arguments: str, **variables: str) -> str:
        """Run the portal's command in the empty folder and return what it printed."""
        return self._run(self.program("integrator-portal"), *arguments, **variables)

    def start(self, *arguments: str, name: str) -> Process:
        """Start the portal's command in the empty folder."""
        return Process(
            *arguments,
            program=self.program("integrator-portal"),
            folder=self.home,
            log=self.home.parent / f"{name}.log",
            environment={},
        )

    def _run(self, *command: str, cwd: Path | None = None, **variables: str) -> str:
        done = subprocess.run(
            command,
            cwd=cwd or self.home,
            env={"PATH": os.environ["PATH"], "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def person(installed: Installed) -> Iterator[Person]:
    """The first administrator, logged in; the portal was started as the README says."""
    installed.run("migrate", "-v", "0")
    installed.run("createsuperuser", "--noinput", "--email", EMAIL, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    (port,) = free_ports(1)
    running = [
        installed.start("serve", "--port", str(port), name="serve"),
        installed.start("worker", name="worker"),
    ]
    try:
        running[0].wait_for_line("Started worker-1")
        mail = installed.home / "var" / "mail"
        someone = Person(f"http://127.0.0.1:{port}", email=EMAIL, mail_folder=mail)
        someone.log_in()
        someone.confirm_address()
        yield someone
    finally:
        for process in running:
            process.stop()


def _linked_files(person: Person) -> set[str]:
    """Return the static files that the page links, and those that its stylesheets name."""
    pattern = r"""(?:href|src)=["'](/static/[^"']+)["']"""
    found = set(re.findall(pattern, person.page.html))
    for sheet in [each for each in found if each.endswith(".css")]:
        text = person.fetch(sheet).text
        found |= {
            urljoin(sheet, name) for name in re.findall(r"url\(['\"]?([^'\")]+)", text) if ":" not in name
        }
    return found


@pytest.mark.parametrize("address", ["/accounts/login/", "/worklist/", "/admin/", "/"])
def test_every_page_has_its_styles_scripts_and_fonts(person: Person, address: str) -> None:
    visitor = Person(person.here, email=EMAIL) if "login" in address else person
    visitor.visit(address)
    files = _linked_files(visitor)
    assert any(name.endswith(".css") for name in files)
    for name in files:
        answer = visitor.fetch(name)
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["Cache-Control"], name


def test_the_fonts_of_the_administration_are_among_them(person: Person) -> None:
    person.visit("/admin/")
    assert any(name.endswith(".woff2") for name in _linked_files(person))


def test_the_data_is_in_the_folder_of_the_start_and_not_among_the_packages(
    installed: Installed, person: Person
) -> None:
    assert {each.name for each in installed.home.iterdir()} == {"var"}
    assert {"portal.sqlite3", "secrets.env", "mail", "static"} <= {
        each.name for each in (installed.home / "var").iterdir()
    }
    assert (installed.home / "var" / "secrets.env").stat().st_mode & 0o077 == 0
    assert not list(installed.packages.rglob("*.sqlite3"))


def test_another_folder_can_be_named(installed: Installed, tmp_path: Path) -> None:
    installed.run("migrate", "-v", "0", VAR_DIR=str(tmp_path / "data"))
    assert (tmp_path / "data" / "portal.sqlite3").exists()


def test_the_demo_starts_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    port, sandbox, media = free_ports(3)
    process = Process(
        "demo",
        program=installed.program("integrator-portal"),
        folder=tmp_path,
        log=tmp_path.parent / f"{tmp_path.name}.log",
        environment={"PORT": str(port), "SANDBOX_PORT": str(sandbox), "SANDBOX_MEDIA_PORT": str(media)},
    )
    try:
        with rendered_exams(tmp_path / "var" / "sandbox"):
            # By then the sandbox, the web server and the worker have done their part.
            process.wait_for_line("Sending exams", seconds=240)
    finally:
        process.stop(seconds=40)
    assert process.exit_code == 0
    assert {each.name for each in tmp_path.iterdir()} == {"var"}
