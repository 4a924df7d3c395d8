"""Take the README's screenshots from a running demo: `make screenshots`, with PORT if it is not 8000.

One patient has a Chinese name, which needs a font (Debian: fonts-droid-fallback).
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}
# Chromium fades the spinner over a video that has loaded.
FADE_MS = 1500


def _keep(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(FADE_MS)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png", flush=True)


def _take(page: Page, url: str) -> None:
    page.goto(url)
    _keep(page, "home")
    page.locator("form[action='/demo/continue/reviewer/'] button").click()
    page.goto(f"{url}/worklist/")
    _keep(page, "worklist")
    page.get_by_role("link", name="Carver").first.click()
    _keep(page, "exam")
    page.set_viewport_size(NARROW)
    _keep(page, "exam-phone")


def main() -> None:
    """Take every screenshot; exit with a sentence if there is no browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed (Debian: apt-get install chromium).")
    url = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        _take(browser.new_page(viewport=WIDE), url)
        browser.close()


if __name__ == "__main__":
    main()
