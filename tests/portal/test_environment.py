"""`.env.example` and the settings name the same variables; weak or missing ones stop the start."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured

from tests.portal.loading import GOOD, load_settings
from tests.processes import ROOT

# What only `docker compose` reads, and what only the demo sets.
COMPOSE = {"POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "HTTP_BIND"}
DEMO = {"PORTAL_DEMO_FILE", "PORTAL_DEMO_SANDBOX_URL"}


def _example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def _read() -> set[str]:
    text = (ROOT / "portal/settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text))


def _refused(**variables: str) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        load_settings(**GOOD | variables)
    return str(caught.value)


def test_the_example_names_every_variable_and_no_other() -> None:
    assert set(_example()) - COMPOSE == _read() - DEMO


def test_every_variable_of_the_example_has_a_comment_above() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"^#?[A-Z][A-Z_]+=", line):
            above = lines[number - 1]
            assert above.startswith("#") or re.match(r"^#?[A-Z][A-Z_]+=", above), line


def test_the_example_starts_with_secrets_filled_in() -> None:
    loaded = load_settings(**_example() | GOOD)
    assert (loaded["PUBLIC_URL"], loaded["SECURE_SSL_REDIRECT"]) == ("http://127.0.0.1:8000", False)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_secret_stops_the_start_and_the_message_names_it(name: str) -> None:
    sentence = _refused(**{name: ""})
    assert f"{name} is not set" in sentence
    assert "python -c" in sentence


def test_a_command_with_a_missing_secret_ends_with_the_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PUBLIC_URL": "https://portal.example.com"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is too weak"),
        ({"TOKEN_LOOKUP_KEY": "change-me-0123456789abcdefghijklmnop"}, "TOKEN_LOOKUP_KEY is too weak"),
        ({"FIELD_ENCRYPTION_KEYS": "not-a-key"}, "FIELD_ENCRYPTION_KEYS contains a value"),
        ({"PUBLIC_URL": "http://portal.example.com"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "https://portal.example.com", "DEBUG": "on"}, "DEBUG must be off"),
        ({"PUBLIC_URL": "https://portal.example.com/portal"}, "PUBLIC_URL must be scheme, host and port"),
        ({"PUBLIC_URL": "https://a:b@portal.example.com"}, "PUBLIC_URL must be scheme, host and port"),
        ({"PUBLIC_URL": "https://portal.example.com:x"}, "PUBLIC_URL must be an address"),
        ({"PUBLIC_URL": "portal.example.com"}, "PUBLIC_URL must be an address"),
        ({"PUBLIC_URL": "https://a b"}, "PUBLIC_URL must be an address"),
        ({"PUBLIC_URL": "https://münchen.example"}, "is written as browsers send it: xn--…"),
        ({"PUBLIC_URL": "https://portal.example.com?"}, "PUBLIC_URL must be scheme, host and port"),
        (
            {"PUBLIC_URL": "https://portal.example.com", "PORTAL_DEMO_FILE": "demo.json"},
            "PORTAL_DEMO_FILE lets everybody in",
        ),
        (
            {"SIGNUP_OPEN": "ture"},
            "SIGNUP_OPEN must be one of true, on, yes, 1, false, off, no, 0, not 'ture'.",
        ),
        ({"DEBUG": "enabled"}, "DEBUG must be one of"),
        ({"WORKER_THREADS": "0"}, "WORKER_THREADS must be a number from 1 to 64, not 0."),
        ({"STUCK_SECONDS": "2"}, "STUCK_SECONDS must be 0 or at least 5"),
        ({"POLL_MINUTES": "-5"}, "POLL_MINUTES must be a number from 1 to 1440, not -5."),
        ({"POLL_MINUTES": "15m"}, "POLL_MINUTES must be a whole number, not '15m'."),
        ({"TRUSTED_PROXY_COUNT": "true"}, "TRUSTED_PROXY_COUNT must be a whole number"),
        ({"RECORDS_RETENTION_DAYS": "9" * 30}, "RECORDS_RETENTION_DAYS must be a number from 14 to 36500"),
        ({"EGRESS_ALLOWED_NETWORKS": "10.0.0.0/8, ten"}, "EGRESS_ALLOWED_NETWORKS contains 'ten'"),
        ({"EGRESS_ALLOWED_NETWORKS": "10.1.2.3/8"}, "which is not a network such as 10.1.0.0/16"),
        ({"ALERT_EMAILS": "ada@example.com, nobody"}, "ALERT_EMAILS contains 'nobody'"),
        ({"DEFAULT_FROM_EMAIL": "Portal <portal>"}, "DEFAULT_FROM_EMAIL contains 'Portal <portal>'"),
        ({"LOG_LEVEL": "verbose"}, "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'VERBOSE'."),
        (
            {"DATABASE_URL": "mysql://a:b@db.example.com/portal"},
            "DATABASE_URL must begin with one of sqlite://",
        ),
        ({"DATABASE_URL": "postgres://a:b@db.example.com"}, "DATABASE_URL names no database"),
        ({"CELERY_BROKER_URL": "broker.example.com"}, "CELERY_BROKER_URL must begin with one of memory://"),
        ({"EMAIL_URL": "mail.example.com"}, "EMAIL_URL must begin with one of smtp://"),
        ({"EMAIL_URL": "smtp+tls://"}, "EMAIL_URL names no mail server"),
        ({"MEDIA_ROOT": __file__}, "which is not a folder"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(variables: dict[str, str], sentence: str) -> None:
    refused = _refused(**variables)
    assert sentence in refused
    for value in GOOD.values():
        assert value not in refused


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
    refused = _refused(**{name: address})
    assert f"{name} cannot be read as an address" in refused
    assert "first" not in refused and "second" not in refused


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
    load_settings(**GOOD | variables)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(**dict.fromkeys(_example(), "") | GOOD)["POLL_MINUTES"] == 15


def test_a_mail_domain_inside_a_network_may_have_one_label() -> None:
    loaded = load_settings(**GOOD, DEFAULT_FROM_EMAIL="Portal <portal@mailhost>")
    assert loaded["SERVER_EMAIL"] == "Portal <portal@mailhost>"


def test_a_secret_may_begin_with_a_dollar_sign() -> None:
    assert load_settings(**GOOD | {"SECRET_KEY": "$" + GOOD["SECRET_KEY"]})["SECRET_KEY"].startswith("$")


@pytest.mark.parametrize(
    ("changes", "sentence", "is_fatal"),
    [
        ({"IS_HTTPS": True}, "every page redirects to itself", True),
        ({"MEDIA_ROOT": ROOT / "static/media"}, "MEDIA_ROOT is inside a folder of static files", True),
        ({"TOKEN_LOOKUP_KEY": GOOD["SECRET_KEY"]}, "SECRET_KEY and TOKEN_LOOKUP_KEY are the same", False),
        ({"EGRESS_ALLOWED_NETWORKS": ("::/0",)}, "EGRESS_ALLOWED_NETWORKS contains every address", False),
        ({"CAPTURE_MAX_MB": 9000}, "CAPTURE_MAX_MB is larger than SUBMISSION_MAX_MB", False),
        ({"POLL_MINUTES": 120, "FULL_POLL_HOURS": 1}, "POLL_MINUTES is longer than FULL_POLL_HOURS", False),
    ],
)
def test_every_command_checks_for_settings_that_contradict_each_other(
    settings: Any, changes: dict[str, Any], sentence: str, is_fatal: bool
) -> None:
    settings.SECRET_KEY = GOOD["SECRET_KEY"]
    assert not _find_contradictions()
    for name, value in changes.items():
        setattr(settings, name, value)
    (found,) = _find_contradictions()
    assert sentence in found.msg
    assert found.is_serious() == is_fatal


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(settings: Any) -> None:
    loaded = load_settings(**GOOD, GRANTS_NEED_TOW="true", POLL_MINUTE="5", HOME_PAGE="other", LOG_LEVELS="")
    assert loaded["MISSPELT_VARIABLES"] == {
        "GRANTS_NEED_TOW": "GRANTS_NEED_TWO",
        "POLL_MINUTE": "POLL_MINUTES",
    }
    settings.MISSPELT_VARIABLES = {"POLL_MINUTE": "POLL_MINUTES"}
    (found,) = _find_contradictions()
    assert found.msg == "The variable POLL_MINUTE has no effect. Did you mean POLL_MINUTES?"
    assert not found.is_serious()


def test_no_variable_of_the_example_counts_as_misspelt() -> None:
    filled = {name: value for name, value in _example().items() if value} | GOOD
    unread = dict.fromkeys(COMPOSE, "x") | {"HTTP_BIND": "127.0.0.1:8080"}
    assert load_settings(**filled | unread)["MISSPELT_VARIABLES"] == {}


def _find_contradictions() -> list[CheckMessage]:
    return [each for each in run_checks() if each.id == "settings"]


def test_cookies_and_redirect_follow_from_the_public_address() -> None:
    loaded = load_settings(**GOOD, PUBLIC_URL="https://portal.example.com/")
    assert (loaded["PUBLIC_URL"], loaded["SECURE_SSL_REDIRECT"]) == ("https://portal.example.com", True)


@pytest.mark.parametrize(
    "url", ["HTTPS://Portal.Example.com:8443", "https://[::1]:8000", "https://xn--a.example"]
)
def test_a_public_address_is_read_as_browsers_write_it(url: str) -> None:
    assert load_settings(**GOOD, PUBLIC_URL=url)["PUBLIC_URL"] == url.lower()


def test_a_file_named_by_the_environment_is_read_and_the_environment_comes_first(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in (_example() | GOOD).items()]
    file = tmp_path / "env"
    file.write_text("\n".join([*lines, "PUBLIC_URL=https://portal.example.com"]))
    assert load_settings(ENV_FILE=str(file))["PUBLIC_URL"] == "https://portal.example.com"
    loaded = load_settings(ENV_FILE=str(file), PUBLIC_URL="https://other.example.com")
    assert loaded["PUBLIC_URL"] == "https://other.example.com"


def test_a_missing_file_stops_the_start() -> None:
    refused = _refused(ENV_FILE="/nowhere/env")
    assert refused == "ENV_FILE names /nowhere/env, which cannot be read."


def test_a_trial_on_this_machine_makes_its_secrets_once(tmp_path: Path) -> None:
    first = load_settings(VAR_DIR=str(tmp_path / "var"))
    file = tmp_path / "var" / "secrets.env"
    assert file.stat().st_mode & 0o777 == 0o600
    made = file.read_text()
    assert {line.partition("=")[0] for line in made.splitlines()} == set(GOOD)
    again = load_settings(VAR_DIR=str(tmp_path / "var"))
    assert all(again[name] == first[name] for name in GOOD)
    assert [each.name for each in file.parent.iterdir()] == ["secrets.env"]


def test_processes_that_start_together_have_the_same_secrets(tmp_path: Path) -> None:
    code = "import portal.settings as s; print(s.SECRET_KEY, s.FIELD_ENCRYPTION_KEYS)"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    printed = {process.communicate(timeout=60)[0] for process in started}
    assert len(printed) == 1 and printed != {b""}


def test_a_portal_that_others_can_reach_makes_no_secrets(tmp_path: Path) -> None:
    public = dict.fromkeys(GOOD, "") | {"VAR_DIR": str(tmp_path), "PUBLIC_URL": "https://portal.example.com"}
    sentence = _refused(**public)
    assert all(name in sentence for name in GOOD)
    assert not list(tmp_path.iterdir())
    # After a trial the message says how its data stays readable.
    load_settings(VAR_DIR=str(tmp_path))
    file = str(tmp_path / "secrets.env")
    assert f"set ENV_FILE={file}" in _refused(**public)
    load_settings(
        VAR_DIR=str(tmp_path), PUBLIC_URL="https://portal.example.com", TRUSTED_PROXY_COUNT="1", ENV_FILE=file
    )


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = _refused(**dict.fromkeys(GOOD, ""), VAR_DIR=str(tmp_path / "file" / "var"))
    assert "Set VAR_DIR to a folder that can be written to" in refused
