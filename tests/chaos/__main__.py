"""`python -m tests.chaos --seed 7 --submissions 200 --kills 100 [--embedded]`: a run as long as you like."""

import argparse
import secrets
import sys

from tests.chaos.run import Plan, run
from tests.chaos.servers import missing

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
parser.add_argument("--submissions", type=int, default=200)
parser.add_argument("--kills", type=int, default=100)
parser.add_argument("--settle", type=float, default=600, help="seconds to settle in")
parser.add_argument("--gaps", type=float, nargs=2, default=(0.8, 3.0), help="seconds between strikes")
parser.add_argument("--embedded", action="store_true", help="SQLite and one worker instead of servers")
chosen = parser.parse_args()
if not chosen.embedded and missing():
    sys.exit(f"{missing()}: use --embedded.")
print(f"Seed {chosen.seed}", flush=True)
outcome = run(
    Plan(
        seed=chosen.seed,
        submissions=chosen.submissions,
        kills=chosen.kills,
        has_servers=not chosen.embedded,
        settle_seconds=chosen.settle,
        gaps=(chosen.gaps[0], chosen.gaps[1]),
    )
)
print("\n".join(outcome.history) if outcome.problems else "")
print(outcome)
sys.exit(bool(outcome.problems))
