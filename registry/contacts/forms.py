"""What is asked after a contact with a patient, or a try at one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.episodes.forms import ContactMode
from registry.recommendations.rules import Answer
from registry.treatment_changes.rules import ChangeKind

# Fields follow the contact record of UW SCOPE (uwscope/scope-web, `scope_shared/scope/schemas/documents`) and what
# payers ask a care-management note to hold.
ContactKind = Literal["phone", "video", "portal", "text", "in_person", "no_show", "attempt"]
ContactOutcome = Literal[
    "reached",
    "cut_short",
    "other_person",  # somebody else answered, or spoke for the patient
    "no_answer",
    "left_message",
    "message_sent",  # a letter, text or portal message without an answer yet
    "wrong_number",
    "refused",
    "did_not_come",
]
AttemptChannel = Literal["phone", "video", "text", "portal", "email", "letter", "in_person"]
Adherence = Literal["as_prescribed", "some_missed", "stopped", "not_started", "none_prescribed"]
SideEffects = Literal["none", "bearable", "troubling"]
Skill = Literal[
    "behavioural_activation",
    "problem_solving",
    "motivational",
    "cognitive",
    "mindfulness",
    "sleep",
    "supportive",
    "other",
]
NoShowText = Literal["send", "dont_send"]
Note = Annotated[str, Meta(max_length=8000)]
Short = Annotated[str, Meta(max_length=2000)]


class NextStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When and how somebody speaks with the patient next, and about what. `at` null: as needed, and then `purpose`
    says why."""

    at: datetime | None
    mode: ContactMode | None = None
    purpose: Short | None = None


class MedicationReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of medication that was made elsewhere, told at this contact: what, by whom, since when. It is stored as
    a change of treatment too, so that trends and stalled patients are judged from its date."""

    kind: ChangeKind
    what: Annotated[str, Meta(max_length=200)]
    by: Annotated[str, Meta(max_length=80)]
    on: date
    new_antidepressant: bool = False


class AdviceAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a contact did for a recommendation that waits for the patient: `told` of what was ordered, `in_use` by what the
    patient says (one that was only ordered is told with it), or `not_in_use` and `why`. `version` is that of the
    recommendation the person looked at."""

    recommendation_id: UUID
    answer: Answer
    why: Short | None = None
    version: int | None = None


class ContactForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One contact, or one try. `next` null keeps a next contact that still lies ahead. `minutes` are logged as the
    work of `staff_id`, by default the person who writes; `from_timer` stops the writer's timer instead, which must run
    for this patient; `channel` is asked of a try. `advice` moves recommendations on. `version` is that of the
    episode the person looked at."""

    kind: ContactKind
    outcome: ContactOutcome
    occurred_at: datetime
    channel: AttemptChannel | None = None
    identity_checked: bool = False
    note: Note = ""
    adherence: Adherence | None = None
    adherence_note: Short | None = None
    side_effects: SideEffects | None = None
    side_effects_note: Short | None = None
    skill: Skill | None = None
    homework: Short | None = None
    medication: MedicationReport | None = None
    minutes: Annotated[float, Meta(gt=0, le=480)] | None = None
    from_timer: bool = False
    activity: str = "patient_contact"
    staff_id: UUID | None = None
    next: NextStep | None = None
    discuss: bool = False
    question: Short | None = None
    no_show_text: NoShowText = "dont_send"
    advice: tuple[AdviceAnswer, ...] = ()
    version: int | None = None


class AmendmentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of what can be amended, as it is right; what is left out is taken away. `version` counts the amendments
    that were looked at, 0 before the first. Kind, time, minutes and the next contact are not part of it."""

    outcome: ContactOutcome
    reason: Annotated[str, Meta(max_length=500)]
    version: int
    note: Note = ""
    adherence: Adherence | None = None
    adherence_note: Short | None = None
    side_effects: SideEffects | None = None
    side_effects_note: Short | None = None
    skill: Skill | None = None
    homework: Short | None = None
