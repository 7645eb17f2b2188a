"""Changes of an episode, and closing for not being reached.

Posts, each under `/patients/{patient_id}`: `/status` (event, from_date, review_on, note, said, told_on, told_how,
unstable_because, no_score_because, no_plan_because, version), `/status/undo-death`,
`/closing` (decision, note, reentry, told_clinician_on, letter_on, clinician_said, keep_until, version).
"""

from msgspec import Struct

from registry.episodes.ending import Ask
from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class Need(Struct, frozen=True):
    """One thing an end asks for, how the record stands with it, and where it is done."""

    label: str
    text: str
    done: bool
    href: str
    link: str


class StatusPage(Struct, frozen=True):
    """Template `status/status.html`. `now_words` says what stands; `died` offers to undo. `needs`: how the record stands
    with an end, empty for care that never began; `asks`: what the person who ends it still says."""

    whose: Whose
    form: FormState
    now_words: str
    events: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    died: bool
    refer_href: str = ""
    needs: tuple[Need, ...] = ()
    asks: frozenset[Ask] = frozenset()
    told_how: tuple[Choice, ...] = ()
    clinician: str = ""


class NoteLine(Struct, frozen=True):
    at: Moment
    title: str
    who: str
    note: str
    href: str


class ClosingPage(Struct, frozen=True):
    """Template `status/closing.html`. `rule` is the clinic's rule and how the patient stands with it; `blocks` say in
    words what stands in the way, `handover` what holds an end but no closing for now; `may_close` False: somebody else
    approves."""

    whose: Whose
    form: FormState
    rule: str
    met: bool
    due: str
    blocks: tuple[str, ...]
    asks_clinician: bool
    closes: bool
    may_close: bool
    decisions: tuple[Choice, ...]
    notes: tuple[NoteLine, ...]
    handover: str = ""
