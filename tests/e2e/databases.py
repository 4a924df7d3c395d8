"""Databases for portals that run as processes: the tables are made once, and each portal gets a copy."""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

# Makes the tables of an empty database, given by its URL.
Migrate = Callable[[str], object]
# Yields the URL of a database of one's own.
Copies = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def copies(*, folder: Path, migrate: Migrate) -> Iterator[Copies]:
    """Yield what copies a migrated database: of SQLite, or on the server that `DATABASE_URL` names."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield _copies_of_a_file(folder / "empty.sqlite3", migrate=migrate)
        return
    with _database(server) as name:
        migrate(_url_of(server, name))
        yield lambda _: _copy_of_a_database(server, template=name)


def _copies_of_a_file(source: Path, *, migrate: Migrate) -> Copies:
    migrate(f"sqlite:///{source}")

    @contextmanager
    def copied(folder: Path) -> Iterator[str]:
        copy = folder / "portal.sqlite3"
        with closing(sqlite3.connect(source)) as empty, closing(sqlite3.connect(copy)) as connection:
            # Whatever its journal may hold still is copied too.
            empty.backup(connection)
        yield f"sqlite:///{copy}"

    return copied


@contextmanager
def _copy_of_a_database(server: str, *, template: str) -> Iterator[str]:
    with _database(server, template=template) as name:
        yield _url_of(server, name)


@contextmanager
def _database(server: str, *, template: str = "template1") -> Iterator[str]:
    name = f"portal_e2e_{secrets.token_hex(6)}"
    _on_server(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield name
    finally:
        _on_server(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _url_of(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _on_server(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
