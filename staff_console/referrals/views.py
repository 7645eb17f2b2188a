"""Referrals of one patient. Template `referrals/referrals.html`.

Posts: `/patients/{id}/referrals` (kind, to, why, sent_on, hands_over), `/referrals/{id}/steps` (step, on, note, version,
patient_id).
"""

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class EventRow(Struct, frozen=True):
    at: Moment
    title: str
    who: str
    note: str


class ReferralCard(Struct, frozen=True):
    """`form` is None once it is over. `seen` in words: yes, no, not known yet."""

    id: str
    title: str
    to: str
    why: str
    sent: Day
    appointment: Day | None
    state: str
    seen: str
    hands_over: bool
    events: tuple[EventRow, ...]
    steps: tuple[Choice, ...]
    form: FormState | None


class ReferralsPage(Struct, frozen=True):
    whose: Whose
    referrals: tuple[ReferralCard, ...]
    form: FormState | None
    kinds: tuple[Choice, ...]
    action: str
