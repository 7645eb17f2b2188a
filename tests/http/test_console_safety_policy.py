"""The safety policy and the on-call calendar through the pages' own forms: written, signed by two, in force, covered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update

from api.wiring import Deps
from kernel.audit import Role
from messaging.escalation.readiness import check_readiness
from registry.on_call.tables import AlertTest, OnCallShift
from registry.organisation.tables import Clinic as ClinicRow
from registry.organisation.tables import Staff
from registry.protocol.tables import SafetyProtocol
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import count, signed_in

POLICY, ON_CALL = "/safety/protocol", "/safety/on-call"


@pytest.fixture
async def lee(console_deps: Deps, harbor: Clinic) -> AsyncIterator[Colleague]:
    """The clinic lead; everybody's phone is verified."""
    async with console_deps.system_db.begin() as tx:
        for number, (role, staff_id) in enumerate(harbor.staff.items()):
            phone = f"+1206555015{number}"
            await tx.execute(
                update(Staff)
                .where(Staff.id == staff_id)
                .values(
                    phone_sealed=tx.vault.seal(phone),
                    phone_key=tx.vault.lookup(phone),
                    phone_verified_at=console_deps.clock.now(),
                    name=f"{role.replace('_', ' ').title()} {number}",
                )
            )
        await tx.execute(update(ClinicRow).values(default_responsible_id=harbor.staff["care_manager"]))
    async with signed_in(console_deps, harbor, "clinic_lead") as colleague:
        yield colleague


async def drafted(lee: Colleague) -> str:
    await lee.opens(POLICY)
    await lee.submits(f"{POLICY}/drafts")
    assert lee.path.endswith("/edit")
    return lee.path.removesuffix("/edit")


async def signs(deps: Deps, harbor: Clinic, role: Role, path: str, what: str) -> None:
    async with signed_in(deps, harbor, role) as colleague:
        await colleague.opens(path)
        await colleague.submits(f"{path}/{what}", confirm="yes")
        assert "Signed." in colleague.said, colleague.errors


async def test_the_template_stands_until_the_clinic_has_its_own(lee: Colleague) -> None:
    await lee.opens(POLICY)
    assert "Shipped template Template, signed by nobody" in lee.text
    assert "by text, e-mail; by call when the first fails or brings no delivery for 90 seconds" in lee.text
    assert "30 min" in lee.text and "4 h of staffed time" in lee.text


async def test_a_policy_is_written_signed_by_two_and_put_into_force(
    lee: Colleague, console_deps: Deps, harbor: Clinic
) -> None:
    path = await drafted(lee)
    await lee.submits(path, t2_lapse="90", others_note="The lead decides whom to tell.")
    assert "Draft saved." in lee.said
    assert "The clinic's set-up has other" not in lee.text
    assert "Signatures: needs two people's signatures; 0 signed this text." in lee.text
    assert "On call: has a gap: nobody from" in lee.text
    await lee.submits(f"{path}/approve", confirm="yes")
    await lee.opens(path)
    await lee.submits(f"{path}/trained", confirm="yes")
    await signs(console_deps, harbor, "clinician", path, "approve")
    await lee.opens(path)
    await lee.submits(f"{path}/activate")
    assert lee.status == 422
    assert "On call: has a gap" in lee.text
    await lee.opens(ON_CALL)
    assert "Nobody is on call" in lee.text
    await lee.submits(
        f"{ON_CALL}/shifts", staff_id=harbor.staff["clinic_lead"], on="2026-03-02", start="00:00", end="00:00",
        days="7", weeks="3",
    )  # fmt: skip
    assert "Added." in lee.said, lee.errors
    assert "The next 14 days are covered outside staffed hours." in lee.text
    await lee.opens(path)
    await lee.submits(f"{path}/activate")
    assert "In force." in lee.said
    assert "1 h 30" not in lee.text and "90 min" in lee.text
    assert await count(console_deps, SafetyProtocol, SafetyProtocol.state == "active") == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"t1_contact": "soon"}, "Tier 1: Reach the patient must be a whole number."),
        (
            {"rungs_tier_2": "0 | responsible | text\n5 | boss | text"},
            "Ladder of tier 2 line 2: boss is neither",
        ),
        ({"rungs_tier_2": "0 | responsible | pigeon"}, "Ladder of tier 2 line 1: pigeon is not text"),
        ({"rungs_others": "at once, everyone"}, "Ladder for a threat to others line 1: needs minutes | who"),
        ({"staffed": "Mon 9 to 5"}, "Staffed hours line 1: needs hours such as"),
        ({"holidays": "Christmas"}, "Closed days line 1: begins with a date"),
    ],
)
async def test_a_line_that_cannot_be_read_is_named_and_nothing_is_saved(
    lee: Colleague, changes: dict[str, str], error: str
) -> None:
    path = await drafted(lee)
    await lee.submits(path, others_note="Kept as typed.", **changes)
    assert lee.status == 422
    assert [said for said in lee.errors if error in said], lee.errors
    assert "Kept as typed." in lee.text
    await lee.opens(path)
    assert "Kept as typed." not in lee.text


async def test_a_gap_a_rung_out_of_reach_and_a_clock_of_zero_are_named_by_line(lee: Colleague) -> None:
    path = await drafted(lee)
    ladder = "0 | responsible | text, e-mail\n5 | leads | text\n5 | care managers | text"
    await lee.submits(
        path,
        t3_acknowledge="0",
        rungs_tier_3=ladder,
        t2_after_hours="opening",
        holidays="2026-12-25 Christmas",
    )
    assert "The clinic's set-up has other closed days." in lee.text
    assert "Draft saved." in lee.said
    assert "Tier 3, acknowledge: is a clock of zero." in lee.text
    assert "Ladder of tier 3, rung 3: can't be reached: it is not later than the rung before it." in lee.text
    assert "Tier 2, after hours: leaves a gap: tiers 2 and 3 can't wait for the opening." in lee.text
    await lee.submits(f"{path}/approve", confirm="yes")
    assert lee.status == 422
    assert lee.errors and "Tier 3, acknowledge: is a clock of zero." in lee.errors[0]


async def test_nobody_unsigned_can_be_chosen_and_a_colleague_covers_and_swaps(
    lee: Colleague, dana: Colleague, console_deps: Deps, harbor: Clinic
) -> None:
    path = await drafted(lee)
    await signs(console_deps, harbor, "clinician", path, "trained")
    await lee.opens(ON_CALL)
    assert "Can't be put on call until their phone is verified and they have signed" in lee.text
    clinician, manager = harbor.staff["clinician"], harbor.staff["care_manager"]
    shift = {"start": "17:00", "end": "09:00", "days": "", "weeks": "2"}
    await lee.submits(f"{ON_CALL}/shifts", staff_id=manager, on="2026-03-03", **shift)
    assert "has not signed the safety policy" in lee.errors[0]
    await lee.submits(f"{ON_CALL}/shifts", staff_id=clinician, on="2026-03-03", **shift)
    await signs(console_deps, harbor, "care_manager", path, "trained")
    async with console_deps.system_db.begin() as tx:
        first = await tx.first(select(OnCallShift.id).order_by(OnCallShift.starts_at))
    assert first is not None
    await dana.opens(ON_CALL)
    cover = {"shift_id": first.id, "by_id": manager}
    await dana.submits(f"{ON_CALL}/cover", **cover, from_on="2026-03-03")
    assert "From time is needed with the other." in dana.errors[0]
    await dana.submits(f"{ON_CALL}/cover", from_at="20:00", until_on="2026-03-03", until_at="23:00")
    assert "Covered." in dana.said, dana.errors
    assert await count(console_deps, OnCallShift, OnCallShift.removed_at.is_(None)) == 4
    async with console_deps.system_db.begin() as tx:
        live = select(OnCallShift.id).where(OnCallShift.removed_at.is_(None)).order_by(OnCallShift.starts_at)
        ids = list((await tx.execute(live)).scalars())
    await dana.submits(f"{ON_CALL}/swap", first_id=ids[1], second_id=ids[3])
    assert "Swapped." in dana.said, dana.errors
    await lee.opens(ON_CALL)
    await lee.submits(f"{ON_CALL}/shifts/{ids[0]}/remove")
    assert "Removed." in lee.said


async def test_the_monthly_test_is_answered_in_the_console(
    lee: Colleague, console_deps: Deps, harbor: Clinic
) -> None:
    await test_a_policy_is_written_signed_by_two_and_put_into_force(lee, console_deps, harbor)
    assert (await check_readiness(console_deps.system_db, console_deps.clock.now()))["tests"] == 4
    async with console_deps.system_db.begin() as tx:
        lead = harbor.staff["clinic_lead"]
        test = await tx.first(select(AlertTest.id).where(AlertTest.staff_id == lead))
    assert test is not None
    await lee.opens(ON_CALL)
    await lee.submits(f"{ON_CALL}/tests/{test.id}")
    assert "safety alerts reach you" in lee.said
    assert "Your monthly test alert" not in lee.text
