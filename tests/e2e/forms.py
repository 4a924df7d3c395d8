"""Read pages as a browser does: links, text, and forms with their values."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form of a page: its target and the values it would send."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    is_multipart: bool = False
    text: str = ""


class Page(HTMLParser):
    """The forms, links and visible text of one HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.title = ""
        self._texts: list[str] = []
        self._form: Form | None = None
        self._tag = ""
        self._area: str | None = None
        self._select: str | None = None
        self.feed(html)

    @property
    def text(self) -> str:
        """The text of the page, with single spaces."""
        return " ".join(" ".join(self._texts).split())

    def form(self, *, having: str = "", action: str = "") -> Form:
        """Return the one form with this field or this part in its action; raises AssertionError."""
        found = [one for one in self.forms if (not having or having in one.names) and action in one.action]
        shown = [(one.action, sorted(one.names)) for one in self.forms]
        assert found, f"No form with {having or action!r} among {shown}: {self.text[:600]}"
        return found[0]

    def links_to(self, part: str) -> list[str]:
        """Return the addresses on the page that contain `part`, each once, in order."""
        return list(dict.fromkeys(link for link in self.links if part in link))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._tag = tag
        self.links += [given[name] for name in ("href", "src", "hx-get", "data-src") if given.get(name)]
        if tag == "form":
            self._form = Form(
                action=given.get("action", ""),
                method=given.get("method", "get").lower(),
                is_multipart="multipart" in given.get("enctype", ""),
            )
            self.forms.append(self._form)
        elif self._form is not None and given.get("name"):
            self._add_field(tag, given)
        elif tag == "option" and self._form is not None and self._select and "selected" in given:
            self._form.fields[self._select] = given.get("value", "")

    def _add_field(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given["name"]
        self._form.names.add(name)
        kind = given.get("type", "text")
        if tag == "textarea":
            self._area = name
            self._form.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "input" and _is_sent(kind, given):
            self._form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"}:
            return
        if self._tag == "title" and not self.title:
            self.title = data.strip()
        self._texts.append(data)
        if self._form is not None:
            self._form.text += data
            if self._area:
                self._form.fields[self._area] += data


def _is_sent(kind: str, given: dict[str, str]) -> bool:
    if kind in {"submit", "file", "button", "image"}:
        return False
    return kind not in {"checkbox", "radio"} or "checked" in given
