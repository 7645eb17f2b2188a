"""Check-ins as the engine sees them, from the shipped instruments, without a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from messaging.conversation.script import RunSheet, Script, Sheet, items_of
from questionnaires import catalog
from registry.measures.rules import RunFacts

NOBODY = UUID(int=0)


def sheet(*instruments: str, language: str = "en") -> Sheet:
    return Sheet(
        tuple(
            RunSheet(
                run=RunFacts(
                    id=UUID(int=position),
                    clinic_id=NOBODY,
                    patient_id=NOBODY,
                    episode_id=NOBODY,
                    check_in_id=NOBODY,
                    instrument_id=name,
                    instrument_version="1",
                    language=language,
                    position=position,
                    state="open",
                    source="check_in",
                    entry_source=None,
                ),
                instrument=catalog.load(name, language),
                answers={},
            )
            for position, name in enumerate(instruments, start=1)
        )
    )


def script(*instruments: str, answered: Collection[int] | Mapping[int, int] = (), **values: Any) -> Script:
    """`answered`: indexes of items that have an answer; runs whose items all have one are completed."""
    asked = sheet(*(instruments or ("phq9", "gad7")), language=values.get("language", "en"))
    made = Script(
        **{
            "language": "en", "name": "Harbor Clinic", "phone": "(206) 555-0100", "hours": "Mon-Fri 9-5",
            "item9": "sms", "has_open": True, **values,
            "items": items_of(asked, tuple(run.instrument for run in asked.runs)),
        }
    )  # fmt: skip
    for at in sorted(answered):
        made = made.mark(at, True)
    return made


def nothing_open(**values: Any) -> Script:
    """No check-in is asked by text."""
    return Script(
        **{
            "language": "en",
            "name": "Harbor Clinic",
            "phone": "(206) 555-0100",
            "hours": "Mon-Fri 9-5",
            **values,
        }
    )
