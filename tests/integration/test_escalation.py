"""The ladder on both databases: who is told through what, who takes it, and what happens when nobody does."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import delete, select, update

from kernel.audit import Actor, Role
from kernel.db import Database, Tx
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from messaging.conversation.inbound import Inbound
from messaging.conversation.service import Ports, receive
from messaging.delivery import claims
from messaging.delivery.record import apply_effects
from messaging.delivery.reports import apply_status
from messaging.delivery.tables import Outbox
from messaging.delivery.upkeep import Upkeep
from messaging.escalation import audience, words
from messaging.escalation.readiness import check_readiness
from messaging.escalation.service import FirstAlert, repeat_alerts, standing
from registry.on_call import queries as on_call
from registry.on_call import service as calendar
from registry.on_call.rules import ShiftForm
from registry.on_call.tables import AlertTest, OnCallShift
from registry.organisation import accounts
from registry.organisation.rules import StaffForm
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.protocol import queries as protocols
from registry.protocol import service as protocol
from registry.protocol.policy import Clock, Rung
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent
from registry.worklist.tables import Task
from tests.support import builders
from tests.support.app import ScriptedGateway
from tests.support.builders import ClinicRows, PatientRows
from tests.support.clock import FakeClock

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
NIGHT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)  # Tuesday 02:00
PHONES: dict[Role, str] = {
    "care_manager": "+12065550121",
    "clinician": "+12065550122",
    "consultant": "+12065550123",
    "clinic_lead": "+12065550124",
}
ZONE = "America/Los_Angeles"


class Scene(msgspec.Struct):
    database: Database
    clinic: ClinicRows
    ana: PatientRows

    def actor(self, role: Role) -> Actor:
        return self.clinic.actor(role)

    async def signals(self, tier: int = 2, now: datetime = NOW, calls: bool = False, **changes: Any) -> UUID:
        given: dict[str, Any] = {
            "clinic_id": self.clinic.id,
            "patient_id": self.ana.id,
            "episode_id": self.ana.episode_id,
            "trigger": "item9",
            "tier": tier,
            "toward": "self",
            "value": tier,
            "source_kind": "answer",
            "source_id": new_id(),
            "channel": "sms",
            "rule_version": "item9-1",
        }
        async with self.database.begin() as tx:
            found = await safety.signal(tx, Signal(**(given | changes)), now=now, alerts=FirstAlert(calls))
        return found.event_id

    async def event(self, event_id: UUID) -> Any:
        async with self.database.begin() as tx:
            return await tx.first(select(RiskEvent.__table__).where(RiskEvent.id == event_id))

    async def told(self, event_id: UUID) -> list[tuple[str, str]]:
        """(role, channel) of each alert so far, in the order of the rungs."""
        names = {getattr(self.clinic, role): role for role in PHONES}
        async with self.database.begin() as tx:
            rows = await tx.all(
                select(Outbox.staff_id, Outbox.channel)
                .where(Outbox.event_id == event_id, Outbox.kind == "alert")
                .order_by(Outbox.created_at, Outbox.channel)
            )
        return [(names[row.staff_id], row.channel) for row in rows]

    async def outcome(self, event_id: UUID, channel: str, state: str, status: str | None = None) -> None:
        """What the provider did with the alerts of one channel, with everything that follows from it."""
        async with self.database.begin() as tx:
            mine = (Outbox.event_id == event_id, Outbox.channel == channel)
            await tx.execute(
                update(Outbox)
                .where(*mine)
                .values(state=state, provider_status=status, next_at=None, attempt=1)
            )

    async def arrives(self, event_id: UUID) -> None:
        await self.outcome(event_id, "sms", "accepted", "delivered")
        await self.outcome(event_id, "email", "accepted", "sent")

    async def later(self, now: datetime, *, calls: bool = False) -> None:
        await repeat_alerts(self.database, now, calls=calls)

    async def texts_in(self, role: Role, body: str, now: datetime, number: str | None = None) -> str | None:
        inbound = Inbound(
            provider_sid=f"SM{new_id().hex}",
            clinic_id=self.clinic.id,
            sender_id=self.clinic.sender_id,
            from_=number or PHONES[role],
            to=self.clinic.sender_number,
            body=body,
            media_count=0,
            received_at=now,
            via="webhook",
        )
        ports = Ports(public_url="https://x.example", new_token=lambda: new_id().hex, alerts=FirstAlert())
        async with self.database.begin() as tx:
            return (await receive(tx, inbound, now=now, ports=ports)).classified_as

    async def code(self, about: UUID, role: Role, number: str | None = None) -> str:
        async with self.database.begin() as tx:
            key = tx.vault.lookup(number or PHONES[role])
            return words.reply_code(tx.vault, about, getattr(self.clinic, role), key)

    async def policy_in_force(self, now: datetime = NOW, **shift: Any) -> UUID:
        """The template, signed by two, its on-call week held by the clinician, in force."""
        lead, clinician = self.actor("clinic_lead"), self.actor("clinician")
        async with self.database.begin() as tx:
            version = await protocol.start_draft(tx, lead, now=now)
            for who in (lead, clinician):
                await protocol.sign(tx, who, version, "approval", now=now)
            await protocol.sign(tx, clinician, version, "training", now=now)
            form: dict[str, Any] = {"on": date(2026, 3, 1), "weeks": 4} | shift
            await calendar.add_shifts(
                tx,
                lead,
                ShiftForm(
                    staff_id=self.clinic.clinician, zone=ZONE, start=time(0), end=time(0), days=7, **form
                ),
                now=now,
            )
            await protocol.activate(tx, lead, version, now=now)
        return version


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        for role, number in PHONES.items():
            await tx.execute(
                update(Staff)
                .where(Staff.id == getattr(clinic, role))
                .values(phone_sealed=tx.vault.seal(number), phone_key=tx.vault.lookup(number))
            )
        return Scene(database, clinic, await builders.patient(tx, clinic, NOW))


BOTH = [("care_manager", "email"), ("care_manager", "sms")]


async def test_nobody_takes_it_so_it_climbs_until_everyone_is_told_again_and_again(scene: Scene) -> None:
    event_id = await scene.signals(2)
    assert await scene.told(event_id) == BOTH
    await scene.arrives(event_id)
    now, seen = NOW, [len(BOTH)]
    while now < NOW + timedelta(hours=1):
        now = (await scene.event(event_id)).next_action_at
        await scene.later(now)
        await scene.arrives(event_id)
        seen.append(len(await scene.told(event_id)))
        assert (await scene.event(event_id)).next_action_at > now
    told = await scene.told(event_id)
    assert ("clinic_lead", "sms") in told and seen[-1] > seen[-2] - 1 > 20


async def test_the_second_channel_starts_at_once_when_the_first_is_refused(scene: Scene) -> None:
    event_id = await scene.signals(2, calls=True)
    await scene.outcome(event_id, "email", "accepted", "sent")
    await scene.outcome(event_id, "sms", "failed")
    second = NOW + timedelta(seconds=2)
    async with scene.database.begin() as tx:
        row = await tx.first(select(Outbox.id).where(Outbox.event_id == event_id, Outbox.channel == "sms"))
        assert row is not None
        await apply_effects(tx, row.id, ("second_channel",), 21610, now=second)
    assert (await scene.event(event_id)).next_action_at == second
    await scene.later(second, calls=True)
    assert await scene.told(event_id) == [*BOTH, ("care_manager", "voice")]
    await scene.later((await scene.event(event_id)).next_action_at, calls=True)
    assert (await scene.told(event_id)).count(("care_manager", "voice")) == 1


async def test_a_text_without_a_delivery_for_90_seconds_starts_the_call(scene: Scene) -> None:
    event_id = await scene.signals(2, calls=True)
    await scene.outcome(event_id, "email", "accepted", "sent")
    await scene.outcome(event_id, "sms", "accepted", "sent")
    await scene.later(NOW + timedelta(seconds=30), calls=True)
    assert await scene.told(event_id) == BOTH
    assert (await scene.event(event_id)).next_action_at == NOW + timedelta(seconds=90)
    await scene.later(NOW + timedelta(seconds=90), calls=True)
    assert await scene.told(event_id) == [*BOTH, ("care_manager", "voice")]


async def test_a_call_of_unknown_fate_ends_and_never_counts_as_reached(scene: Scene) -> None:
    event_id = await scene.signals(2, calls=True)
    for channel in ("sms", "email"):
        await scene.outcome(event_id, channel, "failed", None)
    await scene.later(NOW + timedelta(seconds=30), calls=True)
    called = NOW + timedelta(seconds=30)
    async with scene.database.begin() as tx:
        await tx.execute(
            update(Outbox)
            .where(Outbox.channel == "voice")
            .values(state="unknown", attempted_at=called, next_at=called + timedelta(seconds=30))
        )
        row = await tx.first(select(Outbox.id, Outbox.state).where(Outbox.channel == "voice"))
    assert row is not None
    upkeep = Upkeep(
        database=scene.database, gateway=ScriptedGateway(), clock=FakeClock(), deadline=timedelta(seconds=10)
    )
    told = len(await scene.told(event_id))
    await upkeep.reconcile(called + timedelta(minutes=9))
    assert await ended(scene, row.id) == ("unknown", None)
    await scene.later(called + timedelta(minutes=9), calls=True)
    assert len(await scene.told(event_id)) > told, "the ladder went on meanwhile"
    await upkeep.reconcile(called + timedelta(minutes=10))
    assert await ended(scene, row.id) == ("expired", "not_provable")
    assert standing("voice", "expired", None, 1) == "refused"
    async with scene.database.begin() as tx:  # and a callback that comes after all does not make it one
        await apply_status(tx, row.id, "CA" + "1" * 32, "delivered", None, now=called + timedelta(hours=1))
    assert await ended(scene, row.id) == ("expired", "not_provable")


async def ended(scene: Scene, outbox_id: UUID) -> tuple[str, str | None]:
    async with scene.database.begin() as tx:
        row = await tx.first(select(Outbox.state, Outbox.reason).where(Outbox.id == outbox_id))
    assert row is not None
    return row.state, row.reason


async def test_of_two_who_acknowledge_at_once_by_phone_and_console_one_has_it(scene: Scene) -> None:
    event_id = await scene.signals(2)
    await scene.later(NOW + timedelta(seconds=30))
    await scene.later(NOW + timedelta(minutes=10))
    code = await scene.code(event_id, "care_manager")
    now = NOW + timedelta(minutes=11)

    async def in_the_console() -> safety.Acknowledgement:
        async def body(tx: Tx) -> safety.Acknowledgement:
            return await safety.acknowledge(tx, scene.actor("clinician"), event_id, now=now)

        return await scene.database.run(body)

    console, phone = await asyncio.gather(in_the_console(), scene.texts_in("care_manager", code, now))
    event = await scene.event(event_id)
    assert event.state == "acknowledged"
    assert {(True, "staff:taken_before"): "clinician", (False, "staff:taken"): "care_manager"}[
        console.won, phone or ""
    ] == next(role for role in PHONES if getattr(scene.clinic, role) == event.acknowledged_by_id)


async def test_the_on_call_phone_changes_in_the_middle_of_an_event(scene: Scene) -> None:
    event_id = await scene.signals(2)
    old, new = PHONES["care_manager"], "+12065550171"
    async with scene.database.begin() as tx:
        form = StaffForm(name="Casey Moore", email="casey.moore@harbor.example", phone=new)
        await accounts.change_staff(
            tx, scene.actor("administrator"), scene.clinic.care_manager, form, now=NOW
        )
    async with scene.database.begin() as tx:  # the queued text to the old phone does not leave
        batch = await claims.claim(tx, now=NOW, limit=50)
    assert [row.channel for row in batch.claimed] == ["email"]
    assert batch.suppressed == 1
    old_code, new_code = [await scene.code(event_id, "care_manager", number) for number in (old, new)]
    assert await scene.texts_in("care_manager", old_code, NOW, old) != "staff:taken"
    # not verified yet: by e-mail alone, and nothing is taken from it
    assert await scene.texts_in("care_manager", new_code, NOW, new) != "staff:taken"
    await scene.later(NOW + timedelta(seconds=90))
    async with scene.database.begin() as tx:
        await accounts.confirm_phone(tx, scene.actor("administrator"), scene.clinic.care_manager, now=NOW)
    await scene.later(NOW + timedelta(minutes=10))
    async with scene.database.begin() as tx:
        rows = await tx.all(
            select(Outbox.to_sealed, Outbox.state).where(
                Outbox.event_id == event_id,
                Outbox.staff_id == scene.clinic.care_manager,
                Outbox.channel == "sms",
            )
        )
        assert [(tx.vault.open(row.to_sealed), row.state) for row in rows] == [
            (old, "suppressed"), (new, "pending"),
        ]  # fmt: skip
    assert await scene.texts_in("care_manager", new_code, NOW, new) == "staff:taken"


async def test_an_acknowledgement_that_nothing_follows_starts_a_new_round(scene: Scene) -> None:
    event_id = await scene.signals(2)
    async with scene.database.begin() as tx:
        await safety.acknowledge(tx, scene.actor("clinician"), event_id, now=NOW)
    async with scene.database.begin() as tx:
        await safety.log_attempt(
            tx, scene.actor("clinician"), event_id, channel="phone", outcome="no_answer",
            now=NOW + timedelta(hours=1),
        )  # fmt: skip
    await scene.later(NOW + timedelta(hours=2))
    assert (await scene.event(event_id)).state == "acknowledged"
    assert await scene.told(event_id) == BOTH  # nobody is paged while somebody is dialling
    await scene.later(NOW + timedelta(hours=3))
    event = await scene.event(event_id)
    assert (event.state, event.step, event.round_at) == ("open", 1, NOW + timedelta(hours=3))
    assert await scene.told(event_id) == [*BOTH, *BOTH]
    async with scene.database.begin() as tx:
        task = (await tx.all(select(Task.owner_id, Task.due_at).where(Task.ref_id == event_id)))[0]
    assert task.owner_id == event.responsible_id
    assert task.due_at == event.acknowledge_by > NOW + timedelta(hours=3)


async def test_at_night_who_is_on_call_is_paged_instead_of_who_sleeps(scene: Scene) -> None:
    await scene.policy_in_force()
    event_id = await scene.signals(2, now=NIGHT)
    assert await scene.told(event_id) == [("clinician", "email"), ("clinician", "sms")]
    assert (await scene.event(event_id)).protocol_id is not None


async def test_nobody_on_call_tells_the_responsible_person_and_is_an_alarm(scene: Scene) -> None:
    await scene.policy_in_force()
    async with scene.database.begin() as tx:
        await tx.execute(update(OnCallShift).values(removed_at=NOW))
    event_id = await scene.signals(2, now=NIGHT)
    assert await scene.told(event_id) == BOTH
    async with scene.database.begin() as tx:
        kinds = {row.kind for row in await tx.all(select(Task.kind))}
    assert "on_call_gap" in kinds


async def test_who_has_no_clinical_role_any_more_is_not_the_one_who_is_told(scene: Scene) -> None:
    before = await scene.signals()
    async with scene.database.begin() as tx:
        await tx.execute(delete(StaffRole).where(StaffRole.staff_id == scene.clinic.care_manager))
        event = (await tx.all(select(RiskEvent.__table__).where(RiskEvent.id == before)))[0]
        protocol = await protocols.of_event(tx, event.clinic_id, event.protocol_id)
        rung = Rung(0, ("responsible",), ("email",))
        people = await audience.people_for(tx, event, protocol, rung, NOW)
        assert [person.id for person in people] == [scene.clinic.default]
        found = await audience.contacts(tx, scene.clinic.id, frozenset({scene.clinic.care_manager}))
        assert found == ()
        await tx.execute(update(RiskEvent).values(state="closed"))
    after = await scene.event(await scene.signals())
    assert after.responsible_id == scene.clinic.default


async def test_a_threat_to_others_tells_the_lead_at_once(scene: Scene) -> None:
    event_id = await scene.signals(2, toward="others")
    assert {role for role, _ in await scene.told(event_id)} == {"care_manager", "clinic_lead"}


async def test_with_every_contact_gone_the_event_still_has_a_next_moment_and_a_task(scene: Scene) -> None:
    async with scene.database.begin() as tx:
        await tx.execute(update(Staff).values(disabled_at=NOW))
        await tx.execute(update(Clinic).values(default_responsible_id=None))
    event_id = await scene.signals(3)
    assert await scene.told(event_id) == []
    assert (await scene.event(event_id)).next_action_at > NOW
    async with scene.database.begin() as tx:
        kinds = {row.kind for row in await tx.all(select(Task.kind))}
    assert "alert_undeliverable" in kinds


# --- the policy ---------------------------------------------------------------------------------------------------


async def test_a_change_of_the_policy_never_alters_an_open_event(scene: Scene) -> None:
    first = await scene.policy_in_force()
    event_id = await scene.signals(2)
    lead, clinician = scene.actor("clinic_lead"), scene.actor("clinician")
    async with scene.database.begin() as tx:
        draft = await protocol.start_draft(tx, lead, now=NOW)
        policy = (await protocols.version(tx, lead, draft)).policy
        quick = msgspec.structs.replace(policy.tier(2), lapse=Clock(45, "minutes"))
        tiers = tuple(quick if one.tier == 2 else one for one in policy.tiers)
        await protocol.change_draft(tx, lead, draft, msgspec.structs.replace(policy, tiers=tiers), now=NOW)
        for who in (lead, clinician):
            await protocol.sign(tx, who, draft, "approval", now=NOW)
        await protocol.sign(tx, clinician, draft, "training", now=NOW)
        await protocol.activate(tx, lead, draft, now=NOW)
        await safety.acknowledge(tx, clinician, event_id, now=NOW)
    event = await scene.event(event_id)
    assert event.protocol_id == first != draft
    assert event.next_action_at == NOW + timedelta(hours=2)
    async with scene.database.begin() as tx:
        assert (await protocols.active(tx, scene.clinic.id)).id == draft
        with pytest.raises(Conflict):
            await protocol.change_draft(tx, lead, first, policy, now=NOW)


async def test_a_version_is_signed_by_two_for_the_text_as_it_reads(scene: Scene) -> None:
    lead, clinician = scene.actor("clinic_lead"), scene.actor("clinician")
    async with scene.database.begin() as tx:
        draft = await protocol.start_draft(tx, lead, now=NOW)
        await protocol.sign(tx, lead, draft, "approval", now=NOW)
        await protocol.sign(tx, clinician, draft, "approval", now=NOW)
        policy = (await protocols.version(tx, lead, draft)).policy
        await protocol.change_draft(
            tx, lead, draft, msgspec.structs.replace(policy, others_note="Tell the lead."), now=NOW
        )
        lines = [p.field for p in await protocol.why_not_activate(tx, lead, draft, now=NOW)]
        assert "signatures" in lines and "on_call" in lines
        with pytest.raises(Invalid) as refused:
            await protocol.activate(tx, lead, draft, now=NOW)
        assert "nobody from" in str(refused.value)


async def test_nobody_unsigned_is_put_on_call_and_an_unverified_phone_is_named(scene: Scene) -> None:
    lead = scene.actor("clinic_lead")
    await scene.policy_in_force()
    form = ShiftForm(scene.clinic.care_manager, ZONE, date(2026, 3, 4), time(17), time(9))
    async with scene.database.begin() as tx:
        with pytest.raises(Invalid, match="Casey Moore has not signed"):
            await calendar.add_shifts(tx, lead, form, now=NOW)
    async with scene.database.begin() as tx:
        await tx.execute(
            update(Staff).where(Staff.id == scene.clinic.care_manager).values(phone_verified_at=None)
        )
        with pytest.raises(Invalid, match="Casey Moore's phone is not verified"):
            await calendar.add_shifts(tx, lead, form, now=NOW)


# --- the calendar -------------------------------------------------------------------------------------------------


async def trained(scene: Scene, *roles: Role) -> UUID:
    version = await scene.policy_in_force()
    async with scene.database.begin() as tx:
        for role in roles:
            await protocol.sign(tx, scene.actor(role), version, "training", now=NOW)
    return version


async def on_duty(scene: Scene, moment: datetime) -> list[str]:
    async with scene.database.begin() as tx:
        return sorted(one.name for one in await on_call.on_call_at(tx, scene.clinic.id, moment))


async def test_a_colleague_covers_part_of_a_shift(scene: Scene) -> None:
    await trained(scene, "care_manager")
    start = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
    async with scene.database.begin() as tx:
        (first, *_) = (
            await on_call.calendar(tx, scene.actor("clinician"), NOW, NOW + timedelta(days=14), now=NOW)
        ).shifts
        await calendar.cover_shift(
            tx, scene.actor("care_manager"), first.id, scene.clinic.care_manager,
            start=start, end=start + timedelta(hours=8), now=NOW,
        )  # fmt: skip
        with pytest.raises(Conflict):
            await calendar.remove_shift(tx, scene.actor("clinic_lead"), first.id, now=NOW)
    assert await on_duty(scene, start - timedelta(minutes=1)) == ["Dana Clark"]
    assert await on_duty(scene, start) == ["Casey Moore"]
    assert await on_duty(scene, start + timedelta(hours=8)) == ["Dana Clark"]
    async with scene.database.begin() as tx:
        assert await on_call.gaps(tx, scene.clinic.id, NOW) == ()
        with pytest.raises(NotFound):
            await calendar.remove_shift(tx, scene.actor("clinic_lead"), new_id(), now=NOW)


async def test_two_people_swap_and_a_removed_shift_is_a_gap(scene: Scene) -> None:
    await trained(scene, "care_manager")
    lead = scene.actor("clinic_lead")
    async with scene.database.begin() as tx:
        (extra,) = await calendar.add_shifts(
            tx,
            lead,
            ShiftForm(scene.clinic.care_manager, ZONE, date(2026, 3, 20), time(17), time(9)),
            now=NOW,
        )
        shifts = (await on_call.calendar(tx, lead, NOW, NOW + timedelta(days=30), now=NOW)).shifts
        second = next(one for one in shifts if one.staff_id == scene.clinic.clinician and one.starts_at > NOW)
        await calendar.swap_shifts(tx, scene.actor("care_manager"), second.id, extra, now=NOW)
    assert await on_duty(scene, second.starts_at) == ["Casey Moore"]
    async with scene.database.begin() as tx:
        shifts = (await on_call.calendar(tx, lead, NOW, NOW + timedelta(days=30), now=NOW)).shifts
        taken = next(one for one in shifts if one.starts_at == second.starts_at)
        await calendar.remove_shift(tx, lead, taken.id, now=NOW)
        found = await on_call.gaps(tx, scene.clinic.id, NOW)
    assert found[0][0] >= second.starts_at - timedelta(hours=8)


async def test_gaps_missing_signatures_and_monthly_tests_are_looked_after(scene: Scene) -> None:
    await scene.policy_in_force()
    counts = await check_readiness(scene.database, NOW)
    assert counts == {"gaps": 0, "unsigned": 0, "tests": 4, "missed": 0}
    assert (await check_readiness(scene.database, NOW))["tests"] == 0
    async with scene.database.begin() as tx:
        test = await tx.first(select(AlertTest.id).where(AlertTest.staff_id == scene.clinic.clinician))
        assert test is not None
        await tx.execute(update(OnCallShift).values(removed_at=NOW))
    code = await scene.code(test.id, "clinician")
    assert await scene.texts_in("clinician", f"{code}.", NOW) == "staff:test"
    week = NOW + timedelta(days=7)
    counts = await check_readiness(scene.database, week)
    assert counts == {"gaps": 1, "unsigned": 0, "tests": 0, "missed": 3}
    async with scene.database.begin() as tx:
        kinds = [row.kind for row in await tx.all(select(Task.kind).order_by(Task.kind))]
        said = await tx.all(select(Outbox.staff_id).where(Outbox.dedupe_key.startswith("on_call_gap:")))
    assert kinds == ["alert_test_missed", "alert_test_missed", "alert_test_missed", "on_call_gap"]
    assert {row.staff_id for row in said} == {scene.clinic.clinic_lead}
    async with scene.database.begin() as tx:
        await calendar.add_shifts(
            tx, scene.actor("clinic_lead"),
            ShiftForm(scene.clinic.clinician, ZONE, week.date(), time(0), time(0), days=7, weeks=4), now=week,
        )  # fmt: skip
    await check_readiness(scene.database, week)
    async with scene.database.begin() as tx:
        open_gaps = await tx.all(select(Task.id).where(Task.kind == "on_call_gap", Task.done_at.is_(None)))
    assert not open_gaps
