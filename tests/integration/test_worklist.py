"""The registry, the search, the tasks and the landing page on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import delete, insert, select, update

from kernel.audit import Actor, AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_id
from registry.cover import service as cover
from registry.cover.rules import CoverForm
from registry.episodes.tables import Episode
from registry.flags.thresholds import Thresholds
from registry.organisation.tables import StaffRole
from registry.patients.tables import Patient, PatientPhone
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm, ChangeWithdrawal
from registry.worklist import judging, own_views, queries, service
from registry.worklist.beside import Whose, beside
from registry.worklist.queries import Page, RegistryFilter, TaskFilter
from registry.worklist.rules import Difference
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts, statements
from tests.support.builders import ClinicRows, PatientRows

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
DAY = timedelta(days=1)
ALL = RegistryFilter()


class Scene(msgspec.Struct):
    clinic: ClinicRows

    @property
    def casey(self) -> Actor:
        return self.clinic.actor("care_manager")

    async def patient(self, tx: Tx, family: str, **overrides: Any) -> PatientRows:
        return await builders.patient(tx, self.clinic, NOW, family_name=family, given_name="Kim", **overrides)

    async def page(
        self, tx: Tx, wanted: RegistryFilter = ALL, after: UUID | None = None, limit: int = 50
    ) -> Page:
        return await queries.registry_page(tx, self.casey, wanted, after, limit, now=NOW)

    async def names(self, tx: Tx, wanted: RegistryFilter = ALL) -> list[str]:
        return [line.family_name for line in (await self.page(tx, wanted)).lines]

    async def danger(self, tx: Tx, patient: PatientRows) -> safety.SignalResult:
        signal = Signal(
            clinic_id=self.clinic.id,
            patient_id=patient.id,
            episode_id=patient.episode_id,
            trigger="item9",
            tier=1,
            toward="self",
            value=1,
            source_kind="answer",
            source_id=new_id(),
            channel="sms",
            rule_version="item9-1",
        )
        return await safety.signal(tx, signal, now=NOW, alerts=NotedAlerts())

    async def task(self, tx: Tx, kind: Any, patient: PatientRows | None, **changes: Any) -> UUID | None:
        given: dict[str, Any] = {
            "clinic_id": self.clinic.id,
            "patient_id": None if patient is None else patient.id,
            "episode_id": None if patient is None else patient.episode_id,
            "kind": kind,
            "dedupe_key": f"{kind}:{new_id()}",
        }
        return await service.open_task(tx, **(given | changes), now=NOW)

    async def line(self, tx: Tx, patient: PatientRows) -> Any:
        return await tx.first(
            select(RegistryLine.__table__).where(RegistryLine.episode_id == patient.episode_id)
        )


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        return Scene(await builders.clinic(tx, NOW))


async def registry(tx: Tx, scene: Scene) -> dict[str, PatientRows]:
    """Two in danger or flagged, one to discuss, two overdue, three others."""
    rows = {
        "Adams": await scene.patient(tx, "Adams", next_contact_at=NOW + 3 * DAY),
        "Brown": await scene.patient(tx, "Brown", next_contact_at=NOW - 2 * DAY),
        "Clark": await scene.patient(tx, "Clark", next_contact_at=NOW - 9 * DAY),
        "Davis": await scene.patient(tx, "Davis"),
        "Evans": await scene.patient(tx, "Evans", next_contact_at=NOW + DAY),
        "Flores": await scene.patient(tx, "Flores"),
        "Green": await scene.patient(tx, "Green", next_contact_at=NOW - DAY),
        "Hill": await scene.patient(tx, "Hill"),
    }
    await scene.danger(tx, rows["Hill"])
    await service.set_flags(tx, scene.casey, rows["Green"].episode_id, safety=True, now=NOW)
    await service.set_flags(tx, scene.casey, rows["Flores"].episode_id, discuss=True, now=NOW)
    return rows


async def test_safety_comes_first_then_discuss_then_the_overdue_then_names(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        await registry(tx, scene)
        expected = ["Green", "Hill", "Flores", "Clark", "Brown", "Adams", "Davis", "Evans"]
        assert await scene.names(tx) == expected


async def test_a_page_is_one_statement_and_one_audit_row(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await registry(tx, scene)
        with statements(database) as seen:
            first = await scene.page(tx, limit=3)
        assert [statement.split()[0] for statement in seen] == ["SELECT", "INSERT"]
        with statements(database) as seen:
            await scene.page(tx, after=first.next, limit=3)
        assert [statement.split()[0] for statement in seen] == ["SELECT", "SELECT", "INSERT"]
        last = (await tx.all(select(AuditEvent.action, AuditEvent.detail).order_by(AuditEvent.seq)))[-1]
        assert (last.action, last.detail["count"]) == ("registry.read", 3)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["default", "name", "phq9_last", "last_contact", "next_contact"])
async def test_pages_of_any_size_give_every_line_once_in_the_same_order(
    database: Database, scene: Scene, sort: Any, descending: bool
) -> None:
    wanted = RegistryFilter(sort=sort, descending=descending)
    async with database.begin() as tx:
        rows = await registry(tx, scene)
        await service.set_last_contact(tx, rows["Adams"].episode_id, NOW - DAY, NOW)
        await service.set_last_contact(tx, rows["Hill"].episode_id, NOW - DAY, NOW)
        await service.set_last_contact(tx, rows["Evans"].episode_id, NOW - 5 * DAY, NOW)
        scores = {"Brown": 12, "Davis": 12, "Flores": 3}
        for name, total in scores.items():
            here = RegistryLine.episode_id == rows[name].episode_id
            await tx.execute(update(RegistryLine).where(here).values(phq9_last=total))
        whole = [line.episode_id for line in (await scene.page(tx, wanted)).lines]
        for size in (1, 2, 3, 8):
            paged: list[UUID] = []
            after = None
            for _ in range(9):
                page = await scene.page(tx, wanted, after, size)
                paged += [line.episode_id for line in page.lines]
                after = page.next
                if after is None:
                    break
            assert paged == whole


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RegistryFilter(sort="name", descending=True), ["Hill", "Evans", "Adams"]),
        (RegistryFilter(sort="phq9_last"), ["Evans", "Adams", "Hill"]),
        (RegistryFilter(sort="phq9_last", descending=True), ["Adams", "Evans", "Hill"]),
        (RegistryFilter(sort="last_contact"), ["Hill", "Adams", "Evans"]),
        (RegistryFilter(sort="last_contact", descending=True), ["Adams", "Hill", "Evans"]),
        (RegistryFilter(sort="next_contact"), ["Evans", "Hill", "Adams"]),
    ],
)
async def test_other_orders_keep_what_is_unknown_at_the_end(
    database: Database, scene: Scene, wanted: RegistryFilter, expected: list[str]
) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        evans = await scene.patient(tx, "Evans", next_contact_at=NOW + DAY)
        hill = await scene.patient(tx, "Hill", next_contact_at=NOW + 2 * DAY)
        await service.set_last_contact(tx, adams.episode_id, NOW - DAY, NOW)
        await service.set_last_contact(tx, hill.episode_id, NOW - 3 * DAY, NOW)
        for patient, total in ((adams, 12), (evans, 3)):
            here = RegistryLine.episode_id == patient.episode_id
            await tx.execute(update(RegistryLine).where(here).values(phq9_last=total))
        assert await scene.names(tx, wanted) == expected


async def test_filters_narrow(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        other = await builders.member(tx, scene.clinic.id, "care_manager", NOW)
        rows = await registry(tx, scene)
        await scene.patient(tx, "Irwin", status="ended", ended_on=date(2026, 2, 1))
        await scene.patient(tx, "Jones", care_manager_id=other, status="on_hold")
        await service.set_check_in_state(
            tx, rows["Adams"].episode_id, "missed", NOW, no_answer_count=2, now=NOW
        )
        await service.set_opted_out(tx, rows["Davis"].id, True, NOW)
        for wanted, expected in (
            (RegistryFilter(statuses=("ended",)), ["Irwin"]),
            (RegistryFilter(statuses=("on_hold",)), ["Jones"]),
            (RegistryFilter(care_manager_id=other), ["Jones"]),
            (RegistryFilter(mine=True, statuses=("on_hold",)), []),
            (RegistryFilter(overdue=True), ["Green", "Clark", "Brown"]),
            (RegistryFilter(overdue=False, flags=frozenset({"discuss"})), ["Flores"]),
            (RegistryFilter(flags=frozenset({"safety"})), ["Green", "Hill"]),
            (RegistryFilter(flags=frozenset({"safety", "discuss"})), ["Green", "Hill", "Flores"]),
            (RegistryFilter(flags=frozenset({"severe"})), []),
            (RegistryFilter(check_in_states=frozenset({"missed", "invited"})), ["Adams"]),
            (RegistryFilter(opted_out=True), ["Davis"]),
        ):
            assert await scene.names(tx, wanted) == expected, wanted
        assert "Irwin" not in await scene.names(tx)
        assert "Jones" in await scene.names(tx)


async def test_mine_is_care_manager_clinician_or_consultant(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.patient(tx, "Adams")
        await scene.patient(tx, "Brown", consultant_id=None)
        wanted = RegistryFilter(mine=True, sort="name")
        for role, expected in (("care_manager", 2), ("clinician", 2), ("consultant", 1), ("clinic_lead", 0)):
            viewer = scene.clinic.actor(role)  # type: ignore[arg-type]
            page = await queries.registry_page(tx, viewer, wanted, None, 50, now=NOW)
            assert len(page.lines) == expected, role


async def test_a_cursor_of_another_clinic_shows_nothing(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.patient(tx, "Adams")
        foreign = await builders.clinic(tx, NOW)
        stranger = await builders.patient(tx, foreign, NOW, family_name="Aaron")
        assert (await scene.page(tx, after=stranger.episode_id)).lines == ()
        assert [line.family_name for line in (await scene.page(tx)).lines] == ["Adams"]
        assert await queries.line_of(tx, scene.casey, stranger.episode_id, now=NOW) is None


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_the_registry_is_clinical_content(database: Database, scene: Scene, role: Any) -> None:
    viewer = scene.clinic.actor(role)
    async with database.begin() as tx:
        for attempt in (
            queries.registry_page(tx, viewer, ALL, None, 50, now=NOW),
            queries.tasks(tx, viewer, TaskFilter(), None, 50, now=NOW),
            queries.today(tx, viewer, now=NOW),
            service.set_flags(tx, viewer, new_id(), discuss=True, now=NOW),
        ):
            with pytest.raises(Forbidden):
                await attempt


async def test_patients_are_found_by_name_record_number_and_phone(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        muller = await scene.patient(tx, "Müller", mrn="MRN-100_7")
        await scene.patient(tx, "Mulligan", mrn="MRN-10017", is_test=False)
        await builders.patient(tx, await builders.clinic(tx, NOW), NOW, family_name="Müller")
        for text, expected in (
            ("mül", ["Müller", "Mulligan"]),
            ("mülle", ["Müller"]),
            ("MULL", ["Müller", "Mulligan"]),
            ("Muller,  kim", ["Müller"]),
            ("mul%er", []),
            ("MRN-100_7", ["Müller"]),  # `_` is no wildcard
            ("mrn-100", []),
            (muller.phone, ["Müller"]),
            (f"({muller.phone[2:5]}) 555-{muller.phone[-4:]}", ["Müller"]),
            ("+12065559999", []),
        ):
            found = await queries.search(tx, scene.casey, text, now=NOW)
            assert sorted(one.family_name for one in found) == sorted(expected), text
        (found,) = await queries.search(tx, scene.casey, "MRN-100_7", now=NOW)
        assert (found.patient_id, found.episode_id, found.status) == (muller.id, muller.episode_id, "active")


async def test_a_number_somebody_gave_up_finds_nobody(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        await tx.execute(update(PatientPhone).values(replaced_at=NOW))
        assert await queries.search(tx, scene.casey, adams.phone, now=NOW) == ()


async def test_a_search_leaves_a_count_and_no_words(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.patient(tx, "Adams")
        await queries.search(tx, scene.clinic.actor("biller"), "adams", now=NOW)
        with pytest.raises(Forbidden):
            await queries.search(tx, scene.clinic.actor("administrator"), "adams", now=NOW)
        with pytest.raises(Invalid):
            await queries.search(tx, scene.casey, " a ", now=NOW)
        rows = await tx.all(select(AuditEvent.action, AuditEvent.detail))
        assert [(row.action, row.detail) for row in rows] == [("patients.searched", {"count": 1})]


async def test_a_task_is_open_once_per_key_and_may_come_again(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        first = await scene.task(tx, "inbound_text", adams, dedupe_key="inbound:1")
        assert first is not None
        assert await scene.task(tx, "inbound_text", adams, dedupe_key="inbound:1") is None
        line = await scene.line(tx, adams)
        assert (line.open_tasks, line.waiting_replies) == (1, 1)
        await service.close_task(tx, scene.casey, first, "replied", NOW + DAY)
        line = await scene.line(tx, adams)
        assert (line.open_tasks, line.waiting_replies) == (0, 0)
        with pytest.raises(Conflict):
            await service.close_task(tx, scene.casey, first, "replied", NOW + DAY)
        assert await scene.task(tx, "inbound_text", adams, dedupe_key="inbound:1") is not None
        done = await tx.first(select(Task.done_by_id, Task.outcome).where(Task.id == first))
        assert (done.done_by_id, done.outcome) == (scene.clinic.care_manager, "replied")


async def test_a_rule_closes_its_own_task(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        await scene.task(tx, "contact_invalid", adams, dedupe_key="phone:1")
        assert await service.close_tasks(tx, scene.clinic.id, "phone:1", "phone_changed", NOW) == 1
        assert await service.close_tasks(tx, scene.clinic.id, "phone:1", "phone_changed", NOW) == 0
        assert (await scene.line(tx, adams)).open_tasks == 0


async def test_a_safety_task_is_not_ticked_off(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        await scene.danger(tx, adams)
        task_id = await tx.scalar(select(Task.id))
        with pytest.raises(Conflict):
            await service.close_task(tx, scene.casey, task_id, "done", NOW)


async def test_tasks_are_refused_to_strangers_and_for_bad_outcomes(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        task_id = await scene.task(tx, "staff_question", None)
        assert task_id is not None
        stranger = (await builders.clinic(tx, NOW)).actor("care_manager")
        with pytest.raises(NotFound):
            await service.close_task(tx, stranger, task_id, "done", NOW)
        with pytest.raises(NotFound):
            await service.take_task(tx, stranger, task_id, NOW)
        with pytest.raises(Invalid):
            await service.close_task(tx, scene.casey, task_id, "She said yes.", NOW)
        with pytest.raises(Forbidden):
            await service.close_task(tx, scene.clinic.actor("biller"), task_id, "done", NOW)


async def test_tasks_come_soonest_due_first_page_by_page(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        made = [
            await scene.task(
                tx, "staff_question", adams, due_at=NOW + 2 * DAY, owner_id=scene.clinic.clinician
            ),
            await scene.task(tx, "inbound_text", adams, due_at=NOW - DAY),
            await scene.task(tx, "unknown_number", None, due_at=NOW + DAY),
            await scene.task(tx, "hold_review", adams, due_at=NOW + DAY, owner_id=scene.clinic.care_manager),
        ]

        async def listed(wanted: TaskFilter, size: int = 50) -> list[UUID]:
            seen: list[UUID] = []
            after = None
            for _ in range(5):
                page = await queries.tasks(tx, scene.casey, wanted, after, size, now=NOW)
                seen += [task.id for task in page.tasks]
                after = page.next
                if after is None:
                    break
            return seen

        order = [made[1], made[2], made[3], made[0]]
        assert await listed(TaskFilter()) == order
        assert await listed(TaskFilter(), 1) == order
        assert await listed(TaskFilter(mine=True)) == [made[1], made[2], made[3]]
        assert await listed(TaskFilter(owner_id=scene.clinic.clinician)) == [made[0]]
        assert await listed(TaskFilter(replies=True)) == [made[1], made[2]]
        assert await listed(TaskFilter(kinds=frozenset({"hold_review"}))) == [made[3]]
        assert await listed(TaskFilter(patient_id=adams.id)) == [made[1], made[3], made[0]]
        page = await queries.tasks(tx, scene.casey, TaskFilter(), None, 2, now=NOW)
        assert [(task.label, task.late, task.family_name) for task in page.tasks] == [
            ("Text to read", True, "Adams"),
            ("Text from a number we don't know", False, None),
        ]
        assert made[1] is not None
        await service.close_task(tx, scene.casey, made[1], "replied", NOW)
        assert await listed(TaskFilter(done=True)) == [made[1]]


async def test_a_task_can_be_taken(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        task_id = await scene.task(tx, "inbound_text", None)
        assert task_id is not None
        await service.take_task(tx, scene.casey, task_id, NOW)
        assert await tx.scalar(select(Task.owner_id)) == scene.clinic.care_manager


async def test_today_shows_what_cannot_wait_what_is_late_and_what_waits(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        rows = await registry(tx, scene)
        await scene.task(tx, "inbound_text", rows["Adams"], due_at=NOW - DAY)
        await scene.task(tx, "staff_question", rows["Brown"], owner_id=scene.clinic.clinician)
        for name, on in (("Adams", NOW.date()), ("Brown", NOW.date()), ("Clark", NOW.date() + DAY)):
            await service.set_next_check_in(tx, rows[name].episode_id, on, now=NOW)
        await service.set_opted_out(tx, rows["Brown"].id, True, NOW)
        await service.set_check_in_state(
            tx, rows["Evans"].episode_id, "invited", NOW - 2 * DAY, no_answer_count=1, now=NOW
        )
        await service.set_check_in_state(tx, rows["Davis"].episode_id, "completed", NOW - DAY, now=NOW)
        found = await queries.today(tx, scene.casey, now=NOW)
        assert found.day == date(2026, 3, 2)
        assert [(line.family_name, line.responsible_name) for line in found.safety] == [
            ("Hill", "Casey Moore")
        ]
        assert [line.family_name for line in found.overdue] == ["Clark", "Brown", "Green"]
        assert [task.kind for task in found.waiting] == ["inbound_text", "staff_question"]
        assert [(line.family_name, line.since) for line in found.unanswered] == [("Evans", NOW - 2 * DAY)]
        counts = (found.safety_count, found.overdue_count, found.waiting_count, found.unanswered_count)
        assert counts == (1, 3, 2, 1)
        assert (found.replies_count, found.going_out) == (1, 1)
        own = await queries.today(tx, scene.casey, now=NOW, mine=True)
        assert (own.waiting_count, own.overdue_count, own.safety_count) == (1, 3, 1)


async def test_a_contact_of_the_clinic_s_day_stands_on_today_until_it_is_overdue(
    database: Database, scene: Scene
) -> None:
    midnight = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # in Seattle
    async with database.begin() as tx:
        for family, at in (
            ("Adams", midnight - timedelta(minutes=1)),
            ("Brown", midnight),
            ("Clark", midnight + DAY - timedelta(minutes=1)),
            ("Davis", midnight + DAY),
        ):
            await scene.patient(tx, family, next_contact_at=at)
        await scene.patient(tx, "Evans", next_contact_at=NOW, status="on_hold")
        found = await queries.today(tx, scene.casey, now=NOW)
        assert [line.family_name for line in found.due] == ["Brown", "Clark"]
        assert [line.family_name for line in found.overdue] == ["Adams"]
        assert found.due_count == 2
        own = await queries.today(tx, scene.clinic.actor("clinic_lead"), now=NOW, mine=True)
        assert own.due_count == 0, "nobody's contacts but one's own"


async def test_a_referral_that_nobody_has_taken_is_on_every_care_manager_s_day(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        referred = {"status": "referred", "enrolled_on": None, "care_manager_id": None, "consultant_id": None}
        await scene.patient(tx, "Adams", **referred)
        await scene.patient(tx, "Brown", **referred | {"care_manager_id": scene.clinic.clinic_lead})
        mine = await queries.today(tx, scene.casey, now=NOW, mine=True)
        assert [line.family_name for line in mine.referrals] == ["Adams"]
        assert mine.unplanned == (), "they are not in care yet"
        clinic = await queries.today(tx, scene.casey, now=NOW)
        assert ([line.family_name for line in clinic.referrals], clinic.referrals_count) == (
            ["Adams", "Brown"],
            2,
        )
        clinician = await queries.today(tx, scene.clinic.actor("consultant"), now=NOW, mine=True)
        assert "Adams" not in [line.family_name for line in clinician.referrals]


async def test_an_empty_clinic_has_an_empty_day(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        found = await queries.today(tx, scene.casey, now=NOW)
        assert (found.safety, found.overdue, found.waiting, found.unanswered) == ((), (), (), ())
        assert (found.going_out, found.waiting_count) == (0, 0)


async def test_drift_is_seen_named_and_repaired(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams, brown = await scene.patient(tx, "Adams"), await scene.patient(tx, "Brown")
        clark = await scene.patient(tx, "Clark")
        await service.set_check_in_state(tx, adams.episode_id, "missed", NOW, no_answer_count=3, now=NOW)
        await service.set_flags(tx, scene.casey, adams.episode_id, discuss=True, now=NOW)
        assert await service.drift(tx, scene.clinic.id, NOW) == []
        await tx.execute(
            update(Episode).where(Episode.id == adams.episode_id).values(next_contact_at=NOW + DAY)
        )
        await tx.execute(delete(RegistryLine).where(RegistryLine.episode_id == brown.episode_id))
        await tx.execute(update(Patient).where(Patient.id == clark.id).values(is_test=True))
        assert await service.drift(tx, scene.clinic.id, NOW) == [
            Difference(adams.episode_id, "next_contact_at"),
            Difference(adams.episode_id, "overdue_since"),
            Difference(brown.episode_id, "episode_id"),
            Difference(clark.episode_id, "episode_id"),
        ]
        assert await service.rebuild(tx, scene.clinic.id, NOW) == 3
        assert await service.drift(tx, scene.clinic.id, NOW) == []
        assert await service.rebuild(tx, scene.clinic.id, NOW) == 0
        kept = await scene.line(tx, adams)
        assert (kept.check_in_state, kept.no_answer_count, kept.discuss_flag, kept.sort_rank) == (
            "missed", 3, True, 1,
        )  # fmt: skip


async def test_test_patients_are_in_no_caseload(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.patient(tx, "Canary", is_test=True, mrn="DRILL-1")
        assert await scene.names(tx) == []
        assert await queries.search(tx, scene.casey, "canary", now=NOW) == ()
        assert len(await queries.search(tx, scene.casey, "DRILL-1", now=NOW)) == 1
        assert await service.find_lost(tx, scene.clinic.id, NOW) == []


async def test_lost_is_who_is_in_care_with_nothing_planned(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        lost = await scene.patient(tx, "Adams")
        reason = await scene.patient(tx, "Brown", next_contact_purpose_sealed=tx.vault.seal("as needed"))
        await scene.patient(tx, "Clark", next_contact_at=NOW - 30 * DAY)  # overdue, so it is seen
        planned = await scene.patient(tx, "Davis")
        await service.set_next_check_in(tx, planned.episode_id, date(2026, 3, 9), now=NOW)
        stuck = await scene.patient(tx, "Evans", status="relapse_prevention")
        await service.set_next_check_in(tx, stuck.episode_id, date(2026, 2, 1), now=NOW)
        await scene.patient(tx, "Flores", status="on_hold")
        found = await service.find_lost(tx, scene.clinic.id, NOW)
        assert {(one.episode_id, one.reason_given) for one in found} == {
            (lost.episode_id, False),
            (reason.episode_id, True),
            (stuck.episode_id, False),
        }


async def test_facts_of_other_rooms_are_written_where_they_are_told(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        await service.set_check_in_state(
            tx,
            adams.episode_id,
            "invited",
            NOW,
            no_answer_count=2,
            next_check_in_on=date(2026, 3, 16),
            now=NOW,
        )
        await service.set_check_in_state(tx, adams.episode_id, "completed", NOW + DAY, now=NOW + DAY)
        await service.set_minutes(tx, adams.episode_id, "2026-03", 1860, NOW)
        await service.set_last_review(tx, adams.episode_id, NOW, NOW)
        line = await queries.line_of(tx, scene.casey, adams.episode_id, now=NOW)
        assert line is not None
        assert (line.check_in_state, line.check_in_at, line.no_answer_count) == ("completed", NOW + DAY, 2)
        assert (line.next_check_in_on, line.minutes_month, line.counted_seconds) == (
            date(2026, 3, 16), "2026-03", 1860,
        )  # fmt: skip
        with pytest.raises(ValueError, match="month"):
            await service.set_minutes(tx, adams.episode_id, "March", 1, NOW)


async def test_use_cases_at_once_leave_a_line_that_says_what_the_facts_say(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")

    async def danger() -> None:
        async with database.begin() as tx:
            await scene.danger(tx, adams)

    async def task(kind: str) -> None:
        async with database.begin() as tx:
            await scene.task(tx, kind, adams)

    async def contact() -> None:
        async with database.begin() as tx:
            here = Episode.id == adams.episode_id
            await tx.execute(update(Episode).where(here).values(next_contact_at=NOW - DAY))
            await service.refresh(tx, adams.episode_id, NOW)

    await asyncio.gather(danger(), task("inbound_text"), contact(), task("severe_score"), task("parked_text"))
    async with database.begin() as tx:
        assert await service.drift(tx, scene.clinic.id, NOW) == []
        line = await scene.line(tx, adams)
        assert (line.open_risk, line.open_tasks, line.waiting_replies, line.severe_flag) == (1, 4, 2, True)


async def test_a_line_that_is_right_is_not_written(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams")
        with statements(database) as seen:
            await service.refresh(tx, adams.episode_id, NOW + timedelta(hours=1))
        assert [statement.split()[0] for statement in seen] == ["SELECT"] * 3
        await tx.execute(update(Episode).values(next_contact_at=NOW))
        with statements(database) as seen:
            await service.refresh(tx, adams.episode_id, NOW + DAY)
        assert [statement.split()[0] for statement in seen] == ["SELECT", "SELECT", "SELECT", "UPDATE"]


async def test_the_web_role_reads_its_own_clinic_behind_the_wall(
    database: Database, app_database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        await registry(tx, scene)
        await builders.patient(tx, await builders.clinic(tx, NOW), NOW, family_name="Foreign")
    async with app_database.begin(scene.clinic.id) as tx:
        first = await scene.page(tx, limit=5)
        second = await scene.page(tx, after=first.next, limit=5)
        assert (len(first.lines), len(second.lines), second.next) == (5, 3, None)
        assert (await queries.today(tx, scene.casey, now=NOW)).safety_count == 1
        assert len(await queries.search(tx, scene.casey, "hill", now=NOW)) == 1
        assert await service.rebuild(tx, scene.clinic.id, NOW) == 0


async def rules_of(tx: Tx, patient: PatientRows) -> dict[str, str]:
    row = await tx.first(select(RegistryLine.rules).where(RegistryLine.episode_id == patient.episode_id))
    assert row is not None
    return {result["rule"]: result["outcome"] for result in row.rules}


async def test_a_contact_a_review_and_a_change_of_treatment_are_judged_at_once(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams", enrolled_on=NOW.date() - timedelta(days=40))
        await service.refresh(tx, adams.episode_id, NOW)
        before = await rules_of(tx, adams)
        assert {"R-NOCONTACT", "R-REVIEW", "R-NEW"} <= before.keys()
        await service.set_last_contact(tx, adams.episode_id, NOW, NOW)
        await service.set_last_review(tx, adams.episode_id, NOW, NOW)
        assert not {"R-NOCONTACT", "R-REVIEW", "R-NEW"} & (await rules_of(tx, adams)).keys()
        form = ChangeForm(on=NOW.date(), kind="dose_changed", what="sertraline 100 mg")
        change_id = await treatment_changes.record_change(tx, scene.casey, adams.id, form, now=NOW)
        assert (await scene.line(tx, adams)).changed_on == NOW.date()
        await treatment_changes.withdraw_change(
            tx, scene.casey, adams.id, change_id, ChangeWithdrawal("Another patient's."), now=NOW
        )
        assert (await scene.line(tx, adams)).changed_on is None
        assert await service.drift(tx, scene.clinic.id, NOW) == []


async def test_the_daily_sweep_judges_each_line_once_a_day_and_a_late_one_hides_nothing(
    database: Database, scene: Scene
) -> None:
    later = NOW + 28 * DAY
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams", enrolled_on=NOW.date())
        await service.refresh(tx, adams.episode_id, NOW)
        assert "R-NOSCORE" not in await rules_of(tx, adams)
        page = await queries.registry_page(tx, scene.casey, ALL, None, 50, now=later, today=later.date())
        assert "R-NOSCORE" in {result["rule"] for result in page.lines[0].rules}
        assert "R-NOSCORE" not in await rules_of(tx, adams)
    assert (await judging.judge_due(database, later))["judged"] == 1
    assert (await judging.judge_due(database, later))["judged"] == 0
    async with database.begin() as tx:
        assert (await rules_of(tx, adams))["R-NOSCORE"] == "met"
        flagged = RegistryFilter(flags=frozenset({"no_score"}))
        assert await scene.names(tx, flagged) == ["Adams"]
        assert await scene.names(tx, RegistryFilter(flags=frozenset({"not_judged"}))) == ["Adams"]


async def test_numbers_of_the_clinic_judge_everybody_again(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        adams = await scene.patient(tx, "Adams", enrolled_on=NOW.date() - timedelta(days=20))
        await service.refresh(tx, adams.episode_id, NOW)
        assert "R-NOCONTACT" not in await rules_of(tx, adams)
        stricter = Thresholds(no_contact_days=20)
        with pytest.raises(Forbidden):
            await judging.set_thresholds(tx, scene.casey, stricter, now=NOW)
        with pytest.raises(Invalid) as refused:
            await judging.set_thresholds(
                tx, scene.clinic.actor("clinic_lead"), Thresholds(new_days=99), now=NOW
            )
        assert [problem.field for problem in refused.value.problems] == ["new_days"]
        await judging.set_thresholds(tx, scene.clinic.actor("clinic_lead"), stricter, now=NOW)
        judged = await judging.patient_rules(tx, scene.casey, adams.id, now=NOW)
        assert {one.rule: one.outcome for one in judged.results}["R-NOCONTACT"] == "met"
    assert (await judging.judge_due(database, NOW))["judged"] == 1
    async with database.begin() as tx:
        assert (await rules_of(tx, adams))["R-NOCONTACT"] == "met"


async def test_pages_of_a_whole_clinic_follow_each_other_in_the_one_order(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        await registry(tx, scene)
        whole = await scene.names(tx)
        found: list[str] = []
        after: UUID | None = None
        for _ in range(8):
            page = await scene.page(tx, after=after, limit=1)
            found += [line.family_name for line in page.lines]
            after = page.next
        assert (found, after) == (whole, None)


async def test_a_colleague_who_stands_in_sees_the_absent_colleagues_patients(
    database: Database, scene: Scene
) -> None:
    today = NOW.date()
    async with database.begin() as tx:
        other = await builders.member(tx, scene.clinic.id, "care_manager", NOW, name="Robin Field")
        await tx.execute(
            insert(StaffRole),
            {"staff_id": other, "clinic_id": scene.clinic.id, "role": "care_manager"},
        )
        await scene.patient(tx, "Adams", care_manager_id=other)
        form = CoverForm(other, scene.clinic.care_manager, today, today + DAY)
        with pytest.raises(Forbidden):
            await cover.assign(tx, scene.casey, form, now=NOW)
        lead = scene.clinic.actor("clinic_lead")
        cover_id = await cover.assign(tx, lead, form, now=NOW)
        with pytest.raises(Invalid):
            await cover.assign(tx, lead, form, now=NOW)  # covered on these days already
        found = await beside(tx, scene.casey, today=today, now=NOW)
        assert found.covering == {other: "Robin Field"}
        assert found.counts["mine"] == 1
        mine = RegistryFilter(mine=True)
        page = await queries.registry_page(
            tx, scene.casey, mine, None, 50, now=NOW, today=today, covering=found.covering
        )
        assert [line.family_name for line in page.lines] == ["Adams"]
        assert (await beside(tx, scene.casey, today=today + 2 * DAY, now=NOW)).covering == {}
        await cover.call_off(tx, scene.casey, cover_id, now=NOW)
        assert (await beside(tx, scene.casey, today=today, now=NOW)).covering == {}


async def test_nobody_without_a_next_contact_can_hide(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.patient(tx, "Adams")
        await scene.patient(tx, "Evans", next_contact_at=NOW + DAY)
        assert await scene.names(tx, RegistryFilter(flags=frozenset({"nothing_planned"}))) == ["Adams"]
        found = await beside(tx, scene.casey, today=NOW.date(), now=NOW)
        assert (found.counts["nothing_planned"], found.counts["clinic"]) == (1, 2)


async def test_views_count_the_caseload_that_is_chosen(database: Database, scene: Scene) -> None:
    today = NOW.date()
    day = (NOW - timedelta(hours=10), NOW + timedelta(hours=14))  # the clinic's
    async with database.begin() as tx:
        other = await builders.member(tx, scene.clinic.id, "care_manager", NOW, name="Robin Field")
        role = {"staff_id": other, "clinic_id": scene.clinic.id, "role": "care_manager"}
        await tx.execute(insert(StaffRole), role)
        elsewhere = {"care_manager_id": other, "treating_clinician_id": None, "consultant_id": None}
        await scene.patient(tx, "Adams", next_contact_at=NOW + timedelta(hours=2))
        await scene.patient(tx, "Baker", next_contact_at=NOW - 3 * DAY)
        await scene.patient(tx, "Evans", **elsewhere)
        await scene.patient(tx, "Hill", **elsewhere, next_contact_at=NOW + timedelta(hours=13))

        async def counts(whose: Whose) -> dict[str, int]:
            found = await beside(tx, scene.casey, today=today, now=NOW, whose=whose, day=day)
            return {
                name: found.counts[name] for name in ("mine", "clinic", "today", "overdue", "nothing_planned")
            }

        whole = {"mine": 2, "clinic": 4}
        assert await counts("clinic") == {**whole, "today": 2, "overdue": 1, "nothing_planned": 1}
        assert await counts("mine") == {**whole, "today": 1, "overdue": 1, "nothing_planned": 0}
        assert await counts(other) == {**whole, "today": 1, "overdue": 0, "nothing_planned": 1}
        form = CoverForm(other, scene.clinic.care_manager, today, today)
        await cover.assign(tx, scene.clinic.actor("clinic_lead"), form, now=NOW)
        assert await counts("mine") == {
            "mine": 4, "clinic": 4, "today": 2, "overdue": 1, "nothing_planned": 1,
        }  # fmt: skip


async def test_contacts_planned_within_a_time_are_found_and_holds_say_when_to_look_again(
    database: Database, scene: Scene
) -> None:
    on = date(2026, 3, 20)
    async with database.begin() as tx:
        for name, hours in (("Adams", -1), ("Baker", 0), ("Evans", 23), ("Hill", 24)):
            await scene.patient(tx, name, next_contact_at=NOW + timedelta(hours=hours))
        await scene.patient(tx, "Irwin", status="on_hold", hold_review_on=on)
        found = await scene.names(tx, RegistryFilter(planned=(NOW, NOW + DAY), sort="next_contact"))
        assert found == ["Baker", "Evans"]
        held = await scene.page(tx, RegistryFilter(statuses=("on_hold",)))
        assert [line.hold_review_on for line in held.lines] == [on]


async def test_a_view_belongs_to_the_person_who_saved_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        view_id = await own_views.save_view(tx, scene.casey, "  Late  ones ", {"flag": "overdue"}, now=NOW)
        found = await beside(tx, scene.casey, today=NOW.date(), now=NOW)
        assert [(view.name, view.query) for view in found.views] == [("Late ones", {"flag": "overdue"})]
        with pytest.raises(Conflict):
            await own_views.save_view(tx, scene.casey, "Late ones", {}, now=NOW)
        dana = scene.clinic.actor("clinician")
        assert (await beside(tx, dana, today=NOW.date(), now=NOW)).views == ()
        with pytest.raises(NotFound):
            await own_views.delete_view(tx, dana, view_id, now=NOW)
        await own_views.delete_view(tx, scene.casey, view_id, now=NOW)
        assert (await beside(tx, scene.casey, today=NOW.date(), now=NOW)).views == ()
