"""Words that the project does not use: their replacements are in the glossary of docs/architecture.md."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".html", ".js", ".css", ".txt", ".md"}
# Migrations keep old names until they are squashed; the others are not ours to write.
OUTSIDE = ("LICENSE", "requirements/", "tests/test_words.py")

# Whole words, also as parts of snake_case and CamelCase names, with their plural and verb forms.
WORDS = {
    form
    for word in ("walk", "hint", "junk", "chore", "deed", "mend", "heap", "lane")
    for form in (word, f"{word}s", f"{word}ed", f"{word}ing")
} | {"sealed", "anew"}
PHRASES = ("by itself", "stands in", "once more", "is told", "are told")

# Names that other projects gave, and the few sentences that need the word.
ALLOWED = re.compile(
    r"\b(?:os|ast)\.walk\("  # the standard library
    r'|\bhint=f?"'  # django.core.checks
    r"|\btype hints?\b"
    r"|(?<![A-Za-z])told[ _](?:apart|from)"  # a difference that is noticed
)

TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A phrase may be broken by the end of a line, with its quotes or its comment sign, or be part of a name.
GAP = r"""(?:[\s_#"'*/]|\\n)+"""
PHRASE = re.compile(
    "|".join(rf"(?<![A-Za-z]){phrase.replace(' ', GAP)}(?![A-Za-z])" for phrase in PHRASES), re.IGNORECASE
)


def _names() -> list[str]:
    """Return the files under version control or about to be, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.splitlines()
    else:
        tools = {".venv", ".tool", "var", "staticfiles", "build"}
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [str(path) for path in paths if not tools & set(path.parts)]
    return [
        name
        for name in names
        if Path(name).suffix in SUFFIXES
        and (ROOT / name).is_file()
        and "migrations" not in Path(name).parts
        and not name.startswith(OUTSIDE)
    ]


def _find(text: str) -> Iterator[tuple[int, str]]:
    """Yield each unwanted word or phrase with the number of its line."""
    text = ALLOWED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for number, line in enumerate(text.splitlines(), 1):
        for token in TOKEN.findall(line):
            if token.lower() in WORDS:
                yield number, token
    for found in PHRASE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, " ".join(found[0].split())


def test_words_are_found_wherever_they_are_written() -> None:
    unwanted = 'class JunkMail: ...\nis_sealed = True  # by\n# itself\n"it stands "\n"in"\n'
    text = unwanted + 'os.walk(".")\nrecommend a plane\nthey are told apart\n'
    assert list(_find(text)) == [(1, "Junk"), (2, "sealed"), (2, "by # itself"), (4, 'stands " "in')]


def test_nothing_uses_the_words_that_were_replaced() -> None:
    names = _names()
    assert len(names) > 50
    found = [f"{name}: its name: {word}" for name in names for _, word in _find(name)]
    for name in names:
        found += [f"{name}:{number}: {word}" for number, word in _find((ROOT / name).read_text())]
    assert found == []
