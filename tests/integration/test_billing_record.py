"""A month out of the record: evidence, decisions, coverage, what holds it and who can mend it; on both databases."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from billing.decisions import service as decisions
from billing.decisions.rules import DecisionForm
from billing.rules import text_of
from billing.statement import explained
from billing.statement.derivation import decoded, derive, encoded
from billing.statement.explained import PatientMonth
from billing.statement.rollup import roll_up
from billing.statement.service import statement
from kernel.audit import Actor, AuditEvent
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.contacts import service as contacts
from registry.contacts.forms import ContactForm, NextStep
from registry.episodes import service as episodes
from registry.patients import service as patients
from registry.time_log import closing, service
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from tests.support.clock import FakeClock
from tests.support.practice import PAYER, Practice, RecordingOutreach, enrolment, open_practice

MARCH = Month(2026, 3)


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana

    async def works(self, minutes: float, activity: str = "patient_contact", by: Actor | None = None) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            form = TimeForm(
                started_at=self.clock.now() - timedelta(minutes=minutes), minutes=minutes, activity=activity
            )
            return await service.log_time(
                tx, by or self.practice.manager, self.ana, form, source="console", now=self.clock.now()
            )

    async def month(self, month: Month = MARCH, **asked: Any) -> PatientMonth:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await explained.patient_month(
                tx, self.practice.biller, self.ana, month, now=self.clock.now(), **asked
            )

    async def decides(
        self, kind: Any, value: str, month: str | None = None, by: Actor | None = None, reason: str = "seen"
    ) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            clinic = self.practice.clinic_id
            episode = await explained.episode_of(tx, clinic, self.ana)
            form = DecisionForm(kind=kind, value=value, reason=reason, month=month)
            return await decisions.decide(tx, by or self.practice.biller, episode, form, now=self.clock.now())

    async def covers(self, **changes: Any) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            form = msgspec.structs.replace(PAYER, **changes)
            return await patients.add_coverage(tx, self.practice.biller, self.ana, form, now=self.clock.now())


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    clock.advance(hours=3)
    return Case(app_database, practice, clock, done.patient_id)


def states(found: PatientMonth) -> dict[str, str]:
    return {element.id: element.state for element in found.derived.row.elements}


async def test_elements_name_their_rows_and_those_who_can_mend_what_is_missing(case: Case) -> None:
    async with case.database.begin(case.practice.clinic_id) as tx:
        contact = await contacts.record_contact(
            tx, case.practice.manager, case.ana,
            ContactForm(
                kind="phone", outcome="reached", occurred_at=case.clock.now() - timedelta(minutes=40),
                note="Well", minutes=40.0, skill="sleep",
                next=NextStep(case.clock.now() + timedelta(days=7), "phone", "The new dose"),
            ),
            source="console", now=case.clock.now(), outreach=RecordingOutreach(),
        )  # fmt: skip
    found = await case.month()
    by_id = {element.id: element for element in found.derived.row.elements}
    for name in ("registry", "registry_freshness", "brief_intervention"):
        assert [(ref.kind, ref.id) for ref in by_id[name].refs] == [("contact", str(contact))], name
    assert by_id["next_contact"].state == by_id["consent"].state == by_id["direction"].state == "passed"
    missing = by_id["consultant_review"]
    assert (missing.state, missing.holds) == ("failed", True)
    assert "agenda of the next case review" in missing.fix
    assert "consultant" in missing.fixers
    assert found.derived.row.status == "held"
    seen = explained.seen(found)
    assert sum(part.seconds for part in seen.slices) == seen.logged_seconds == seen.counted_seconds == 2400
    assert derive(decoded(encoded(found.inputs))) == found.derived


async def test_a_named_biller_lets_named_holds_go_with_a_reason_and_can_withdraw_it(case: Case) -> None:
    await case.works(40)
    case.clock.advance(hours=24 * 31)
    held = (await case.month()).derived.row
    assert [note.code for note in held.holds] == ["consultant_review"]
    with pytest.raises(Forbidden):
        await case.decides("release", "consultant_review", "2026-03", by=case.practice.manager)
    for kind, value, month, field in (
        ("release", "month_open", "2026-03", "value"),
        ("release", "consultant_review", None, "month"),
        ("month_type", "first", "2026-03", "value"),
        ("other_practitioner", "1234567890", "2026-03", "value"),
        ("further_diagnosis", "F41.1", "2026-03", "month"),
    ):
        with pytest.raises(Invalid) as raised:
            await case.decides(kind, value, month)
        assert [problem.field for problem in raised.value.problems] == [field], kind
    made = await case.decides("release", "consultant_review", "2026-03")
    row = (await case.month()).derived.row
    assert (row.status, [release.by for release in row.releases]) == ("released", ["Tom Field"])
    async with case.database.begin(case.practice.clinic_id) as tx:
        await decisions.withdraw(tx, case.practice.biller, made, "wrong patient", now=case.clock.now())
        wanted = select(AuditEvent.action).where(
            AuditEvent.patient_id == case.ana, AuditEvent.action.in_(("billing.decided", "billing.withdrawn"))
        )
        trail = await tx.all(wanted.order_by(AuditEvent.seq))
        assert [event.action for event in trail] == ["billing.decided", "billing.withdrawn"]
    assert (await case.month()).derived.row.status == "held"
    async with case.database.begin(case.practice.clinic_id) as tx:
        with pytest.raises(Conflict):
            await decisions.withdraw(tx, case.practice.biller, made, "again", now=case.clock.now())
        await closing.close_month(tx, case.practice.biller, MARCH, now=case.clock.now())
    with pytest.raises(Conflict, match="was closed"):
        await case.decides("release", "consultant_review", "2026-03")


async def test_each_decision_reaches_the_month_it_is_for(case: Case) -> None:
    await case.works(40)
    await case.decides("month_type", "subsequent", "2026-03", reason="reported elsewhere before")
    row = (await case.month()).derived.row
    assert [line.code for line in row.lines] == ["99493"]
    assert row.month_type_reason == "Decided by Tom Field: reported elsewhere before"
    await case.decides("reported_code", "99484", "2026-03")
    await case.decides("other_practitioner", "1234567893", "2026-03")
    await case.decides("further_diagnosis", "F41.1")
    await case.decides("prior_authorisation", "2026-03-01", "2026-03")
    row = (await case.month()).derived.row
    assert "conflicting_code" in [note.code for note in row.holds]
    assert "one_practitioner" in [note.code for note in row.flags]
    assert [diagnosis.code for diagnosis in row.facts.diagnoses] == ["F32.1", "F41.1"]
    assert [dated.on for dated in row.facts.evidence.prior_authorisations] == [date(2026, 3, 1)]
    await case.decides("programme", "general_integration", "2026-03")
    general = await case.month()
    assert (general.derived.row.month_type, [line.code for line in general.derived.row.lines]) == (
        "general", ["99484"],
    )  # fmt: skip
    assert "consultant_review" not in states(general)


async def test_a_row_takes_its_payers_rule_set_and_coverage_gaps_hold_it(case: Case) -> None:
    await case.works(40)
    assert (await case.month()).derived.row.rule_id == "cpt_midpoint@1"
    await case.covers(rank=2, payer="NC Medicaid")
    assert states(await case.month())["coverage"] == "passed"
    changed = await case.covers(payer="NC Medicaid", valid_from=date(2026, 3, 20))
    row = (await case.month()).derived.row
    assert {element.id: element.words for element in row.elements}["coverage"].startswith(
        "Two primary coverages overlap"
    )
    async with case.database.begin(case.practice.clinic_id) as tx:
        form = msgspec.structs.replace(PAYER, payer="NC Medicaid", valid_from=date(2026, 3, 20))
        first = row.facts.coverages[0].id
        await patients.change_coverage(
            tx, case.practice.biller, case.ana, UUID(first),
            msgspec.structs.replace(PAYER, valid_to=date(2026, 3, 10)), now=case.clock.now(),
        )  # fmt: skip
    words = {e.id: e.words for e in (await case.month()).derived.row.elements}["coverage"]
    assert words == "The primary coverage changes inside the month."
    async with case.database.begin(case.practice.clinic_id) as tx:
        whole = msgspec.structs.replace(form, valid_from=date(2026, 3, 1))
        await patients.change_coverage(
            tx, case.practice.biller, case.ana, changed, whole, now=case.clock.now()
        )
        await patients.change_coverage(
            tx, case.practice.biller, case.ana, UUID(first),
            msgspec.structs.replace(PAYER, valid_to=date(2026, 2, 28)), now=case.clock.now(),
        )  # fmt: skip
    found = (await case.month()).derived.row
    assert (found.rule_id, states(await case.month())["coverage"]) == ("nc_medicaid@1", "passed")
    assert (await case.month(rule_set_name="full_threshold")).derived.row.rule_id == "full_threshold@1"
    async with case.database.begin(case.practice.clinic_id) as tx:
        whole_month = await statement(tx, case.practice.biller, MARCH, now=case.clock.now())
    assert [row.rule_id for row in whole_month.rows] == ["nc_medicaid@1"]


async def test_time_that_does_not_count_begins_no_billing_episode(
    database: Database, app_database: Database, clock: FakeClock
) -> None:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    case = Case(app_database, practice, clock, done.patient_id)
    clock.advance(hours=2)
    await case.works(10, "clerical")
    clock.advance(hours=24 * 31)
    await case.works(40)
    april = await case.month(Month(2026, 4))
    assert april.derived.row.month_type == "initial"
    with pytest.raises(NotFound):
        async with app_database.begin(practice.clinic_id) as tx:
            await explained.patient_month(
                tx, practice.biller, UUID("019a0000-0000-7000-8000-00000000ffff"), MARCH, now=clock.now()
            )


async def test_the_roll_up_of_months_says_what_the_statement_says(case: Case) -> None:
    await case.works(40)
    await case.works(25, "case_review", by=case.practice.consultant)
    await case.works(20, "case_review")
    await case.works(15, "clerical")
    case.clock.advance(hours=24 * 31)
    await case.works(50)
    async with case.database.begin(case.practice.clinic_id) as tx:
        biller, now = case.practice.biller, case.clock.now()
        pieces = [piece async for piece in roll_up(tx, biller, MARCH, Month(2026, 4), now=now)]
        statements = [await statement(tx, biller, month, now=now) for month in (MARCH, Month(2026, 4))]
    rolled = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    rows = [row for each in statements for row in each.rows]
    assert [line["month"] for line in rolled] == ["2026-03", "2026-04"]
    for line, row in zip(rolled, rows, strict=True):
        assert line["episode_id"] == row.facts.episode.id
        assert int(line["counted_seconds"]) == row.counted_seconds
        assert line["lines"] == text_of(row.decision.lines if row.decision else ())
        assert (line["month_type"], line["rule_set"]) == (row.month_type, row.rule_id)
        excluded = dict(part.split() for part in line["excluded_seconds_by_reason"].split(";") if part)
        assert {name: int(seconds) for name, seconds in excluded.items()} == row.excluded_seconds
    async with case.database.begin(case.practice.clinic_id) as tx:
        with pytest.raises(Forbidden):
            async for _ in roll_up(tx, case.practice.manager, MARCH, MARCH, now=now):
                pass
