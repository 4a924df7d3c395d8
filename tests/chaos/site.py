"""The portal in parts that can be killed, frozen and started again one by one."""

import signal
import time
from pathlib import Path

from portal.demo.supervisor import web_arguments
from tests.chaos.servers import Postgres, RabbitMQ
from tests.e2e.site import Site
from tests.processes import Process

CELERY = ("-m", "celery", "-A", "portal")
WORKER = (*CELERY, "worker", "-P", "threads", "-c", "4", "-n")


class ChaosSite(Site):
    """A portal in parts: web and embedded worker, or four processes if it has its own servers."""

    def __init__(
        self, *, folder: Path, postgres: Postgres | None = None, broker: RabbitMQ | None = None
    ) -> None:
        database = postgres.url if postgres else f"sqlite:///{folder / 'portal.sqlite3'}"
        super().__init__(folder=folder, database_url=database)
        self.postgres, self.broker = postgres, broker
        self.environment["CELERY_BROKER_URL"] = broker.url if broker else "memory://"
        self.environment["POLL_MINUTES"] = "1"
        self.environment["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"
        self._parts: dict[str, Process] = {}
        self._thaw_at: dict[str, float] = {}
        # With the same threads as in the product: with others it would fail in other ways.
        web = tuple(web_arguments(port=self._port))
        self._arguments = {"web": web, **self._background_arguments()}

    def _background_arguments(self) -> dict[str, tuple[str, ...]]:
        if self.broker is None:
            return {"worker": ("manage.py", "worker")}
        workers = {f"worker-{number}": (*WORKER, f"worker-{number}@%h") for number in (1, 2)}
        return workers | {"beat": (*CELERY, "beat")}

    @property
    def parts(self) -> list[str]:
        """The names of the processes."""
        return list(self._arguments)

    @property
    def workers(self) -> list[str]:
        """The names of the processes that lease rows."""
        return [name for name in self._arguments if name.startswith("worker")]

    def start(self) -> None:
        """Migrate and start every part."""
        self.run("migrate", "-v", "0")
        self.revive()

    def revive(self) -> list[str]:
        """Start what is not running, wake what was frozen long enough, and return what was started."""
        for name, moment in list(self._thaw_at.items()):
            if time.monotonic() >= moment:
                del self._thaw_at[name]
                self._parts[name].send_group(signal.SIGCONT)
        if self.broker is not None:
            self.broker.start(is_awaited=False)
        dead = [name for name in self._arguments if not self._is_running(name)]
        for name in dead:
            self._thaw_at.pop(name, None)
            self._parts[name] = self._process(name, *self._arguments[name])
        return dead

    def _is_running(self, name: str) -> bool:
        return name in self._parts and self._parts[name].exit_code is None

    def kill_part(self, name: str) -> bool:
        """Kill a part with everything it started; False if it was dead already."""
        was_running = self._is_running(name)
        if name in self._parts:
            self._parts[name].kill()
        return was_running

    def freeze_part(self, name: str, *, seconds: float) -> bool:
        """Suspend a part until `revive` after `seconds`; False if it is not running."""
        if not self._is_running(name) or name in self._thaw_at:
            return False
        self._parts[name].send_group(signal.SIGSTOP)
        self._thaw_at[name] = time.monotonic() + seconds
        return True

    def calm(self) -> None:
        """Wake and start everything."""
        self._thaw_at = dict.fromkeys(self._thaw_at, 0.0)
        self.revive()

    def stop_background(self) -> None:
        """Stop the background processes after their current work."""
        for name in self._arguments:
            if name != "web" and name in self._parts:
                self._parts[name].stop()

    def stop(self) -> None:
        """End every part at once."""
        super().stop()
        for process in self._parts.values():
            process.kill()
