"""Databases with the portal's tables: migrated once for all processes of a test run, then copied.

The process that starts the run makes a folder for it and names it in the environment of the others; its end
removes the folder and what was migrated.
"""

import fcntl
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from tests.processes import ROOT

VARIABLE = "PORTAL_TEST_RUN"


def begin_run() -> None:
    """Share one migrated database among this process and those it starts."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="portal-test-run-")


def end_run() -> None:
    """Remove the migrated database if there is one."""
    folder = _run()
    if _server() and (folder / "migrated").exists():
        _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", folder.name)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def migrated_copy(folder: Path) -> Iterator[str]:
    """Yield the URL of a migrated database for one test; on SQLite it is a file in the folder."""
    if not _server():
        copy = folder / "portal.sqlite3"
        _copy_file(copy)
        yield f"sqlite:///{copy}"
        return
    name = f"portal_e2e_{secrets.token_hex(6)}"
    _on_server("CREATE DATABASE {} TEMPLATE {}", name, _template())
    try:
        yield _url_of(name)
    finally:
        _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_keepdb: bool
) -> Iterator[None]:
    """Create the test database as a copy; one that is kept between runs is migrated in place."""
    with pytest.MonkeyPatch.context() as patch:
        if not django_db_keepdb:
            patch.setattr(type(connection.creation), "create_test_db", _create_as_copy)
        yield


def _create_as_copy(
    creation: Any,
    verbosity: int = 1,
    autoclobber: bool = False,
    serialize: bool = False,
    keepdb: bool = False,
) -> str:
    settings = creation.connection.settings_dict
    if _server():
        settings["TEST"]["TEMPLATE"] = _template()
    name = str(creation._create_test_db(verbosity, autoclobber, keepdb))
    creation.connection.close()
    settings["NAME"] = name
    if not _server():
        _copy_file(Path(name))
    return name


def _template() -> str:
    """Return the name of the migrated database; the first process creates it while the others wait."""
    folder = _run()
    name = folder.name if _server() else str(folder / "migrated.sqlite3")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "migrated").exists():
            if _server():
                _on_server("CREATE DATABASE {}", name)
            _migrate(_url_of(name) if _server() else f"sqlite:///{name}")
            (folder / "migrated").touch()
    return name


def _migrate(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-3000:]}"


def _copy_file(copy: Path) -> None:
    with closing(sqlite3.connect(_template())) as migrated, closing(sqlite3.connect(copy)) as target:
        # Copies what is still in the journal too.
        migrated.backup(target)


def _run() -> Path:
    return Path(os.environ[VARIABLE])


def _server() -> str:
    """Return the URL of the server, or "" if the databases are files."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


def _url_of(name: str) -> str:
    return urlunsplit(urlsplit(_server())._replace(path=f"/{name}"))


def _on_server(statement: str, *names: str) -> None:
    with psycopg.connect(_server(), autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
