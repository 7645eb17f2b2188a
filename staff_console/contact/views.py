"""One contact: its form, and the copy for the chart.

Posts, each under `/patients/{patient_id}`: `/contact` (fields of `contact/contact.html`), `/contact/template` (the same,
shown again with the template of the kind), `/contact/draft`, `/filed` (kind, ref_id, filed, back), `/contacts/{contact}/amend` (what
holds from now on, reason, version). The templates of the
clinic post to `/setup/note-templates/{kind}` (body, version).
"""

from msgspec import Struct

from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState
from staff_console.patient.views import AdviceLine
from staff_console.review.views import Fact
from staff_console.whose import Whose


class ContactLine(Struct, frozen=True):
    """`unfiled`: not in the EHR yet. `detail` is what came of it."""

    id: str
    at: Moment
    title: str
    detail: str
    who: str
    href: str
    unfiled: bool = False


class ContactPage(Struct, frozen=True):
    """Template `contact/contact.html`. `planned` is what this contact was to cover, `opened` the time from which
    minutes can run; `before` the last contacts. `advice` are boxes about recommendations that wait for the patient, `known`
    what is needed during the talk, `open_advice` the recommendations under way. `text_blocked` says why no text can go after a missed appointment;
    `timer`: the person's timer runs for this patient."""

    whose: Whose
    form: FormState
    kinds: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    adherence: tuple[Choice, ...]
    side_effects: tuple[Choice, ...]
    skills: tuple[Choice, ...]
    changes: tuple[Choice, ...]
    activities: tuple[Choice, ...]
    modes: tuple[Choice, ...]
    zone: str
    opened: str
    planned: str
    scores: tuple[str, ...]
    before: tuple[ContactLine, ...]
    advice: tuple[Choice, ...] = ()
    known: tuple[Fact, ...] = ()
    open_advice: tuple[AdviceLine, ...] = ()
    text_blocked: str = ""
    timer: bool = False


class VersionView(Struct, frozen=True):
    """What the record said until an amendment; `why` names who amended it and the reason."""

    title: str
    why: str
    text: str


class AmendPage(Struct, frozen=True):
    """Template `contact/amend.html`. `minutes_href` corrects the minutes in the time log, empty where that can't be."""

    whose: Whose
    form: FormState
    action: str
    back: str
    what: str
    outcomes: tuple[Choice, ...]
    adherence: tuple[Choice, ...]
    side_effects: tuple[Choice, ...]
    skills: tuple[Choice, ...]
    minutes_href: str = ""


class CopyPage(Struct, frozen=True):
    """Template `contact/copy.html`. `text` is what is pasted into the EHR; `filed` says who ticked it and when, `changed`
    that the copy there is out of date; `earlier` versions of an amended contact, the newest first; `file_to` where the
    tick goes when not to the patient's page."""

    whose: Whose
    title: str
    text: str
    kind: str
    ref_id: str
    filed: str
    may_file: bool
    fresh: str = ""
    changed: str = ""
    amend_href: str = ""
    minutes_href: str = ""
    earlier: tuple[VersionView, ...] = ()
    file_to: str = ""


class TemplateForm(Struct, frozen=True):
    label: str
    action: str
    form: FormState
    note: str


class TemplatesPage(Struct, frozen=True):
    """Template `contact/templates.html`. `rule` is when a patient who is not reached is proposed for closing; it posts
    to `/setup/closing-rule` (attempts, channels, days, approval)."""

    templates: tuple[TemplateForm, ...]
    rule: FormState
    approvals: tuple[Choice, ...]
