"""Measure a running demo's pages with Lighthouse, as a phone opens them for the first time.

Start the demo, and install Lighthouse elsewhere: `PUPPETEER_SKIP_DOWNLOAD=1 npm install lighthouse`.
Then run `python -m scripts.lighthouse FOLDER/node_modules/.bin/lighthouse`.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.processes import free_ports

CATEGORIES = ("performance", "accessibility", "best-practices")
# Address and the role of who opens it. The exam's page is not among them.
PAGES = (
    ("accounts/login/", ""),
    ("accounts/signup/", ""),
    ("", ""),
    ("worklist/", "reviewer"),
    ("my/", "clinician"),
    ("connect/demo/?token=a-token-of-nobody", "clinician"),
    ("problems/", "administrator"),
    ("admin/", "administrator"),
    ("admin/integrations/service/", "administrator"),
    ("admin/integrations/service/1/change/", "administrator"),
)
CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"]


def measure(program: str, url: str, *, home: str, role: str) -> dict[str, float]:
    """Open a page with an empty cache, logged in as an account of the demo; return its scores and size."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            folder, executable_path="/usr/bin/chromium", args=[*CHROMIUM, f"--remote-debugging-port={port}"]
        )
        if role:
            page = browser.pages[0]
            page.goto(home)
            with page.expect_navigation():
                page.locator(f"form[action='/demo/continue/{role}/'] button").click()
        output = Path(folder, "report.json")
        categories = f"--only-categories={','.join(CATEGORIES)}"
        options = ["--quiet", "--output=json", f"--output-path={output}", f"--port={port}", categories]
        subprocess.run([program, url, *options], check=True)
        report = json.loads(output.read_text())
        browser.close()
    scores = {name: report["categories"][name]["score"] * 100 for name in CATEGORIES}
    return scores | {"KB": report["audits"]["total-byte-weight"]["numericValue"] / 1000}


def main() -> None:
    """Print a row for each page: the median of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="path of lighthouse")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the demo")
    parser.add_argument("--runs", type=int, default=3, help="runs of each page (3)")
    chosen = parser.parse_args()
    print("| page |", " | ".join([*CATEGORIES, "KB"]), "|")
    for path, role in PAGES:
        url = f"{chosen.url}/{path}"
        runs = [measure(chosen.program, url, home=chosen.url, role=role) for _ in range(chosen.runs)]
        medians = [statistics.median(run[name] for run in runs) for name in runs[0]]
        print(f"| `/{path}` |", " | ".join(f"{value:.0f}" for value in medians), "|", flush=True)


if __name__ == "__main__":
    main()
