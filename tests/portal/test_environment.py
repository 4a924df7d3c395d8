"""`.env.example` and the settings name the same variables; weak or missing ones stop the start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

# What only `docker compose` reads, and what only the demo sets.
COMPOSE = {"POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "HTTP_BIND"}
DEMO = {"PORTAL_DEMO_FILE", "PORTAL_DEMO_SANDBOX_URL"}
GOOD = {
    "SECRET_KEY": "k9fJ2mQ7xW4bT6zR1vN8cL3hY5pD0sGa",
    "TOKEN_LOOKUP_KEY": "a0Gs5pD3hYcLvN81R6zTb4Wx7Qm2Jf9k",
    "FIELD_ENCRYPTION_KEYS": "c3VpdGUtb25seS1zdWl0ZS1vbmx5LXN1aXRlLW9ubHk=",
}


def _example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def _read() -> set[str]:
    text = (ROOT / "portal/settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text))


def _start(**variables: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process that has only these variables."""
    return subprocess.run(
        [sys.executable, "-c", "import portal.settings as s; print(s.PUBLIC_URL, s.SECURE_SSL_REDIRECT)"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_names_every_variable_and_no_other() -> None:
    assert set(_example()) - COMPOSE == _read() - DEMO


def test_every_variable_of_the_example_has_a_comment_above() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"^#?[A-Z][A-Z_]+=", line):
            above = lines[number - 1]
            assert above.startswith("#") or re.match(r"^#?[A-Z][A-Z_]+=", above), line


def test_the_example_starts_with_secrets_filled_in() -> None:
    filled = _example() | GOOD
    done = _start(**filled)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["http://127.0.0.1:8000", "False"]


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_secret_stops_the_start_and_the_message_names_it(name: str) -> None:
    done = _start(**{key: value for key, value in GOOD.items() if key != name})
    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr
    assert "python -c" in done.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is too weak"),
        ({"TOKEN_LOOKUP_KEY": "change-me-0123456789abcdefghijklmnop"}, "TOKEN_LOOKUP_KEY is too weak"),
        ({"FIELD_ENCRYPTION_KEYS": "not-a-key"}, "FIELD_ENCRYPTION_KEYS contains a value"),
        ({"PUBLIC_URL": "http://portal.example.com"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "https://portal.example.com", "DEBUG": "on"}, "DEBUG must be off"),
    ],
)
def test_a_weak_setting_stops_the_start(variables: dict[str, str], sentence: str) -> None:
    done = _start(**GOOD | variables)
    assert done.returncode != 0
    assert sentence in done.stderr
    for value in GOOD.values():
        assert value not in done.stderr


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgres://portal:first/second@db.example.com:5432/portal"),
        ("CELERY_BROKER_URL", "amqp://portal:first/second@broker.example.com:5672//"),
        ("CELERY_BROKER_URL", "amqp://a:b@one.example.com:5672//;amqp://a:first?second@two.example.com//"),
        ("EMAIL_URL", "smtp+tls://portal:first/second@mail.example.com:587"),
    ],
)
def test_a_password_that_breaks_its_address_stops_the_start_unquoted(name: str, address: str) -> None:
    done = _start(**GOOD | {name: address})
    assert done.returncode != 0
    assert f"{name} cannot be read as an address" in done.stderr
    assert "first" not in done.stderr and "second" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": "sqlite://:memory:"},
        {"DATABASE_URL": "postgres://portal:a#b@one.example.com:5432/portal"},
        {"DATABASE_URL": "postgres://portal:a%2Fb@one.example.com:5432,two.example.com:5432/portal"},
        {"CELERY_BROKER_URL": "amqp://a:b@one.example.com:5672//;amqp://a:b@two.example.com:5672//"},
        {"EMAIL_URL": "smtp+tls://portal@example.com:a%2Fb@mail.example.com:587"},
    ],
)
def test_addresses_of_every_kind_are_read(variables: dict[str, str]) -> None:
    done = _start(**GOOD | variables)
    assert done.returncode == 0, done.stderr


def test_cookies_and_redirect_follow_from_the_public_address() -> None:
    done = _start(**GOOD, PUBLIC_URL="https://portal.example.com/")
    assert done.stdout.split() == ["https://portal.example.com", "True"]


def test_a_file_named_by_the_environment_is_read_and_the_environment_comes_first(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in (_example() | GOOD).items()]
    file = tmp_path / "env"
    file.write_text("\n".join([*lines, "PUBLIC_URL=https://portal.example.com"]))
    done = _start(ENV_FILE=str(file))
    assert done.stdout.split() == ["https://portal.example.com", "True"], done.stderr
    done = _start(ENV_FILE=str(file), PUBLIC_URL="https://other.example.com")
    assert done.stdout.split()[0] == "https://other.example.com", done.stderr


def test_a_missing_file_stops_the_start() -> None:
    done = _start(ENV_FILE="/nowhere/env", **GOOD)
    assert done.returncode != 0
    assert "ENV_FILE names /nowhere/env, which cannot be read." in done.stderr
