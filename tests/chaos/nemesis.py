"""Break one thing after another, as the seed decides."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.site import ChaosSite
from tests.chaos.times import MINUTE

Action = Callable[[], bool]


@dataclass
class Nemesis:
    """Kills, freezes and restarts parts; `history` lists what was done when."""

    site: ChaosSite
    rng: random.Random
    gaps: tuple[float, float]
    history: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    @property
    def kill_count(self) -> int:
        """The number of processes and servers that were killed so far."""
        return sum(count for name, count in self.counts.items() if not name.startswith("froze"))

    def note(self, what: str) -> None:
        """Add a line to the history."""
        self.history.append(f"{time.monotonic() - self._began:7.1f} s  {what}")

    def strike(self) -> None:
        """Start what is dead, wait a little, then break something."""
        started = self.site.revive()
        if started:
            self.note(f"started {', '.join(started)}")
        time.sleep(self.rng.uniform(*self.gaps))
        actions = self._actions()
        name = self.rng.choices(list(actions), weights=[weight for weight, _ in actions.values()])[0]
        if actions[name][1]():
            self.counts[name] = self.counts.get(name, 0) + 1
            self.note(name)

    def _actions(self) -> dict[str, tuple[int, Action]]:
        actions: dict[str, tuple[int, Action]] = {
            f"killed {name}": (6, lambda name=name: self.site.kill_part(name)) for name in self.site.parts
        }
        for name in self.site.workers:
            # Longer than its leases last: when it wakes, it has lost all of them.
            actions[f"froze {name}"] = (
                1,
                lambda name=name: self.site.freeze_part(name, seconds=MINUTE * 1.5),
            )
        if self.site.postgres is not None:
            actions["killed the database"] = (2, self._crash_database)
        if self.site.broker is not None:
            actions["killed the broker"] = (1, self._kill_broker)
        return actions

    def _crash_database(self) -> bool:
        assert self.site.postgres is not None
        self.site.postgres.crash()
        time.sleep(self.rng.uniform(0, 1))
        self.site.postgres.start()
        return True

    def _kill_broker(self) -> bool:
        assert self.site.broker is not None
        self.site.broker.kill()
        return True
