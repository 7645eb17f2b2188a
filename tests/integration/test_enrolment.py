"""Referral and enrolment on both databases, and the details of a patient afterwards."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.audit import Actor, AuditEvent
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.episodes import service
from registry.episodes.forms import EnrolmentForm, ReferralForm
from registry.episodes.tables import CareConsent, Episode, StatusChange
from registry.organisation import service as organisation
from registry.patients import details, queries
from registry.patients import service as patients
from registry.patients.details import DetailsForm
from registry.patients.forms import CoverageForm, PersonForm, PhoneForm, PreferencesForm
from registry.patients.tables import Coverage, Patient, PatientPhone
from registry.worklist.tables import RegistryLine
from tests.support.clock import FakeClock
from tests.support.endings import ended
from tests.support.practice import (
    ANA,
    BY_ITEMS,
    PAYER,
    PHONE,
    ROOT,
    TEXTING,
    WISHES,
    Practice,
    RecordingOutreach,
    enrolment,
    open_practice,
)

TABLES = (Patient, PatientPhone, Episode, StatusChange, CareConsent, Coverage, RegistryLine)
REFERRAL = ReferralForm("Reyes", "Ana", "Dr. Ines Roth", "PHQ-9 of 16 today.", phone="(206) 555-0123")


@pytest.fixture
async def practice(database: Database, clock: FakeClock) -> Practice:
    return await open_practice(database, clock.now())


@pytest.fixture
def outreach() -> RecordingOutreach:
    return RecordingOutreach()


class Desk:
    """The care manager at the app's database, behind the clinic wall."""

    def __init__(
        self, database: Database, practice: Practice, clock: FakeClock, outreach: RecordingOutreach
    ) -> None:
        self.database, self.practice, self.clock, self.outreach = database, practice, clock, outreach

    async def refers(self, form: ReferralForm = REFERRAL, actor: Actor | None = None) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.refer(tx, actor or self.practice.manager, form, now=self.clock.now())

    async def enrols(self, form: EnrolmentForm | None = None, **changed: Any) -> UUID:
        form = form or enrolment(self.practice, self.clock.now(), **changed)
        async with self.database.begin(self.practice.clinic_id) as tx:
            done = await service.enrol(
                tx, self.practice.manager, form, now=self.clock.now(), outreach=self.outreach
            )
        return done.patient_id

    async def sees(self, patient_id: UUID, viewer: Actor | None = None) -> queries.PatientPage:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await queries.patient(
                tx, viewer or self.practice.manager, patient_id, now=self.clock.now()
            )

    async def refused(self, form: EnrolmentForm | None = None, **changed: Any) -> list[str]:
        with pytest.raises(Invalid) as refusal:
            await self.enrols(form, **changed)
        return [problem.field for problem in refusal.value.problems]

    async def rows(self) -> dict[str, int]:
        async with self.database.begin(self.practice.clinic_id) as tx:
            counts = {}
            for table in TABLES:
                counts[table.__tablename__] = await tx.scalar(select(func.count()).select_from(table))
            return counts


@pytest.fixture
def desk(app_database: Database, practice: Practice, clock: FakeClock, outreach: RecordingOutreach) -> Desk:
    return Desk(app_database, practice, clock, outreach)


async def actions(database: Database, patient_id: UUID) -> list[str]:
    async with database.begin() as tx:
        wanted = select(AuditEvent.action).where(AuditEvent.patient_id == patient_id)
        return [row.action for row in await tx.all(wanted.order_by(AuditEvent.seq))]


async def test_an_enrolled_patient_is_read_back_whole(desk: Desk, database: Database) -> None:
    ana = await desk.enrols()
    page = await desk.sees(ana)
    assert (page.family_name, page.given_name, page.mrn, page.sex) == ("Reyes", "Ana", "MRN-1001", "F")
    assert page.age == 41
    assert page.address == ANA.address
    assert page.emergency == ANA.emergency
    assert page.phone is not None
    assert (page.phone.number, page.phone.state, page.phone.shared) == ("+12065550123", "unverified", False)
    (payer,) = page.coverage
    assert (payer.payer, payer.member_id, payer.rank) == ("Evergreen Health Plan", "M-77812", 1)
    episode = page.episode
    assert episode is not None
    assert (episode.status, episode.target_condition, episode.enrolled_on) == (
        "active",
        "F32.1",
        date(2026, 3, 2),
    )
    assert episode.care_manager is not None
    assert episode.care_manager.name == "Lee Park"
    assert episode.referral_reason == "PHQ-9 of 16 at the visit, wants to try."
    assert [(c.kind, c.method, c.wording_version) for c in episode.consents] == [
        ("given", "verbal", "care-consent@1")
    ]
    assert [(h.from_status, h.to_status, h.by) for h in episode.history] == [(None, "active", "Lee Park")]
    assert await actions(database, ana) == ["patient.enrolled", "patient.read"]
    assert desk.outreach.names() == ["record_texting_consent"]
    assert desk.outreach.consents == {ana: "link_only"}


async def test_what_is_secret_is_not_stored_in_plain(desk: Desk) -> None:
    await desk.enrols()
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        stored = ""
        for table in (Patient, PatientPhone, Episode, Coverage):
            stored += repr(await tx.all(select(table.__table__)))
    for secret in ("5550123", "5550190", "Alder", "Luis", "M-77812", "PHQ-9 of 16"):
        assert secret not in stored


async def test_a_refused_enrolment_saves_nothing(desk: Desk) -> None:
    before = await desk.rows()
    person = msgspec.structs.replace(ANA, birth_date=None, mrn=None)
    fields = await desk.refused(person=person, target_condition="?", texting_consent=None)
    assert fields == ["birth_date", "mrn", "texting_consent", "target_condition"]
    assert await desk.rows() == before


async def test_a_failure_in_texting_consent_saves_nothing(desk: Desk) -> None:
    class Broken(RecordingOutreach):
        async def record_texting_consent(self, *_: Any, **__: Any) -> None:
            raise Conflict("refused")

    desk.outreach = Broken()
    before = await desk.rows()
    with pytest.raises(Conflict):
        await desk.enrols()
    assert await desk.rows() == before


async def test_staff_of_another_clinic_or_role_are_refused(
    desk: Desk, database: Database, clock: FakeClock
) -> None:
    south = await open_practice(database, clock.now(), "south")
    assert await desk.refused(team=south.team) == [
        "treating_clinician_id",
        "care_manager_id",
        "consultant_id",
    ]
    assert desk.practice.biller.id is not None
    team = msgspec.structs.replace(desk.practice.team, care_manager_id=desk.practice.biller.id)
    assert await desk.refused(team=team) == ["care_manager_id"]


async def test_a_handoff_takes_a_name_and_a_phone_and_waits(
    desk: Desk, clock: FakeClock, outreach: RecordingOutreach
) -> None:
    ana = await desk.refers()
    clock.advance(days=4)
    page = await desk.sees(ana)
    assert page.episode is not None
    assert (page.episode.status, page.episode.waiting_days) == ("referred", 4)
    assert page.episode.referral_reason == "PHQ-9 of 16 today."
    assert (page.channel, page.zone, page.birth_date) == ("phone", None, None)
    assert outreach.calls == []
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        facts = await queries.texting_facts(tx, ana)
        line = await tx.first(select(RegistryLine.status).where(RegistryLine.patient_id == ana))
    assert facts is not None
    assert patients.rules.hindrance_to_texts(facts, date(2026, 3, 6)) == "not_enrolled"
    assert line is not None
    assert line.status == "referred"


async def test_enrolment_completes_the_referral(desk: Desk, clock: FakeClock) -> None:
    ana = await desk.refers()
    clock.advance(days=2)
    form = enrolment(
        desk.practice,
        clock.now(),
        patient_id=ana,
        version=1,
        phone=None,
        referred_by=None,
        referral_reason=None,
    )
    assert await desk.enrols(form) == ana
    page = await desk.sees(ana)
    assert page.episode is not None
    assert (page.episode.status, page.episode.waiting_days) == ("active", None)
    assert page.episode.referred_by == "Dr. Ines Roth"
    assert [line.to_status for line in page.episode.history] == ["active", "referred"]
    assert page.earlier_episodes == ()
    assert page.phone is not None
    assert page.phone.number == "+12065550123"
    assert page.mrn == "MRN-1001"
    rows = await desk.rows()
    assert (rows["patient"], rows["patient_phone"], rows["episode"]) == (1, 1, 1)


async def test_a_stale_enrolment_is_refused(desk: Desk) -> None:
    ana = await desk.refers()
    form = enrolment(desk.practice, desk.clock.now(), patient_id=ana, version=2)
    with pytest.raises(Conflict) as refusal:
        await desk.enrols(form)
    assert refusal.value.code == "stale"


async def test_nobody_is_enrolled_twice(desk: Desk) -> None:
    ana = await desk.enrols()
    with pytest.raises(Conflict) as refusal:
        await desk.enrols(patient_id=ana)
    assert refusal.value.code == "in_care"
    with pytest.raises(Conflict):
        await desk.refers(msgspec.structs.replace(REFERRAL, patient_id=ana))


async def test_a_record_number_belongs_to_one_patient_of_the_clinic(
    desk: Desk, database: Database, clock: FakeClock
) -> None:
    await desk.enrols()
    other = msgspec.structs.replace(ANA, given_name="Bea")
    with pytest.raises(Conflict, match="mrn"):
        await desk.enrols(person=other, phone=PhoneForm("+12065550124"))
    south = await open_practice(database, clock.now(), "south")
    elsewhere = Desk(desk.database, south, clock, desk.outreach)
    await elsewhere.enrols(person=other)


async def test_two_enrolments_at_once_with_one_record_number_leave_one(desk: Desk) -> None:
    forms = [enrolment(desk.practice, desk.clock.now(), phone=PhoneForm(f"+1206555012{n}")) for n in range(4)]
    done = await asyncio.gather(*(desk.enrols(form) for form in forms), return_exceptions=True)
    assert sorted(type(result).__name__ for result in done) == ["Conflict"] * 3 + ["UUID"]
    assert (await desk.rows())["patient"] == 1


async def test_two_enrolments_at_once_with_one_phone_leave_one(desk: Desk) -> None:
    forms = [
        enrolment(desk.practice, desk.clock.now(), person=msgspec.structs.replace(ANA, mrn=f"M-{n}"))
        for n in range(4)
    ]
    done = await asyncio.gather(*(desk.enrols(form) for form in forms), return_exceptions=True)
    assert sorted(type(result).__name__ for result in done) == ["Conflict"] * 3 + ["UUID"]
    assert (await desk.rows())["patient_phone"] == 1


async def test_a_phone_in_use_must_be_called_shared_and_then_both_are(desk: Desk, database: Database) -> None:
    ana = await desk.enrols()
    bea = msgspec.structs.replace(ANA, given_name="Bea", mrn="MRN-2")
    with pytest.raises(Conflict, match="phone") as refusal:
        await desk.enrols(person=bea)
    assert refusal.value.code == "phone_taken"
    second = await desk.enrols(person=bea, phone=PhoneForm("206-555-0123", phone_shared=True))
    for patient_id in (ana, second):
        phone = (await desk.sees(patient_id)).phone
        assert phone is not None
        assert phone.shared
    assert "phone.marked_shared" in await actions(database, ana)
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        assert phone is not None
        owners = await queries.owners_of_number(tx, desk.practice.clinic_id, phone.key)
    assert [owner.patient_id for owner in owners] == [ana, second]


async def test_a_number_left_behind_by_somebody_no_longer_in_care_is_free(
    desk: Desk, database: Database
) -> None:
    ana = await desk.enrols()
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        await service.mark_deceased(
            tx, desk.practice.manager, ana, now=desk.clock.now(), outreach=desk.outreach
        )
    bea = await desk.enrols(person=msgspec.structs.replace(ANA, given_name="Bea", mrn="MRN-2"))
    phone = (await desk.sees(bea)).phone
    assert phone is not None
    assert not phone.shared
    assert (await desk.sees(ana)).phone is None
    assert "phone.released" in await actions(database, ana)


async def test_a_minor_is_enrolled_but_nothing_automatic_goes_out_before_the_policy(
    desk: Desk, database: Database
) -> None:
    teen = msgspec.structs.replace(ANA, birth_date=date(2010, 5, 1))
    form = enrolment(desk.practice, desk.clock.now(), person=teen)
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        done = await service.enrol(
            tx, desk.practice.manager, form, now=desk.clock.now(), outreach=desk.outreach
        )
        facts = await queries.texting_facts(tx, done.patient_id)
    assert done.held == "minor_without_policy"
    assert facts is not None
    today = date(2026, 3, 2)
    assert patients.rules.hindrance_to_texts(facts, today) == "minor_without_policy"
    async with database.begin() as tx:
        await organisation.sign_policy(
            tx, ROOT, desk.practice.clinic_id, "minor", today, now=desk.clock.now()
        )
        facts = await queries.texting_facts(tx, done.patient_id)
    assert facts is not None
    assert patients.rules.hindrance_to_texts(facts, today) is None


async def test_texting_facts_hold_what_a_sender_needs_and_no_name(desk: Desk) -> None:
    ana = await desk.enrols()
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        facts = await queries.texting_facts(tx, ana)
        assert await queries.texting_facts(tx, uuid4()) is None
    assert facts is not None
    assert facts.phone is not None
    assert facts.phone.number == "+12065550123"
    assert facts.phone.key == desk.database.vault.lookup("+12065550123")
    assert (facts.language, facts.zone, facts.channel) == ("en", "America/Los_Angeles", "sms_link")
    assert (facts.episode_status, facts.care_manager_id) == ("active", desk.practice.manager.id)
    assert "Reyes" not in repr(facts)


async def test_a_biller_sees_what_the_bill_needs_and_no_clinical_text(desk: Desk) -> None:
    ana = await desk.enrols()
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        at = desk.clock.now() + timedelta(days=7)
        await service.set_next_contact(
            tx, desk.practice.manager, ana, at, "phone", "ask about sleep", now=desk.clock.now()
        )
    page = await desk.sees(ana, desk.practice.biller)
    assert not page.clinical
    assert page.address == ANA.address
    assert page.coverage[0].member_id == "M-77812"
    assert page.emergency is None
    assert page.episode is not None
    assert page.episode.target_condition == "F32.1"
    assert page.episode.referral_reason is None
    assert page.episode.next_contact_purpose is None
    assert page.episode.consents != ()


async def edits(desk: Desk, actor: Actor, patient_id: UUID, form: DetailsForm) -> None:
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        await details.change_details(
            tx, actor, patient_id, form, now=desk.clock.now(), outreach=desk.outreach
        )


async def test_administrators_see_nobody_and_other_clinics_nothing(
    desk: Desk, database: Database, clock: FakeClock
) -> None:
    ana = await desk.enrols()
    with pytest.raises(Forbidden):
        await desk.sees(ana, desk.practice.administrator)
    south = await open_practice(database, clock.now(), "south")
    stranger = Desk(desk.database, south, clock, desk.outreach)
    with pytest.raises(NotFound):
        await stranger.sees(ana)
    for command in (
        lambda tx: service.mark_deceased(tx, south.manager, ana, now=clock.now(), outreach=desk.outreach),
        lambda tx: details.change_details(
            tx,
            south.manager,
            ana,
            DetailsForm(person=ANA, preferences=WISHES, version=1),
            now=clock.now(),
            outreach=desk.outreach,
        ),
        lambda tx: patients.add_coverage(tx, south.manager, ana, PAYER, now=clock.now()),
        lambda tx: patients.change_phone(
            tx, south.manager, ana, PHONE, now=clock.now(), outreach=desk.outreach
        ),
    ):
        with pytest.raises(NotFound):
            async with (
                database.begin() as tx
            ):  # the worker's role, so that only the query keeps clinics apart
                await command(tx)


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_only_those_who_care_refer_and_enrol(desk: Desk, role: str) -> None:
    actor = getattr(desk.practice, role)
    with pytest.raises(Forbidden):
        await desk.refers(actor=actor)
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        with pytest.raises(Forbidden):
            form = enrolment(desk.practice, desk.clock.now())
            await service.enrol(tx, actor, form, now=desk.clock.now(), outreach=desk.outreach)


async def test_a_stale_edit_is_refused_and_the_first_one_stays(desk: Desk, database: Database) -> None:
    ana = await desk.enrols()
    seen = (await desk.sees(ana)).version
    renamed = msgspec.structs.replace(ANA, family_name="Reyes-Ortiz")
    await edits(
        desk, desk.practice.manager, ana, DetailsForm(person=renamed, preferences=WISHES, version=seen)
    )
    with pytest.raises(Conflict) as refusal:
        await edits(desk, desk.practice.lead, ana, DetailsForm(person=ANA, preferences=WISHES, version=seen))
    assert refusal.value.code == "stale"
    assert (await desk.sees(ana)).family_name == "Reyes-Ortiz"
    async with database.begin() as tx:
        line = await tx.first(select(RegistryLine.name_key).where(RegistryLine.patient_id == ana))
        changes = select(AuditEvent.detail).where(AuditEvent.action == "patient.changed")
        assert [row.detail for row in await tx.all(changes)] == [{"fields": ["family_name", "name_key"]}]
    assert line is not None
    assert line.name_key == "reyes-ortiz ana"


async def test_what_enrolment_asked_for_is_corrected_not_removed(desk: Desk) -> None:
    ana = await desk.enrols()
    bare = PersonForm("Reyes", "Ana")
    with pytest.raises(Invalid) as refusal:
        await edits(
            desk,
            desk.practice.manager,
            ana,
            DetailsForm(person=bare, preferences=WISHES, version=(await desk.sees(ana)).version),
        )
    assert [problem.field for problem in refusal.value.problems] == ["birth_date", "mrn"]


async def test_a_new_number_needs_its_own_texting_consent(desk: Desk, outreach: RecordingOutreach) -> None:
    ana = await desk.enrols()
    old = (await desk.sees(ana)).phone
    assert old is not None
    outreach.consents.clear()  # messaging keys consents by number
    with pytest.raises(Invalid) as refusal:
        async with desk.database.begin(desk.practice.clinic_id) as tx:
            await patients.change_phone(
                tx,
                desk.practice.manager,
                ana,
                PhoneForm("+12065550199"),
                now=desk.clock.now(),
                outreach=outreach,
            )
    assert [problem.field for problem in refusal.value.problems] == ["texting_consent"]
    assert (await desk.sees(ana)).phone == old
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        await patients.change_phone(
            tx,
            desk.practice.manager,
            ana,
            PhoneForm("+12065550199"),
            texting_consent=TEXTING,
            now=desk.clock.now(),
            outreach=outreach,
        )
    new = (await desk.sees(ana)).phone
    assert new is not None
    assert new.number == "+12065550199"
    assert new.id != old.id
    assert outreach.names()[-2:] == ["record_texting_consent", "contact_changed"]
    assert (await desk.rows())["patient_phone"] == 2


async def test_the_same_number_again_keeps_its_version_and_clears_a_wrong_mark(
    desk: Desk, outreach: RecordingOutreach
) -> None:
    ana = await desk.enrols()
    old = (await desk.sees(ana)).phone
    assert old is not None
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        await patients.set_phone_state(tx, desk.practice.manager, ana, old.id, "wrong", now=desk.clock.now())
    assert (await desk.sees(ana)).phone == msgspec.structs.replace(old, state="wrong")
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        form = PhoneForm("+12065550123", voicemail_ok=True)
        await patients.change_phone(
            tx, desk.practice.manager, ana, form, now=desk.clock.now(), outreach=outreach
        )
    assert (await desk.sees(ana)).phone == msgspec.structs.replace(old, voicemail_ok=True)
    with pytest.raises(NotFound):
        async with desk.database.begin(desk.practice.clinic_id) as tx:
            await patients.set_phone_state(
                tx, desk.practice.manager, ana, uuid4(), "wrong", now=desk.clock.now()
            )


async def test_a_wrong_number_is_free_for_its_real_owner(desk: Desk) -> None:
    ana = await desk.enrols()
    phone = (await desk.sees(ana)).phone
    assert phone is not None
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        await patients.set_phone_state(
            tx, desk.practice.manager, ana, phone.id, "wrong", now=desk.clock.now()
        )
    await desk.enrols(person=msgspec.structs.replace(ANA, given_name="Bea", mrn="MRN-2"))
    assert (await desk.rows())["patient"] == 2


async def test_questions_by_text_need_the_acknowledgement_first(
    desk: Desk, outreach: RecordingOutreach
) -> None:
    ana = await desk.enrols()
    wish = PreferencesForm("es", "America/Denver", "sms_items", "portal")
    seen = (await desk.sees(ana)).version
    with pytest.raises(Invalid) as refusal:
        await edits(desk, desk.practice.manager, ana, DetailsForm(person=ANA, preferences=wish, version=seen))
    assert [problem.field for problem in refusal.value.problems] == ["texting_consent.content_level"]
    await edits(
        desk,
        desk.practice.manager,
        ana,
        DetailsForm(person=ANA, preferences=wish, version=seen, texting_consent=BY_ITEMS),
    )
    page = await desk.sees(ana)
    assert (page.language, page.zone, page.channel, page.second_channel) == (
        "es",
        "America/Denver",
        "sms_items",
        "portal",
    )
    assert outreach.names()[-1] == "contact_changed"


async def test_coverage_rows_are_added_and_changed_by_a_biller(desk: Desk) -> None:
    ana = await desk.enrols()
    second = CoverageForm("Cascade Mutual", date(2026, 2, 1), rank=2, member_id="C-1")
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        coverage_id = await patients.add_coverage(tx, desk.practice.biller, ana, second, now=desk.clock.now())
        ended = msgspec.structs.replace(second, valid_to=date(2026, 2, 28), member_id="C-2")
        await patients.change_coverage(
            tx, desk.practice.biller, ana, coverage_id, ended, now=desk.clock.now()
        )
        changes = select(AuditEvent.detail).where(AuditEvent.action == "coverage.changed")
        assert (await tx.scalar(changes)) == {"fields": ["valid_to", "member_id"]}
    page = await desk.sees(ana)
    assert [(line.payer, line.member_id, line.valid_to) for line in page.coverage] == [
        ("Evergreen Health Plan", "M-77812", None),
        ("Cascade Mutual", "C-2", date(2026, 2, 28)),
    ]


async def test_somebody_who_was_in_care_before_is_enrolled_again_with_their_history(
    desk: Desk, clock: FakeClock, outreach: RecordingOutreach
) -> None:
    ana = await desk.enrols()
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        form = ended("completed", date(2026, 3, 2))
        await service.change_status(tx, desk.practice.manager, ana, form, now=clock.now(), outreach=outreach)
    clock.advance(days=200)
    again = enrolment(desk.practice, clock.now(), patient_id=ana, texting_consent=None, preferences=WISHES)
    assert await desk.enrols(again) == ana
    page = await desk.sees(ana)
    assert page.episode is not None
    assert page.episode.status == "active"
    assert [(e.end_reason, e.ended_on) for e in page.earlier_episodes] == [("completed", date(2026, 3, 2))]
    assert len(page.coverage) == 1
