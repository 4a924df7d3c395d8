"""Servers for tests to break: a PostgreSQL cluster and a RabbitMQ node in a folder, on free ports."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.processes import Guard, free_ports, wait_for

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
BASE = Path(tempfile.gettempdir())


def postgres_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def missing() -> str:
    """Return what is missing on this machine to run both servers, or ""."""
    if postgres_binaries() is None:
        return "PostgreSQL's initdb is not installed"
    if not RABBITMQ.exists() or shutil.which("epmd") is None:
        return "rabbitmq-server is not installed"
    return ""


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Yield a folder that other accounts can enter; it is removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=BASE))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def listens(port: int) -> bool:
    """Return whether anything listens on a port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Postgres:
    """A cluster with durable commits; the account `postgres` runs it when we are root."""

    def __init__(self, *, folder: Path, options: Sequence[str] = ()) -> None:
        binaries = postgres_binaries()
        assert binaries is not None, missing()
        self._binaries, self._data = binaries, folder / "cluster"
        (self.port,) = free_ports(1)
        self._folder, self._options = folder, options
        self._guard: Guard | None = None
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        """The URL of the cluster's own database."""
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it has recovered."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "max_connections": 200,
        }
        flags = [f"-c {name}={value}" for name, value in settings.items()]
        options = " ".join([*flags, *self._options])
        log = str(self._folder / "postgres.txt")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", log, "-o", options, "start")
        # The server runs in its own session and would outlive the tests; a crash does it no harm.
        self._guard = self._guard or Guard(
            'kill -s QUIT "$(head -n 1 "$1")"', str(self._data / "postmaster.pid")
        )

    def crash(self) -> None:
        """Kill all its processes; everything committed must be there after the next start."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def stop(self) -> None:
        """End it if it runs."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.crash()
        if self._guard is not None:
            self._guard.release()

    def _run(self, program: str, *arguments: str) -> None:
        become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*become, str(self._binaries / program), *arguments],
            cwd=self._folder,
            # Not a pipe: the server inherits it, and `run` would wait until it closes.
            stdout=(self._folder / f"{program}.txt").open("ab"),
            stderr=subprocess.STDOUT,
            check=True,
            timeout=120,
        )


class RabbitMQ:
    """A node with its own port mapper, so that it does not conflict with the machine's node."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self.port, self._dist, self._epmd_port = free_ports(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        self._guards: dict[int, Guard] = {}
        # Replaces the configuration of the distribution, which names a port.
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")

    @property
    def url(self) -> str:
        """The URL of the node's first virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self, *, is_awaited: bool = True) -> None:
        """Start the node; its boot takes some seconds."""
        if self._epmd is None:
            self._epmd = self._popen("epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port))
        if self._node is None or self._node.poll() is not None:
            self._node = self._popen(str(RABBITMQ))
        if is_awaited:
            wait_for(lambda: listens(self.port), what="RabbitMQ's start", seconds=90)

    def kill(self) -> None:
        """Kill the node, as a power cut would."""
        if self._node is not None:
            self._end(self._node)

    def stop(self) -> None:
        """End the node and its port mapper."""
        self.kill()
        if self._epmd is not None:
            self._end(self._epmd)

    def _popen(self, *command: str) -> subprocess.Popen[bytes]:
        folder = str(self._folder)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "chaos@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/env.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
        }
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "rabbitmq.txt").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._guards[process.pid] = Guard.of_group(process.pid)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if guard := self._guards.pop(process.pid, None):
            guard.release()
        process.wait(timeout=20)
