"""Recommendations: what a clinician has to decide, and where each one stands.

Templates `approvals/approvals.html`, `approvals/approval.html`, `approvals/recommend.html`. Posts under
`/approvals/{id}`: `/decide` (decision, reason, instead, via, decided_by, decided_on, read_back), `/order` (what, by, on,
change_kind, change_what, change_new), `/told` (note), `/taking` (in_use, note), `/withdraw` (reason); each with `version`.
`/patients/{id}/recommend` sends a new one.
"""

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.review.views import Fact
from staff_console.whose import Whose


class Row(Struct, frozen=True):
    """`stage` in words; `waited` how long it stands there; `late` when that is too long. `next_step` is what is to be
    done, `next_by` by whom."""

    href: str
    patient: str
    what: tuple[str, ...]
    urgency: str
    stage: str
    waited: str
    late: bool
    author: str
    recipient: str
    sent: Moment
    next_step: str = ""
    next_by: str = ""


class PlanRow(Struct, frozen=True):
    """A care plan that waits for a signature."""

    href: str
    patient: str
    waited: str
    late: bool
    who: str


class ApprovalsPage(Struct, frozen=True):
    """`mine` is None for somebody who decides nothing; `to_do` is what was decided and waits for the person's next step;
    `plans` wait for their signature."""

    mine: tuple[Row, ...] | None
    to_do: tuple[Row, ...]
    plans: tuple[PlanRow, ...]
    under_way: tuple[Row, ...]


class StepLine(Struct, frozen=True):
    at: Moment
    title: str
    who: str
    text: str


class ApprovalPage(Struct, frozen=True):
    """`form` belongs to `move`, the form shown for the stage: decide, record, order, told, taking or none. `why` is what
    was sent or said in the case review, `facts` what is known of the patient, `disclaimer` the clinic's own sentence."""

    whose: Whose
    row: Row
    parts: tuple[tuple[str, str], ...]
    if_then: str
    target: Day | None
    steps: tuple[StepLine, ...]
    next_move: str
    move: str
    form: FormState
    withdraw: FormState | None
    decisions: tuple[Choice, ...]
    vias: tuple[Choice, ...]
    changes: tuple[Choice, ...]
    uses: tuple[Choice, ...]
    action: str
    why: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    disclaimer: str


class RecommendPage(Struct, frozen=True):
    """`parts` are the rows of the form, one each kind."""

    whose: Whose
    form: FormState
    parts: tuple[Choice, ...]
    urgencies: tuple[Choice, ...]
    recipients: tuple[Choice, ...]
    action: str
    back: str
