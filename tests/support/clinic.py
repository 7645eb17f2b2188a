"""A clinic whose patients have phones: the real application, the real provider library, and time that a test moves.

Webhooks come signed over HTTP from the provider's stand-in to the web application; due work is the worker's own loops.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, event, func, select

from api import due_work
from api.app import create_app
from api.sweeps import SweepLoop, Wait
from api.wiring import Deps, build_deps
from kernel.audit import Actor, Role
from messaging.conversation.tables import SmsThread
from messaging.delivery.tables import Dispatcher, Outbox
from messaging.schedule.tables import CheckIn, ContactReminder
from registry.episodes import service as episodes
from registry.episodes import status
from registry.episodes.forms import CareConsentForm, EnrolmentForm, InitiatingVisit, TeamForm
from registry.organisation import accounts, service
from registry.organisation.rules import ClinicForm, StaffForm
from registry.patients import service as patients
from registry.patients.forms import (
    Address,
    CoverageForm,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
)
from registry.plans import service as plans
from registry.plans.rules import PlanLine
from registry.ports import TextingConsentForm
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.worklist import queries as worklist
from registry.worklist.queries import Line, RegistryFilter
from registry.worklist.tables import Task
from tests.support import checker
from tests.support.canary import Canary
from tests.support.clock import FakeClock
from tests.support.endings import ended
from tests.support.faults import PUBLIC_URL, settings_for
from tests.support.mailbox import Mailbox
from tests.support.phones import Phone
from tests.support.practice import ROOT
from tests.support.provider_client import Provider
from tests.support.serving import serving

PHQ9, GAD7 = "phq9", "gad7"
NUMBER = "+12065550199"
STAFF: dict[Role, tuple[str, str]] = {
    "care_manager": ("Casey Moore", "+12065550111"),
    "clinician": ("Dana Clark", "+12065550112"),
    "consultant": ("Parker Sung", "+12065550113"),
    "clinic_lead": ("Lee Lead", "+12065550114"),
    "administrator": ("Addy Minh", "+12065550116"),
}
FORM = ClinicForm(
    slug="harbor",
    name="Harbor Clinic",
    text_name="Harbor",
    zone="America/Los_Angeles",
    support_phone="+12065550100",
    hours_text="Mon-Fri 9-5",
    privacy_url="https://harbor.example/privacy",
    item9_channel="sms",
)
BY_ITEMS = TextingConsentForm("consent", "items_by_sms", "verbal", "texting-consent@1", "en", "risk@1")
BY_LINK = TextingConsentForm("consent", "link_only", "verbal", "texting-consent@1", "en")
NOWHERE = UUID(int=0)
STILL = 40  # rounds after which due work that never ends is a defect
# Every column that a sweep goes by.
DUE = (
    Outbox.next_at,
    CheckIn.next_at,
    ContactReminder.next_at,
    SmsThread.wake_at,
    RiskEvent.next_action_at,
    Dispatcher.paused_until,
)


@dataclass
class Bell:
    """The doorbell: whether somebody rang since the loops last ran, and at what time of the clock that was."""

    rung: bool = True
    answered_at: datetime | None = None

    async def ring(self, bells: frozenset[str]) -> None:
        self.rung = True


@dataclass
class PatientHandle:
    name: str
    id: UUID
    episode_id: UUID
    phone: Phone


@dataclass
class Clinic:
    deps: Deps
    provider: Provider
    clock: FakeClock
    mailbox: Mailbox
    canary: Canary
    number: str = NUMBER
    address: str = ""
    id: UUID = NOWHERE
    staff: dict[Role, Actor] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    loops: list[tuple[bool, SweepLoop]] = field(default_factory=list)
    bell: Bell = field(default_factory=lambda: Bell())

    # --- time and due work -------------------------------------------------------------------------------------------

    async def ticks(self) -> None:
        """Runs the worker's loops, as a ring or the passing of time would, until nothing more is to be done."""
        for _ in range(STILL):
            if not self.bell.rung and self.bell.answered_at == self.clock.now():
                return
            self.bell.rung, self.bell.answered_at = False, self.clock.now()
            done = [await loop.round(everything=rung) for rung, loop in self.loops]
            self.bell.rung |= any(_did_something(counts) for round_ in done for counts in round_.values())
        raise AssertionError(f"due work never ended: {done}")

    async def passes(self, *, work: bool = True, **span: float) -> datetime:
        """Time passes; with `work`, everything is done at the moment it falls due."""
        end = self.clock.now() + timedelta(**span)
        if work:
            await self.ticks()
        while work and (due := await self._next_due()) < end:
            await self._moves(due)
            await self.ticks()
        await self._moves(end)
        if work:
            await self.ticks()
        return end

    async def _next_due(self) -> datetime:
        """The next moment at which a row asks to be looked at, or a day from now."""
        now = self.clock.now()
        found = [now + timedelta(days=1)]
        async with self.deps.system_db.begin() as tx:
            for column in DUE:
                at = await tx.scalar(select(func.min(column)).where(column > now))
                found += [at] if at is not None else []
        return min(found)

    async def until_local(self, wall: str, zone: str = "America/Los_Angeles") -> None:
        """Forward to when the wall clock next shows this, doing what is due on the way."""
        target = FakeClock(self.clock.now()).to_local(wall, zone)
        await self.passes(seconds=(target - self.clock.now()).total_seconds())

    async def _moves(self, to: datetime) -> None:
        self.clock.set(to)
        await self.provider.set_clock(to)

    # --- people ------------------------------------------------------------------------------------------------------

    def phone(self, number: str) -> Phone:
        return self.phones.setdefault(number, Phone(self, number))

    def staff_phone(self, role: Role) -> Phone:
        return self.phone(STAFF[role][1])

    @property
    def manager(self) -> Actor:
        return self.staff["care_manager"]

    async def enrols(
        self,
        name: str,
        *,
        phone: str = "+12065550123",
        measures: tuple[str, ...] = (PHQ9,),
        channel: str = "sms_items",
        consent: TextingConsentForm | None = None,
        shared: bool = False,
        language: str = "en",
        zone: str = "America/Los_Angeles",
        at: time = time(10, 30),
        every_days: int = 14,
        starts: date | None = None,
        second_channel: str | None = None,
    ) -> PatientHandle:
        """The form a care manager fills in, the number confirmed on the phone, and a plan from today's local date."""
        now = self.clock.now()
        agreed = consent or (BY_ITEMS if channel == "sms_items" else BY_LINK)
        form = EnrolmentForm(
            person=PersonForm(
                family_name="Rivera",
                given_name=name,
                birth_date=date(1984, 5, 17),
                mrn=f"{name}-{phone[-4:]}",
                address=Address("12 Alder Street", "Seattle", "WA", "98101"),
                emergency=EmergencyContact("Luis Rivera", "brother", "+12065550190"),
            ),
            preferences=PreferencesForm(
                language=language,
                zone=zone,
                channel=channel,
                second_channel=second_channel,  # type: ignore[arg-type]
            ),
            team=TeamForm(*(self._id(role) for role in ("clinician", "care_manager", "consultant"))),
            target_condition="F33.1",
            care_consent=CareConsentForm("verbal", now, "Casey Moore", "care-consent@1"),
            coverage=(CoverageForm("Evergreen Health Plan", date(2026, 1, 1)),),
            phone=PhoneForm(phone, phone_shared=shared),
            texting_consent=msgspec.structs.replace(agreed, language=language),
            initiating_visit=InitiatingVisit(date(2026, 2, 20), "99214"),
            referred_by="Dana Clark",
            referral_reason="Asked for help.",
        )
        outreach = self.deps.outreach
        async with self.deps.db.begin(self.id) as tx:
            done = await episodes.enrol(tx, self.manager, form, now=now, outreach=outreach)
            await self._confirm_number(tx, done.patient_id, now)
            on = starts or now.astimezone(_zone(zone)).date()
            lines = [PlanLine(measure, every_days, at, on) for measure in measures]
            await plans.set_plan(tx, self.manager, done.patient_id, lines, now=now, outreach=outreach)
        self.canary.watch_for(name, "Rivera", phone, phone[2:])
        return PatientHandle(name, done.patient_id, done.episode_id, self.phone(phone))

    async def _confirm_number(self, tx: Any, patient_id: UUID, now: datetime) -> None:
        from registry.patients.tables import PatientPhone

        phone_id = await tx.scalar(
            select(PatientPhone.id).where(
                PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
            )
        )
        await patients.set_phone_state(tx, self.manager, patient_id, phone_id, "verified", now=now)

    async def changes_phone(self, patient: PatientHandle, number: str, *, confirmed: bool = True) -> Phone:
        now = self.clock.now()
        async with self.deps.db.begin(self.id) as tx:
            await patients.change_phone(
                tx, self.manager, patient.id, PhoneForm(number),
                texting_consent=BY_ITEMS, now=now, outreach=self.deps.outreach,
            )  # fmt: skip
            if confirmed:
                await self._confirm_number(tx, patient.id, now)
        patient.phone = self.phone(number)
        return patient.phone

    async def next_contact(self, patient: PatientHandle, at: datetime, mode: str = "phone") -> None:
        async with self.deps.db.begin(self.id) as tx:
            await episodes.set_next_contact(
                tx,
                self.manager,
                patient.id,
                at,
                mode,
                "review",
                now=self.clock.now(),  # type: ignore[arg-type]
            )

    async def ends_care(self, patient: PatientHandle) -> None:
        form = ended("completed", self.clock.now().date())
        async with self.deps.db.begin(self.id) as tx:
            await status.change_status(
                tx, self.staff["care_manager"], patient.id, form,
                now=self.clock.now(), outreach=self.deps.outreach,
            )  # fmt: skip

    async def acknowledges(self, patient: PatientHandle) -> None:
        event = await self.risk_event(patient)
        async with self.deps.db.begin(self.id) as tx:
            await safety.acknowledge(tx, self.manager, event.id, now=self.clock.now())

    def _id(self, role: Role) -> UUID:
        found = self.staff[role].id
        assert found is not None
        return found

    # --- what is on file ---------------------------------------------------------------------------------------------

    async def open_tasks(self, patient: PatientHandle | None = None) -> list[str]:
        """Kinds of the tasks that wait, of one patient or of nobody known, in order."""
        who = Task.patient_id.is_(None) if patient is None else Task.patient_id == patient.id
        async with self.deps.system_db.begin() as tx:
            rows = await tx.all(select(Task.kind).where(Task.done_at.is_(None), who).order_by(Task.kind))
        return [row.kind for row in rows]

    async def registry_row(self, patient: PatientHandle) -> Line:
        async with self.deps.db.begin(self.id) as tx:
            page = await worklist.registry_page(
                tx, self.manager, RegistryFilter(), None, 200, now=self.clock.now()
            )
        [line] = [line for line in page.lines if line.patient_id == patient.id]
        return line

    async def risk_events(self, patient: PatientHandle) -> list[Row[Any]]:
        async with self.deps.system_db.begin() as tx:
            return list(
                await tx.all(
                    select(*RiskEvent.__table__.c)
                    .where(RiskEvent.patient_id == patient.id)
                    .order_by(RiskEvent.opened_at)
                )
            )

    async def risk_event(self, patient: PatientHandle) -> Row[Any]:
        [event] = await self.risk_events(patient)
        return event

    async def check_in_states(self, patient: PatientHandle) -> list[str]:
        async with self.deps.system_db.begin() as tx:
            rows = await tx.all(
                select(CheckIn.state).where(CheckIn.patient_id == patient.id).order_by(CheckIn.local_due_date)
            )
        return [row.state for row in rows]

    async def outbox(self, *where: Any) -> list[Row[Any]]:
        async with self.deps.system_db.begin() as tx:
            return list(await tx.all(select(*Outbox.__table__.c).where(*where).order_by(Outbox.created_at)))

    async def mails(self) -> list[tuple[str, str]]:
        """(recipient, text) of every mail the relay took."""
        await self.ticks()
        return [(mail.recipients[0], mail.text.strip()) for mail in self.mailbox.mails]

    async def hears_everything(self) -> None:
        """Claims whatever was sent so far, for a story whose repeated alerts are not its point."""
        await self.ticks()
        for sent in await self.provider.sent():
            phone = self.phone(sent.to)
            phone.claimed = len(await phone.texts())

    # --- the end -----------------------------------------------------------------------------------------------------

    async def leaves_nothing_unsaid(self) -> None:
        """Any text that no expectation claimed fails the test, whoever's phone it reached."""
        for sent in await self.provider.sent():
            self.phone(sent.to)
        unexpected = {number: await phone.unclaimed() for number, phone in self.phones.items()}
        assert {number: bodies for number, bodies in unexpected.items() if bodies} == {}


def _zone(name: str) -> Any:
    from registry import zones

    return zones.zone(name)


# Sweeps that count what they looked at, or what went on, besides what they changed.
_LOOKS = frozenset(
    {"numbers", "unknown", "polled", "due", "threads", "looked_at", "not_asked", "taken", "waiting"}
)


def _did_something(counts: dict[str, int]) -> bool:
    return any(value for name, value in counts.items() if name not in _LOOKS)


@asynccontextmanager
async def opened(
    database_url: str, provider: Provider, clock: FakeClock, *, form: ClinicForm = FORM, live: bool = True
) -> AsyncIterator[Clinic]:
    """A clinic that texts for real, to the stand-in. At the end nothing unexpected may have been sent or logged."""
    async with AsyncExitStack() as stack:
        canary = stack.enter_context(Canary())
        canary.allow("auditor.failing")  # time leaps here, and to the auditor sweeps then look silent
        mailbox = await stack.enter_async_context(Mailbox())
        settings = settings_for(
            database_url, provider.base_url, smtp_host=mailbox.host, smtp_port=mailbox.port
        )
        deps = msgspec.structs.replace(build_deps(settings, "web"), clock=clock, chance=lambda: 0.5)
        bell = Bell()
        for database in {id(d): d for d in (deps.db, deps.system_db)}.values():
            database.ring = bell.ring
            if not database.is_postgres:
                event.listen(database.engine.sync_engine, "connect", _without_fsync)
            stack.push_async_callback(database.close)
        stack.push_async_callback(deps.gateway.close)
        address = await stack.enter_async_context(serving(create_app(deps)))
        await provider.configure(
            senders=[NUMBER],
            services={},
            clock_at=clock.now().isoformat(),
            inbound_url=f"{PUBLIC_URL}/webhooks/twilio/inbound",
            routes={PUBLIC_URL: address},
            automatic=True,
        )
        clinic = Clinic(deps, provider, clock, mailbox, canary, address=address, bell=bell)
        await _set_up(clinic, form, live)
        clinic.loops = [
            (loop.rung, SweepLoop(deps.system_db, clock, loop.sweeps, Wait(_never, 0)))
            for loop in due_work.loops(deps)
        ]
        yield clinic
        await clinic.ticks()
        await clinic.leaves_nothing_unsaid()
        assert await checker.violations(deps.system_db, provider, clock.now()) == []
        canary.check()


def _without_fsync(connection: Any, _: Any) -> None:
    """Nothing here is about a machine that loses power."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


async def _never(timeout_s: float) -> bool:
    return False


async def _set_up(clinic: Clinic, form: ClinicForm, live: bool) -> None:
    now = clinic.clock.now()
    async with clinic.deps.system_db.begin() as tx:
        await service.create_organisation(tx, ROOT, "Harbor Health", "standard", now=now)
        clinic.id = await service.create_clinic(tx, ROOT, form, now=now)
        await tx.enter_clinic(clinic.id)
        for role, (name, phone) in STAFF.items():
            who = StaffForm(name=name, email=f"{role}@harbor.example", phone=phone)
            staff_id = await accounts.create_staff(tx, ROOT, who, now=now)
            await accounts.grant_role(tx, ROOT, staff_id, clinic.id, role, now=now)
            await accounts.confirm_phone(tx, ROOT, staff_id, now=now)
            clinic.staff[role] = Actor("staff", staff_id, clinic.id, frozenset({role}), name)
        await service.sign_policy(tx, ROOT, clinic.id, "item9", now.date(), now=now)
        lead = clinic.staff["clinic_lead"].id
        assert lead is not None
        await service.set_default_responsible(tx, ROOT, clinic.id, lead, now=now)
        await service.add_sender(tx, ROOT, clinic.id, NUMBER, now=now)
        if live:
            # Alerts here go by the shipped template, so there is no protocol that could be rehearsed.
            await service.go_live(tx, ROOT, clinic.id, clinic.deps.deployment, also_missing=(), now=now)
