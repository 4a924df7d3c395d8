"""The servers of a benchmark: its own cluster, broker, portal and nginx, removed afterwards."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.chaos.servers import Postgres, folder, listens
from tests.e2e.site import Site
from tests.processes import ROOT, free_ports, wait_for

NGINX = """
worker_processes 2;
pid {home}/nginx.pid;
error_log {home}/nginx-error.txt;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 100000;
  default_type application/octet-stream;
  types {{ application/json json; }}
  client_body_temp_path {home}/nginx-body; proxy_temp_path {home}/nginx-proxy;
  fastcgi_temp_path {home}/nginx-fcgi; uwsgi_temp_path {home}/nginx-uwsgi; scgi_temp_path {home}/nginx-scgi;
  server {{
    listen 127.0.0.1:{port};
    root {home}/www;
    location = /api/public/v0/exams/accessible/ {{ try_files /pages/$arg_offset.json /pages/0.json; }}
  }}
}}
"""


def made(path: Path) -> Path:
    """Create a folder that other accounts can enter."""
    path.mkdir()
    path.chmod(0o755)
    return path


@contextmanager
def portal_on_postgres() -> Iterator[tuple[Site, Postgres]]:
    """A migrated portal without running processes, on a cluster that counts its statements."""
    with folder("portal-bench-") as home:
        postgres = Postgres(
            folder=made(home / "pg"), options=["-c shared_preload_libraries=pg_stat_statements"]
        )
        postgres.start()
        try:
            site = Site(folder=made(home / "portal"), database_url=postgres.url)
            site.environment |= {"LOG_LEVEL": "WARNING", "CELERY_BROKER_URL": "memory://"}
            site.run("migrate", "-v", "0")
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
            yield site, postgres
        finally:
            postgres.stop()


@contextmanager
def nginx(home: Path) -> Iterator[str]:
    """Serve `home/www` with nginx and yield its address."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    (port,) = free_ports(1)
    user = "user root;" if os.getuid() == 0 else ""
    config = home / "nginx.conf"
    config.write_text(NGINX.format(home=home, port=port, user=user))
    process = subprocess.Popen([program, "-c", str(config), "-g", "daemon off;"])
    try:
        wait_for(lambda: listens(port), what="nginx's start", seconds=10)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def granian(
    application: str, *, environment: Mapping[str, str], log: Path, path: str = "/", port: int = 0
) -> Iterator[str]:
    """Serve a WSGI application as the portal is served and yield its address."""
    port = port or free_ports(1)[0]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "2", "--blocking-threads", "8", application]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=output,
            stderr=output,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: _answers(url + path), what="granian's first answer", seconds=60)
            # The workers start one after the other.
            time.sleep(3)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.RequestException:
        return False


def run_inside(site: Site, module: str, *arguments: str) -> None:
    """Run a module in the portal's environment and show its output; raises CalledProcessError."""
    environment: dict[str, Any] = {"PATH": os.environ["PATH"], **site.environment}
    environment["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, check=True)
