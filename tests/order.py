"""The order of the test files: the longest first, so that no single file runs alone at the end."""

import pytest

from tests.processes import ROOT

# By their time on idle cores. Other files come after these, in their usual order.
LONGEST = (
    "tests/chaos/test_chaos.py",
    "tests/e2e/test_crash.py",
    "tests/e2e/test_demo.py",
    "tests/test_early_signals.py",
    "tests/test_wheel.py",
    "tests/portal/access/test_administration.py",
    "tests/e2e/test_stuck.py",
    "tests/e2e/test_leaks.py",
    "tests/e2e/test_story.py",
    "tests/chaos/test_clock.py",
    "tests/integrations/browser/test_desk.py",
    "tests/e2e/test_browser.py",
    "tests/portal/health/test_fixes.py",
    "tests/exams/test_unconfirmed.py",
    "tests/exams/pages/test_report_pages.py",
    "tests/exams/pages/test_exam_browser.py",
    "tests/portal/administration/test_phone.py",
    "tests/portal/access/test_ranges.py",
    "tests/exams/test_previews.py",
    "tests/exams/desk/test_browser.py",
    "tests/e2e/test_log_out.py",
    "tests/e2e/test_limits.py",
    "tests/e2e/test_slow_clients.py",
    "tests/integrations/browser/test_keys.py",
    "tests/exams/test_crash_points.py",
    "tests/exams/test_killed_workers.py",
    "tests/exams/test_files_away.py",
    "tests/background/test_processes.py",
)


def put_the_longest_first(items: list[pytest.Item]) -> None:
    """Sort collected tests by their file; within a file the order stays."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
