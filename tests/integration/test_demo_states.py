"""Each state that a visitor may look for is somewhere in the demo clinic: a table of where it is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from sqlalchemy import Select, select

from api.wiring import Deps
from billing.close import queries as closed_months
from kernel.audit import Actor
from registry.care_plans.tables import CarePlan
from registry.contacts.tables import Contact
from registry.disengagement.tables import ClosingDecision
from registry.drafts.tables import Draft
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.referrals.tables import Referral
from registry.stepped_care.tables import StepProposal
from registry.time_log.months import Month
from registry.worklist.tables import Task
from tests.support import app as support
from tests.support import databases
from tests.support.demo import WEDNESDAY, MovedClock, as_demo
from tests.support.visitor import Visitor

THIS: Final = Month(2026, 3)
LAST: Final = THIS.plus(-1)
CLOSED: Final = THIS.plus(-2)


class Seen(NamedTuple):
    """`page`: an address; what stands in braces is the id that `WHOSE` finds. `words` all stand on it."""

    state: str
    role: str
    page: str
    words: tuple[str, ...]


def _advised(step: str) -> Select[Any]:
    return select(Recommendation.id).join(
        RecommendationStep, RecommendationStep.recommendation_id == Recommendation.id
    ).where(RecommendationStep.step == step)  # fmt: skip


WHOSE: Final[Mapping[str, Select[Any]]] = {
    "amended": select(Contact.patient_id).where(Contact.amendments > 0),
    "amendment": select(Contact.id).where(Contact.amendments > 0),
    "draft": select(Draft.patient_id),
    "revised": select(CarePlan.patient_id).where(
        CarePlan.kind == "care", CarePlan.version == 2, CarePlan.signed_at.is_not(None)
    ),
    "relapse": select(CarePlan.patient_id).where(CarePlan.kind == "relapse"),
    "safety": select(CarePlan.patient_id).where(CarePlan.kind == "safety"),
    "stepped": select(StepProposal.patient_id).where(StepProposal.state == "accepted"),
    "stayed": select(StepProposal.patient_id).where(StepProposal.state == "declined"),
    "unreached": select(Task.patient_id).where(Task.kind == "closing_proposed"),
    "closed": select(ClosingDecision.patient_id),
    "closing": select(ClosingDecision.id),
    "sent": select(Referral.patient_id).where(Referral.state == "sent"),
    "appointment": select(Referral.patient_id).where(Referral.state == "appointment"),
    "not_seen": select(Referral.patient_id).where(Referral.state == "not_seen"),
    "seen": select(Referral.patient_id).where(Referral.state == "seen", Referral.result_on.is_(None)),
    "result": select(Referral.patient_id).where(Referral.result_on.is_not(None)),
    "modified": _advised("modified"),
    "declined": _advised("declined"),
    "told": _advised("told").where(Recommendation.stage == "told"),
    "taking": _advised("taking"),
    "ordered": _advised("ordered").where(Recommendation.stage == "ordered"),
    "escalated": _advised("escalated"),
    "read_back": _advised("accepted").where(RecommendationStep.read_back.is_(True)),
}
PATIENT: Final = "/patients/"
TABLE: Final = (
    Seen("a month that runs", "biller", f"/billing/{THIS}", ("The month is not over",)),
    Seen("a month ready to close", "biller", f"/billing/{LAST}", ("Not closed yet", "Close the month")),
    Seen("a closed month", "biller", f"/billing/{CLOSED}", ("by Casper Nyland", "Audit packet", "Content SHA-256")),
    Seen("a signed monthly review", "clinic_lead", f"/quality/{LAST}", ("This month is signed.", "signed by Morgan Ellery")),
    Seen("drills passed in each slot", "clinic_lead", "/safety/drills", ("Weekend and holiday 1 1 of 1",)),
    Seen("the first thirty days", "clinic_lead", "/setup/launch", ("18 of 19 done", "4 acknowledged and contacted")),
    Seen("a pilot in its second step", "clinic_lead", "/setup/launch", ("Step 2 of 2", "of 80 places taken")),
    Seen("its reports", "clinic_lead", "/setup/launch", ("Step 1, day 7: Go", "Step 1, day 14: Go", "Step 2, day 7: Go")),
    Seen("an import", "clinic_lead", "/setup/imports", ("Scores by the mapping Scores from the EHR",)),
    Seen("a saved view", "care_manager", "/registry", ("Stalled, longest first",)),
    Seen("a running timer", "care_manager_2", "/registry", ("Timer:", "6 min")),
    Seen("a draft of a contact", "care_manager", PATIENT + "{draft}/contact", ("Your draft of", "Left work early")),
    Seen("an amended contact", "care_manager", PATIENT + "{amended}/contacts/{amendment}", ("Amended:", "Earlier versions", "since it was filed")),
    Seen("a text not filed in the chart", "care_manager", "/tasks", ("Note not filed in the EHR yet",)),
    Seen("two versions of a care plan", "care_manager", PATIENT + "{revised}/plans/care", ("Version 2", "What it changed", "removed:", "Signed by")),
    Seen("a care plan to sign", "clinician", "/tasks?view=all", ("Care plan to sign",)),
    Seen("a plan against relapse", "care_manager", PATIENT + "{relapse}/plans/relapse", ("Version 1", "I wake at four")),
    Seen("a safety plan", "care_manager", PATIENT + "{safety}/plans/safety", ("Version 1", "My partner keeps the medicines")),
    Seen("a step taken", "care_manager", PATIENT + "{stepped}/rules", ("Step down to relapse prevention", "Accepted")),
    Seen("a step not taken", "care_manager", PATIENT + "{stayed}/rules", ("Declined", "until the exams are over")),
    Seen("a patient proposed for closing", "care_manager", PATIENT + "{unreached}", ("3 tries by 2 ways", "Decide whether to close")),
    Seen("a closed patient with a way back", "care_manager", PATIENT + "{closed}/closing/{closing}", ("One call or text to the care manager",)),
    Seen("a referral sent", "care_manager", PATIENT + "{sent}/referrals", ("Sent, no appointment yet",)),
    Seen("an appointment", "care_manager", PATIENT + "{appointment}/referrals", ("Appointment made",)),
    Seen("an appointment missed", "care_manager", PATIENT + "{not_seen}/referrals", ("Not seen", "The bus did not come.")),
    Seen("seen, result awaited", "care_manager", PATIENT + "{seen}/referrals", ("Seen, result awaited",)),
    Seen("a result back", "care_manager", PATIENT + "{result}/referrals", ("Iron low",)),
    Seen("advice that waits", "clinician", "/approvals", ("Waits for the clinician", "Repeat the thyroid values")),
    Seen("advice that waits too long", "clinician", "/approvals", ("Too long",)),
    Seen("advice escalated", "clinic_lead", "/approvals/{escalated}", ("lead",)),
    Seen("advice modified", "clinician", "/approvals/{modified}", ("Half the step for two weeks",)),
    Seen("advice declined", "clinician", "/approvals/{declined}", ("Gained 12 kg on it before.",)),
    Seen("a decision read back", "clinician", "/approvals/{read_back}", ("read back",)),
    Seen("advice ordered", "clinician", "/approvals/{ordered}", ("Ordered, patient to be told",)),
    Seen("advice told", "clinician", "/approvals/{told}", ("understood, starts tonight",)),
    Seen("advice in use", "clinician", "/approvals/{taking}", ("takes it every morning",)),
    Seen("a colleague covered for now", "clinician_2", "/approvals", ("Greta Solheim",)),
)  # fmt: skip


@pytest.fixture
async def deps(demo_file: Path, tmp_path: Path) -> AsyncIterator[Deps]:
    url = databases.sqlite_copy(demo_file, tmp_path / "demo.db")
    async with support.test_deps(url, MovedClock(WEDNESDAY), mode="demo") as made:
        yield as_demo(made)


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


async def test_each_state_is_seen_on_a_page(deps: Deps, client: httpx.AsyncClient) -> None:
    async with deps.system_db.begin() as tx:
        ids = {name: str(await tx.scalar(wanted.limit(1))) for name, wanted in WHOSE.items()}
    assert [name for name, found in ids.items() if found == "None"] == []
    pages: dict[tuple[str, str], str] = {}
    missing = []
    for role in dict.fromkeys(seen.role for seen in TABLE):
        client.cookies.clear()
        await Visitor(client).opens(f"/demo/sign-in/{role}")
        for seen in (each for each in TABLE if each.role == role):
            key = (role, seen.page)
            if key not in pages:
                pages[key] = (await Visitor(client).opens(seen.page.format(**ids))).text
            lost = [words for words in seen.words if words not in pages[key]]
            missing += [(seen.state, words) for words in lost]
    assert missing == []


async def test_most_patients_have_a_signed_plan(deps: Deps) -> None:
    async with deps.system_db.begin() as tx:
        planned = {
            row.patient_id for row in await tx.all(select(CarePlan.patient_id).where(CarePlan.kind == "care"))
        }
        everybody = await tx.all(select(Patient.id).where(Patient.is_test.is_(False)))
        signed = await tx.all(select(CarePlan.id).where(CarePlan.signed_at.is_not(None)))
    assert len(planned) > len(everybody) * 2 / 3
    assert len(signed) > len(planned)


async def test_the_closed_month_agrees_with_the_record(deps: Deps) -> None:
    async with deps.system_db.begin() as tx:
        clinic = await organisation.clinic_by_slug(tx, "harbor-street")
        assert clinic is not None
        biller = await _actor(tx, "Casper Nyland", clinic.id)
        state = await closed_months.month_state(tx, biller, CLOSED, now=WEDNESDAY)
    assert (state.open, len(state.versions), state.drift) == (False, 1, ())
    assert len(state.standing) > 30


async def _actor(tx: Any, name: str, clinic_id: Any) -> Actor:
    staff_id = await tx.scalar(select(Staff.id).where(Staff.name == name))
    found = await organisation.actor_for(tx, staff_id, clinic_id)
    assert found is not None
    return found
