"""The image, the compose file, nginx and their documentation match the settings."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import load_command_class
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from background.lifecycle import STOP_GRACE_SECONDS
from tests.processes import ROOT

PORTAL = ("migrate", "web", "worker", "beat")
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "docker/compose.yaml").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]
    return services


def _example(pattern: str = r"^#?([A-Z][A-Z_]+)=") -> set[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(pattern, text, re.MULTILINE))


def _image_environment() -> dict[str, str]:
    """Return the variables that the last stage of the image sets."""
    lines = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    return dict(re.findall(r"([A-Z_]+)=(\S+)", lines[-1]))


def _web_command() -> list[str]:
    # The last CMD of the file; the one before belongs to the health check.
    command: list[str] = json.loads(DOCKERFILE.rpartition("\nCMD ")[2].replace("\\\n", ""))
    return command


def test_compose_and_the_image_set_no_variable_that_the_portal_does_not_read() -> None:
    for name in PORTAL:
        assert set(_services()[name]["environment"]) <= _example()
    others = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "SANDBOX_DIR"}
    assert set(_image_environment()) - others <= _example()


def test_compose_asks_for_no_variable_that_the_example_does_not_explain() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE_TEXT))
    assert {"POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"} < asked <= _example()


def test_the_sandbox_of_compose_gets_variables_that_it_reads() -> None:
    text = (ROOT / "sandbox/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'environ\.get\("(SANDBOX_[A-Z_]+)"', text))
    assert set(_services()["sandbox"]["environment"]) | {"SANDBOX_DIR"} <= read


def test_files_are_in_the_volume_where_compose_expects_them() -> None:
    image = _image_environment()
    for name in PORTAL:
        service = _services()[name]
        assert service["volumes"] == ["data:/data"]
        assert service["environment"]["MEDIA_ROOT"] == image["MEDIA_ROOT"]
        assert service["environment"]["STATIC_ROOT"] == image["STATIC_ROOT"]
        assert image["EMAIL_URL"] in service["environment"]["EMAIL_URL"]
    for name in ("DATABASE_URL", "MEDIA_ROOT", "EMAIL_URL", "SANDBOX_DIR"):
        assert re.sub(r"^[a-z]+:/*", "/", image[name]).startswith("/data/")


@pytest.mark.parametrize("name", PORTAL)
def test_a_process_cannot_write_elsewhere_or_gain_privileges(name: str) -> None:
    service = _services()[name]
    assert service["read_only"] is True and service["init"] is True
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert "\nUSER 10001:10001\n" in DOCKERFILE


def test_the_commands_are_those_of_the_documents() -> None:
    services = _services()
    web = " ".join(_web_command()).removesuffix(" --host 0.0.0.0")
    worker = " ".join(services["worker"]["command"]).replace("${WORKER_THREADS:-4}", "4")
    for command in (web, worker, " ".join(services["beat"]["command"])):
        assert f"`{command}`" in OPERATIONS
    assert "command" not in services["web"]
    assert services["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]


def test_a_worker_has_more_time_to_stop_than_it_needs() -> None:
    grace = _services()["worker"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) > STOP_GRACE_SECONDS + 2


def test_postgresql_allows_a_connection_for_every_thread() -> None:
    parser = load_command_class("portal", "serve").create_parser("manage.py", "serve")
    served = parser.parse_args(_web_command()[3:])
    threads = served.threads * served.workers
    allowed = int(_services()["postgres"]["command"][-1].removeprefix("max_connections="))
    assert threads + 32 < allowed


def test_nginx_accepts_the_largest_report() -> None:
    text = (ROOT / "docker/nginx.conf").read_text(encoding="utf-8")
    default = int(_example(r"^REPORT_MAX_MB=(\d+)$").pop())
    assert int(re.findall(r"^  client_max_body_size (\d+)m;", text, re.MULTILINE)[0]) > default


def test_nginx_forwards_the_headers_of_a_trusted_proxy() -> None:
    text = (ROOT / "docker/nginx.conf").read_text(encoding="utf-8")
    # The same proxies are trusted for the client's address and for the scheme.
    trusted = re.findall(r"set_real_ip_from (\S+);", text)
    assert trusted and trusted == re.findall(r"^    (\S+)\s+1;", text, re.MULTILINE)
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "proxy_set_header X-Forwarded-Proto $client_scheme;" in text
    # nginx forwards one address, however many proxies there are.
    assert {_services()[name]["environment"]["TRUSTED_PROXY_COUNT"] for name in PORTAL} == {"1"}


def test_the_image_contains_only_what_runs() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    included = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert included == {"manage.py", "requirements", "docker/healthcheck.py", *packages}
    # The last matching rule decides: hidden files stay out of included folders.
    assert rules[-3:] == ["**/.*", "**/__pycache__", "**/*.pyc"]


def test_the_documents_name_every_setting_that_a_first_start_needs() -> None:
    section = OPERATIONS.partition("## In containers")[2].partition("\n## ")[0]
    secrets = {"SECRET_KEY", "TOKEN_LOOKUP_KEY", "FIELD_ENCRYPTION_KEYS"}
    required = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE_TEXT)) | secrets
    named = set(re.findall(r"`([A-Z_]+)`", section))
    assert required < named <= _example()
    # The section also names the variables that compose sets itself.
    fixed = {key for key, value in _services()["web"]["environment"].items() if f"${{{key}" not in value}
    assert fixed <= named


def test_hadolint_finds_nothing_in_the_image() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [hadolint, "docker/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_pyav_that_is_built_on_debian_is_one_that_the_portal_accepts() -> None:
    text = (ROOT / "requirements/av-debian.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^av==(\S+)", text, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (range_,) = [each for each in project["project"]["dependencies"] if each.startswith("av>")]
    assert Version(version) in SpecifierSet(range_.removeprefix("av"))
    assert "--hash=sha256:" in text
