"""Clinics and accounts on both databases: sign-in, lock-out, second factor, tokens, going live."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import msgspec
import pyotp
import pytest
from sqlalchemy import func, insert, select

from kernel import audit, ids
from kernel.audit import Actor, AuditEvent
from kernel.crypto import token_hash
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.organisation import accounts, queries, service, sign_in, tokens
from registry.organisation.passwords import Cost, Passwords
from registry.organisation.rules import ClinicForm, Deployment, StaffForm
from registry.organisation.tables import ApiToken, Organisation, RecoveryCode, Sender, Staff
from tests.support.clock import FakeClock

QUICK = Passwords(Cost(time_cost=1, memory_kib=8, parallelism=1))
ROOT = audit.system(None, "cli")
PASSWORD = "kelp teapot violet"
NORTH = ClinicForm(
    slug="north",
    name="North Clinic",
    text_name="North Clinic",
    zone="America/Los_Angeles",
    support_phone="+12065550100",
    hours_text="Mon-Fri 9-5",
    privacy_url="https://north.example/privacy",
)
SOUTH = msgspec.structs.replace(NORTH, slug="south", name="South Clinic", text_name="South Clinic")
DEPLOYMENT = Deployment("https://care.example", True, "texting-consent@1")


@pytest.fixture
async def north(database: Database, clock: FakeClock) -> UUID:
    async with database.begin() as tx:
        await service.create_organisation(tx, ROOT, "Hill Health", "standard", now=clock.now())
        return await service.create_clinic(tx, ROOT, NORTH, now=clock.now())


async def hire(database: Database, clinic: UUID, clock: FakeClock, email: str, *roles: audit.Role) -> UUID:
    async with database.begin() as tx:
        form = StaffForm(name="Lee Park", email=email, phone="+12065550111")
        staff_id = await accounts.create_staff(tx, ROOT, form, now=clock.now())
        for role in roles:
            await accounts.grant_role(tx, ROOT, staff_id, clinic, role, now=clock.now())
        await accounts.set_password(tx, ROOT, staff_id, PASSWORD, passwords=QUICK, now=clock.now())
        return staff_id


async def actions(database: Database) -> list[str]:
    async with database.begin() as tx:
        return [row.action for row in await tx.all(select(AuditEvent.action).order_by(AuditEvent.seq))]


async def try_password(database: Database, clock: FakeClock, email: str, password: str) -> bool:
    async with database.begin() as tx:
        found = await sign_in.check_password(tx, email, password, passwords=QUICK, now=clock.now())
        return found is not None


async def test_one_database_serves_one_organisation(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    with pytest.raises(Conflict):
        async with database.begin() as tx:
            await service.create_organisation(tx, ROOT, "Another", "standard", now=clock.now())
    async with database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(Organisation)) == 1


async def test_a_clinic_is_read_back_as_it_was_given(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    async with database.begin() as tx:
        await service.add_holiday(tx, ROOT, north, date(2026, 5, 25), "Memorial Day", now=clock.now())
        facts = await queries.clinic(tx, north)
    assert facts.staffed == NORTH.staffed
    assert facts.window_start == NORTH.window_start
    assert facts.holidays == {date(2026, 5, 25)}
    assert facts.texting_mode == "simulation"
    assert facts.support_phone == "+12065550100"


async def test_a_refused_clinic_leaves_nothing_behind(database: Database, clock: FakeClock) -> None:
    bad = msgspec.structs.replace(NORTH, zone="Mars/Olympus", text_name="Depression Care")
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.create_clinic(tx, ROOT, bad, now=clock.now())
    assert [problem.field for problem in refused.value.problems] == ["text_name", "zone"]
    assert await actions(database) == []


async def test_a_slug_and_a_sender_belong_to_one_clinic(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    with pytest.raises(Conflict, match="slug"):
        async with database.begin() as tx:
            await service.create_clinic(tx, ROOT, NORTH, now=clock.now())
    async with database.begin() as tx:
        south = await service.create_clinic(tx, ROOT, SOUTH, now=clock.now())
        await service.add_sender(tx, ROOT, north, "(206) 555-0150", now=clock.now())
    with pytest.raises(Conflict, match="number"):
        async with database.begin() as tx:
            await service.add_sender(tx, ROOT, south, "+12065550150", now=clock.now())
    async with database.begin() as tx:
        found = await queries.sender_by_number(tx, "+12065550150")
    assert found is not None
    assert found.clinic_id == north


async def test_roles_hold_in_one_clinic_alone(database: Database, north: UUID, clock: FakeClock) -> None:
    lee = await hire(database, north, clock, "Lee@North.example", "care_manager", "clinic_lead")
    async with database.begin() as tx:
        south = await service.create_clinic(tx, ROOT, SOUTH, now=clock.now())
        actor = await queries.actor_for(tx, lee, north)
        assert await queries.actor_for(tx, lee, south) is None
        assert [clinic.id for clinic in await queries.clinics_of(tx, lee)] == [north]
        assert await queries.staff_names(tx, north) == {lee: "Lee Park"}
    assert actor is not None
    assert actor.roles == {"care_manager", "clinic_lead"}
    assert actor.clinic_id == north


async def test_an_administrator_reaches_no_other_clinic(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    boss_id = await hire(database, north, clock, "boss@north.example", "administrator")
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    boss = Actor("staff", boss_id, north, frozenset({"administrator"}))
    async with database.begin() as tx:
        south = await service.create_clinic(tx, ROOT, SOUTH, now=clock.now())
    ann = await hire(database, south, clock, "ann@south.example", "care_manager")
    for forbidden in (
        lambda tx: service.change_clinic(tx, boss, south, SOUTH, now=clock.now()),
        lambda tx: accounts.grant_role(tx, boss, lee, south, "biller", now=clock.now()),
        lambda tx: accounts.set_password(tx, boss, ann, PASSWORD, passwords=QUICK, now=clock.now()),
        lambda tx: accounts.disable(tx, boss, ann, now=clock.now()),
    ):
        with pytest.raises(NotFound):
            async with database.begin() as tx:
                await forbidden(tx)
    with pytest.raises(Forbidden):
        async with database.begin() as tx:
            manager = Actor("staff", lee, north, frozenset({"care_manager"}))
            await service.change_clinic(tx, manager, north, NORTH, now=clock.now())


async def test_the_last_administrator_stays(database: Database, north: UUID, clock: FakeClock) -> None:
    async with database.begin() as tx:
        form = StaffForm(name="Ada Boss", email="ada@north.example")
        ada = await accounts.create_admin(tx, ROOT, north, form, PASSWORD, passwords=QUICK, now=clock.now())
    with pytest.raises(Conflict):
        async with database.begin() as tx:
            await accounts.revoke_role(tx, ROOT, ada, north, "administrator", now=clock.now())
    with pytest.raises(Conflict):
        async with database.begin() as tx:
            me = Actor("staff", ada, north, frozenset({"administrator"}))
            await accounts.disable(tx, me, ada, now=clock.now())


async def test_the_fifth_failure_locks_the_account_for_15_minutes(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    await hire(database, north, clock, "lee@north.example", "care_manager")
    for _ in range(4):
        assert not await try_password(database, clock, "lee@north.example", "wrong")
    assert await try_password(database, clock, " LEE@north.example ", PASSWORD)
    for _ in range(5):
        assert not await try_password(database, clock, "lee@north.example", "wrong")
    assert not await try_password(database, clock, "lee@north.example", PASSWORD)
    clock.advance(minutes=14, seconds=59)
    assert not await try_password(database, clock, "lee@north.example", PASSWORD)
    clock.advance(seconds=1)
    assert await try_password(database, clock, "lee@north.example", PASSWORD)


async def test_an_unknown_address_gets_the_same_answer_and_leaves_a_trace(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    assert not await try_password(database, clock, "nobody@north.example", PASSWORD)
    assert (await actions(database))[-1] == "staff.sign_in_failed"


async def test_guesses_at_once_are_counted_one_by_one(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    guesses = [try_password(database, clock, "lee@north.example", f"guess {n}") for n in range(12)]
    assert not any(await asyncio.gather(*guesses))
    async with database.begin() as tx:
        row = await tx.first(select(Staff.failed_count, Staff.locked_until).where(Staff.id == lee))
    assert row is not None
    assert row.failed_count == 5
    assert row.locked_until == clock.now() + timedelta(minutes=15)


async def test_a_disabled_account_signs_in_nowhere(database: Database, north: UUID, clock: FakeClock) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    async with database.begin() as tx:
        await accounts.disable(tx, ROOT, lee, now=clock.now())
    assert not await try_password(database, clock, "lee@north.example", PASSWORD)
    async with database.begin() as tx:
        assert await queries.actor_for(tx, lee, north) is None
        assert await queries.clinics_of(tx, lee) == ()
        assert await queries.staff_names(tx, north) == {lee: "Lee Park"}
        await accounts.enable(tx, ROOT, lee, now=clock.now())
    assert await try_password(database, clock, "lee@north.example", PASSWORD)


async def set_up_totp(
    database: Database, staff_id: UUID, clinic: UUID, clock: FakeClock
) -> tuple[str, tuple[str, ...]]:
    me = Actor("staff", staff_id, clinic, frozenset({"care_manager"}))
    async with database.begin() as tx:
        setup = await accounts.begin_totp(tx, me, staff_id, new_code=ids.new_code, now=clock.now())
        code = pyotp.TOTP(setup.secret).at(clock.now())
        codes = await accounts.confirm_totp(tx, me, staff_id, code, new_code=ids.new_code, now=clock.now())
    return setup.secret, codes


async def test_a_code_of_the_app_signs_in_once(database: Database, north: UUID, clock: FakeClock) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    secret, _ = await set_up_totp(database, lee, north, clock)
    async with database.begin() as tx:
        found = await sign_in.check_password(
            tx, "lee@north.example", PASSWORD, passwords=QUICK, now=clock.now()
        )
        assert found == sign_in.PasswordAccepted(lee, True)
        confirming = pyotp.TOTP(secret).at(clock.now())
        assert not await sign_in.check_code(tx, lee, confirming, now=clock.now())
        clock.advance(seconds=30)
        code = pyotp.TOTP(secret).at(clock.now())
        assert await sign_in.check_code(tx, lee, code, now=clock.now())
        assert not await sign_in.check_code(tx, lee, code, now=clock.now())


async def test_a_recovery_code_is_used_up_and_never_stored_plainly(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    _, codes = await set_up_totp(database, lee, north, clock)
    assert len(set(codes)) == 10
    async with database.begin() as tx:
        stored = {row.code_hash for row in await tx.all(select(RecoveryCode.code_hash))}
        assert not stored & set(codes)
        assert await sign_in.check_code(tx, lee, codes[3].lower(), now=clock.now())
        assert not await sign_in.check_code(tx, lee, codes[3], now=clock.now())
        assert await sign_in.check_code(tx, lee, codes[4], now=clock.now())


async def test_a_known_password_does_not_reset_the_count_of_guessed_codes(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    secret, _ = await set_up_totp(database, lee, north, clock)
    clock.advance(minutes=5)
    right = pyotp.TOTP(secret).at(clock.now())
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        assert await try_password(database, clock, "lee@north.example", PASSWORD)
        async with database.begin() as tx:
            assert not await sign_in.check_code(tx, lee, wrong, now=clock.now())
    assert not await try_password(database, clock, "lee@north.example", PASSWORD)
    async with database.begin() as tx:
        assert not await sign_in.check_code(tx, lee, right, now=clock.now())


async def test_only_the_person_sets_up_the_second_factor_and_an_administrator_removes_it(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    boss = Actor("staff", uuid4(), north, frozenset({"administrator"}))
    with pytest.raises(Forbidden):
        async with database.begin() as tx:
            await accounts.begin_totp(tx, boss, lee, new_code=ids.new_code, now=clock.now())
    _, codes = await set_up_totp(database, lee, north, clock)
    async with database.begin() as tx:
        await accounts.remove_totp(tx, boss, lee, now=clock.now())
        assert not await sign_in.check_code(tx, lee, codes[0], now=clock.now())


async def test_a_password_asked_for_again_counts_its_failures(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    me = Actor("staff", lee, north, frozenset({"care_manager"}))
    async with database.begin() as tx:
        assert await sign_in.confirm_password(tx, me, PASSWORD, passwords=QUICK, now=clock.now())
        for _ in range(5):
            assert not await sign_in.confirm_password(tx, me, "wrong", passwords=QUICK, now=clock.now())
        assert not await sign_in.confirm_password(tx, me, PASSWORD, passwords=QUICK, now=clock.now())


async def test_a_hash_with_old_parameters_is_renewed_at_sign_in(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    stronger = Passwords(Cost(time_cost=2, memory_kib=16, parallelism=1))
    async with database.begin() as tx:
        assert await sign_in.check_password(
            tx, "lee@north.example", PASSWORD, passwords=stronger, now=clock.now()
        )
        stored = await tx.scalar(select(Staff.password_hash).where(Staff.id == lee))
    assert not stronger.is_outdated(stored)
    assert await try_password(database, clock, "lee@north.example", PASSWORD)


async def test_a_token_is_shown_once_expires_and_can_be_revoked(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    until = clock.now() + timedelta(days=30)
    async with database.begin() as tx:
        issued = await tokens.issue_token(
            tx,
            ROOT,
            north,
            "EHR feed",
            "care_manager",
            expires_at=until,
            new_token=ids.new_token,
            now=clock.now(),
        )
        stored = await tx.scalar(select(ApiToken.token_hash))
        assert issued.token not in stored
        actor = await queries.actor_for_token(tx, token_hash(issued.token), clock.now())
        assert actor is not None
        assert (actor.kind, actor.clinic_id, actor.roles) == ("token", north, {"care_manager"})
        assert await queries.actor_for_token(tx, token_hash(issued.token), until) is None
        assert await queries.actor_for_token(tx, issued.token, clock.now()) is None
        boss = Actor("staff", uuid4(), north, frozenset({"administrator"}))
        (line,) = await queries.tokens(tx, boss)
        assert line.last_used_at == clock.now()
        await tokens.revoke_token(tx, boss, issued.id, now=clock.now())
        assert await queries.actor_for_token(tx, token_hash(issued.token), clock.now()) is None
    with pytest.raises(NotFound):
        async with database.begin() as tx:
            await tokens.revoke_token(tx, boss, issued.id, now=clock.now())


async def test_a_clinic_goes_live_only_when_nothing_is_missing(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.go_live(tx, ROOT, north, DEPLOYMENT, also_missing=(), now=clock.now())
    assert [p.field for p in refused.value.problems] == ["default_responsible_id", "sender"]
    async with database.begin() as tx:
        await service.add_sender(tx, ROOT, north, "+12065550150", now=clock.now())
        await service.set_default_responsible(tx, ROOT, north, lee, now=clock.now())
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.go_live(tx, ROOT, north, DEPLOYMENT, also_missing=(), now=clock.now())
    assert [p.field for p in refused.value.problems] == ["default_responsible_id"]
    async with database.begin() as tx:
        await accounts.confirm_phone(tx, ROOT, lee, now=clock.now())
        await service.go_live(tx, ROOT, north, DEPLOYMENT, also_missing=(), now=clock.now())
        assert (await queries.clinic(tx, north)).texting_mode == "live"
    assert (await actions(database))[-1] == "clinic.went_live"


async def test_a_live_clinic_keeps_its_safety_items(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    async with database.begin() as tx:
        await service.add_sender(tx, ROOT, north, "+12065550150", now=clock.now())
        await accounts.confirm_phone(tx, ROOT, lee, now=clock.now())
        await service.set_default_responsible(tx, ROOT, north, lee, now=clock.now())
        await service.go_live(tx, ROOT, north, DEPLOYMENT, also_missing=(), now=clock.now())
    by_text = msgspec.structs.replace(NORTH, item9_channel="sms")
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.change_clinic(tx, ROOT, north, by_text, now=clock.now())
    assert [p.field for p in refused.value.problems] == ["item9_policy_signed_on"]
    async with database.begin() as tx:
        await service.sign_policy(tx, ROOT, north, "item9", date(2026, 3, 1), now=clock.now())
        await service.change_clinic(tx, ROOT, north, by_text, now=clock.now())
    with pytest.raises(Invalid):
        async with database.begin() as tx:
            await service.sign_policy(tx, ROOT, north, "item9", None, now=clock.now())
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.sign_policy(tx, ROOT, north, "minor", date(2026, 3, 3), now=clock.now())
    assert [p.field for p in refused.value.problems] == ["on"]


async def test_a_changed_staff_phone_must_be_verified_again(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    lee = await hire(database, north, clock, "lee@north.example", "care_manager")
    same = StaffForm(name="Lee B. Park", email="lee@north.example", phone="(206) 555-0111")
    other = StaffForm(name="Lee B. Park", email="lee@north.example", phone="+12065550112")
    async with database.begin() as tx:
        await accounts.confirm_phone(tx, ROOT, lee, now=clock.now())
        await accounts.change_staff(tx, ROOT, lee, same, now=clock.now())
        (contact,) = await queries.staff_contacts(tx, north, "care_manager")
        assert contact.phone == "+12065550111"
        await accounts.change_staff(tx, ROOT, lee, other, now=clock.now())
        (contact,) = await queries.staff_contacts(tx, north, "care_manager")
        assert contact.phone is None


async def test_an_address_serves_one_account(database: Database, north: UUID, clock: FakeClock) -> None:
    await hire(database, north, clock, "lee@north.example", "care_manager")
    with pytest.raises(Conflict, match="email"):
        async with database.begin() as tx:
            form = StaffForm(name="Lee Two", email="LEE@north.example")
            await accounts.create_staff(tx, ROOT, form, now=clock.now())


async def test_a_retired_sender_still_finds_its_clinic(
    database: Database, north: UUID, clock: FakeClock
) -> None:
    async with database.begin() as tx:
        values = {"id": uuid4(), "clinic_id": north, "number": "+12065550151", "messaging_service_sid": None}
        await tx.execute(insert(Sender), values | {"active": False})
        found = await queries.sender_by_number(tx, "+12065550151")
        assert found is not None
        assert not found.active
        facts = await queries.clinic(tx, north)
        assert "sender" in [p.field for p in await queries.missing_in_clinic(tx, facts)]
