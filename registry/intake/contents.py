"""What is found out when care begins. Pure.

Bipolar disorder and pregnancy change what may be prescribed, and a trauma that nobody asked about what may help, so each
was considered, or the record says that nobody documented it: an empty field would read as "nothing found".
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from kernel.errors import Problem

Considered = Literal["considered", "not_applicable", "not_documented"]
LONGEST: Final = 4000


class IntakeContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`medications` one a line, with dose. `pregnancy`, `bipolar` and `ptsd` say whether it was thought of; their
    notes what was found, and by which screen."""

    history: str = ""
    medical_causes: str = ""
    substances: str = ""
    medications: tuple[str, ...] = ()
    pregnancy: Considered = "not_documented"
    pregnancy_note: str = ""
    bipolar: Considered = "not_documented"
    bipolar_note: str = ""
    ptsd: Considered = "not_documented"
    ptsd_note: str = ""


LABELS: Final = {
    "history": "History",
    "medical_causes": "Medical causes",
    "substances": "Substances",
    "medications": "Medications",
    "pregnancy": "Pregnancy",
    "pregnancy_note": "Pregnancy, what was found",
    "bipolar": "Bipolar disorder",
    "bipolar_note": "Bipolar disorder, what was found",
    "ptsd": "PTSD",
    "ptsd_note": "PTSD, what was found",
}
CONSIDERED: Final = {
    "considered": "Considered",
    "not_applicable": "Does not apply",
    "not_documented": "Not documented",
}
# Screens for bipolar disorder and PTSD apply to everybody.
OF_EVERYBODY: Final = {state: label for state, label in CONSIDERED.items() if state != "not_applicable"}


def check(content: IntakeContent) -> list[Problem]:
    """Screens for bipolar disorder and PTSD apply to everybody; a finding goes with having considered it."""
    found = [
        Problem(name, f"is longer than {LONGEST} characters")
        for name in ("history", "medical_causes", "substances", "pregnancy_note", "bipolar_note", "ptsd_note")
        if len(getattr(content, name)) > LONGEST
    ]
    found += [
        Problem(name, "applies to everybody: considered, or not documented")
        for name in ("bipolar", "ptsd")
        if getattr(content, name) == "not_applicable"
    ]
    for name, state, note in (
        ("pregnancy_note", content.pregnancy, content.pregnancy_note),
        ("bipolar_note", content.bipolar, content.bipolar_note),
        ("ptsd_note", content.ptsd, content.ptsd_note),
    ):
        if note.strip() and state == "not_documented":
            found.append(Problem(name, "can't be noted when it was not considered"))
    return found
