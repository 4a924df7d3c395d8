"""Columns that are worked out from a patient's fields, so that every database finds the same rows."""

import hashlib
from typing import Any

from django.db import models

from exams.models.names import folded, is_family_first, written_name

NAMES = ("last_name", "first_name", "middle_name", "animal_name", "owner_name")


def identifier_digest(identifier: str) -> str:
    """Return a digest of an identifier of any length, the same however it is spaced and capitalised."""
    return hashlib.sha256(folded(identifier).encode()).hexdigest() if identifier else ""


def search_text(person: Any) -> str:
    """Return everything about a patient that can be searched for, folded."""
    names = [getattr(person, name) for name in NAMES]
    last, first, middle = (written_name(name) for name in names[:3])
    born = person.date_of_birth.isoformat() if person.date_of_birth else person.date_of_birth_text
    texts = [*names, *(written_name(name) for name in names), person.identifier, person.animal_type, born]
    if is_family_first(last, first, middle):
        # Without a space between them, people search for either order.
        texts += [f"{last}{first}{middle}", f"{first}{middle}{last}"]
    return " ".join(dict.fromkeys(folded(text) for text in texts if text))


class IdentifierDigestField(models.CharField):
    """The digest by which a patient is found, because an index refuses long identifiers."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        """Return the digest of the row's identifier."""
        value = identifier_digest(model_instance.identifier)
        setattr(model_instance, self.attname, value)
        return value


class SearchTextField(models.TextField):
    """The text in which the worklist searches."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        """Return the search text of the row."""
        value = search_text(model_instance)
        setattr(model_instance, self.attname, value)
        return value
