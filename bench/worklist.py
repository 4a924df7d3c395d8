"""Pages of the worklist among a million submissions, beside the same rows by their keys."""

import json

from bench.stage import portal_on_postgres, run_inside
from bench.tables import machine, print_table

SUBMISSIONS = 1_000_000


def main() -> None:
    """Run it."""
    print(machine())
    with portal_on_postgres() as (site, _):
        result = site.folder / "worklist.json"
        run_inside(site, "bench.reading_worklist", str(SUBMISSIONS), str(result))
        found = json.loads(result.read_text())
    rows = [
        [name, facts["rows"], facts["ours"], facts["limit"], facts["ours"] / facts["limit"]]
        for name, facts in found.items()
    ]
    head = ["page", "rows", "ours ms", "its rows by their keys ms", "ratio"]
    print_table(f"{SUBMISSIONS:,} submissions", head, rows)


if __name__ == "__main__":
    main()
