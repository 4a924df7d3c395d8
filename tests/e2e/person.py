"""A person with a browser, who has cookies and forms and can do only what a browser can."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from tests.e2e.forms import Form, Page
from tests.processes import wait_for

SECONDS = 30
PASSWORD = "horse-staple-7-battery"


class Person:
    """Somebody who visits the site; remembers every title and address, for the search for leaks."""

    def __init__(
        self, url: str, *, email: str, password: str = PASSWORD, mail_folder: Path | None = None
    ) -> None:
        self.email = email
        self.here = url
        self._password = password
        self._mail_folder = mail_folder
        self.page = Page("")
        self.status = 0
        self.seen: list[str] = []
        self._session = requests.Session()
        self._session.trust_env = False

    # --- Pages ---
    def visit(self, address: str, *, status: int = 200) -> Page:
        """Open a page, following redirects; raises AssertionError for another status."""
        answer = self._session.get(urljoin(self.here, address), timeout=SECONDS)
        return self._open(answer, status=status)

    def send(
        self, form: Form, *, status: int = 200, file: Path | None = None, **values: str | list[str]
    ) -> Page:
        """Fill in a form of this page and send it."""
        fields = form.fields | values
        files = {"file": (file.name, file.read_bytes(), "application/pdf")} if file else None
        target = urljoin(self.here, form.action or self.here)
        headers = {"Referer": self.here, "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self.here))}
        answer = self._session.post(target, data=fields, files=files, headers=headers, timeout=SECONDS)
        return self._open(answer, status=status)

    def fetch(self, address: str, **headers: str) -> requests.Response:
        """Get a file as an image or download would be."""
        return self._session.get(urljoin(self.here, address), headers=headers, timeout=SECONDS)

    @property
    def cookies(self) -> str:
        """The cookies as a browser sends them."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._session.cookies)

    def sha256(self, address: str) -> str:
        """Return the hash of the content at an address; raises AssertionError for an error."""
        answer = self.fetch(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        return hashlib.sha256(answer.content).hexdigest()

    def wait_until(self, address: str, text: str, *, seconds: float = 60) -> Page:
        """Open a page repeatedly until it contains `text`."""

        def has_text() -> Page | None:
            page = self.visit(address)
            return page if text.casefold() in page.text.casefold() else None

        try:
            # Pages are costly: opening them more often would slow down what is waited for.
            found = wait_for(has_text, what=f"{text!r} on {address}", seconds=seconds, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error} The page says: {self.page.text[:1500]}") from None
        assert found is not None
        return found

    # --- Accounts ---
    def log_in(self, address: str = "/accounts/login/") -> Page:
        """Log in through the form."""
        page = self.visit(address)
        return self.send(page.form(having="password"), login=self.email, password=self._password)

    def sign_up(self) -> Page:
        """Create an account from the current page and confirm the address with the mailed code."""
        page = self.visit(self.page.links_to("/signup/")[0])
        secret = self._password
        self.send(page.form(having="password1"), email=self.email, password1=secret, password2=secret)
        return self.confirm_address()

    def confirm_address(self) -> Page:
        """Enter the code that was mailed, on the page that asks for it."""
        code = wait_for(self._code, what="The mail with the code")
        return self.send(self.page.form(having="code"), code=code)

    def mails(self) -> list[str]:
        """Return this person's mails, oldest first."""
        assert self._mail_folder is not None
        files = sorted(self._mail_folder.glob("*"), key=lambda file: file.stat().st_mtime_ns)
        return [text for text in (file.read_text() for file in files) if f"To: {self.email}" in text]

    def wait_for_mail(self, text: str, *, seconds: float = 60) -> str:
        """Wait for a mail to this person that contains `text`, and return it."""

        def found() -> str | None:
            return next((mail for mail in self.mails() if text in mail), None)

        mail = wait_for(found, what=f"A mail with {text!r}", seconds=seconds)
        assert mail is not None
        return mail

    def _code(self) -> str | None:
        for mail in reversed(self.mails()):
            found = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", mail, re.MULTILINE)
            if found:
                return found.group(1)
        return None

    def _open(self, answer: requests.Response, *, status: int) -> Page:
        self.status = answer.status_code
        self.here = answer.url
        self.page = Page(answer.text)
        self.seen += [one.url for one in [*answer.history, answer]]
        self.seen.append(self.page.title)
        assert answer.status_code == status, f"{answer.url}: {answer.status_code} {self.page.text[:800]}"
        return self.page
