"""An answer of the Cloud with more than the documents say, and a map that finds it."""

import uuid

SECRET = "Zorica-Canary"


ANSWER = {
    "request_uuid": str(uuid.uuid4()),
    "patient": {"first_name": "Ann", "clinic_number": "C-9"},
    "exam": {"started": "2026-03-04T10:15:00+02:00", "preset": "Cardiac", "notes": [SECRET, "second"]},
    "site": {"name": "Harbour Clinic"},
    "captures": [
        {"url": "https://media.example.com/a.jpg?…", "label": "PLAX"},
        {"url": "https://media.example.com/b.jpg?…"},
    ],
    "firmware": "12.1",
}


PATHS = {
    "examined_at": "exam.started",
    "application": "exam.preset",
    "institution": "site.name",
    "clinical_note": "exam.notes[0]",
    "capture_label": "captures[].label",
}
