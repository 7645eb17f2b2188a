"""Closing a month, correcting it, exporting it: on both databases, through the use cases."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import msgspec
import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from billing.close import claims, queries, service
from billing.close.tables import ClosedPatientMonth, StatementFile, StatementVersion
from billing.identity import service as identity
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.organisation.tables import Clinic
from registry.patients import service as patients
from registry.patients.forms import CoverageForm
from registry.patients.tables import Coverage, Patient
from registry.time_log import service as time_log
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from registry.time_log.tables import TimeEntry
from tests.support import month as months
from tests.support.builders import ClinicRows, PatientRows

MARCH = Month(2026, 3)
DURING = datetime(2026, 3, 20, 18, tzinfo=UTC)
AFTER = datetime(2026, 4, 2, 18, tzinfo=UTC)
LATER = datetime(2026, 4, 9, 18, tzinfo=UTC)
ENROLLED = date(2026, 3, 3)


async def clinic(database: Database) -> tuple[ClinicRows, PatientRows]:
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED)
        await months.full_month(tx, made, ana, ENROLLED, 90)
    return made, ana


async def close(database: Database, made: ClinicRows):
    async with database.begin(made.id) as tx:
        return await service.close_month(tx, made.actor("biller"), MARCH, now=AFTER)


async def count(database: Database, made: ClinicRows, table) -> int:
    async with database.begin(made.id) as tx:
        return await tx.scalar(select(func.count()).select_from(table))


async def test_closing_keeps_every_row_and_file_and_closing_again_is_the_same_close(database, app_database):
    made, _ = await clinic(database)
    first = await close(app_database, made)
    assert await close(app_database, made) == first
    async with database.begin(made.id) as tx:
        state = await queries.month_state(tx, made.actor("biller"), MARCH, now=LATER)
    [version] = state.versions
    [row] = [frozen.row for frozen in state.standing]
    assert [(line.code, line.units) for line in row.lines] == [("99492", 1), ("99494", 1)]
    assert (version.rule_ids, version.patient_months, state.drift, state.open) == (
        ("cpt_midpoint@1",), 1, (), False,
    )  # fmt: skip
    assert {file.kind for file in version.files} == {"csv_spreadsheet", "csv_machine", "xlsx", "summary_pdf"}


@pytest.mark.parametrize("table", [StatementVersion, ClosedPatientMonth, StatementFile])
async def test_what_was_closed_can_be_neither_changed_nor_deleted(database, table):
    made, _ = await clinic(database)
    await close(database, made)
    for statement in (update(table).values(clinic_id=made.id), delete(table)):
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            async with database.begin(made.id) as tx:
                await tx.execute(statement)


async def test_time_of_the_next_morning_makes_no_patient_month_of_this_one_and_changes_none(database):
    """It is read for where people were."""
    made, ana = await clinic(database)
    async with database.begin(made.id) as tx:
        ben = await months.patient(tx, made, ENROLLED, family_name="Benning")
        await months.worked(tx, made, ben, date(2026, 4, 1), 20, hour=6)
    await close(database, made)
    async with database.begin(made.id) as tx:
        await months.worked(tx, made, ana, date(2026, 4, 1), 20, hour=7)
        await months.worked(tx, made, ana, date(2026, 2, 28), 20, hour=22)
    async with database.begin(made.id) as tx:
        state = await queries.month_state(tx, made.actor("biller"), MARCH, now=LATER)
    assert [each.episode_id for each in state.standing] == [str(ana.episode_id)]
    assert state.drift == ()


async def test_two_people_who_close_at_once_close_once(database):
    made, _ = await clinic(database)
    first, second = await asyncio.gather(close(database, made), close(database, made))
    assert first == second
    assert await count(database, made, StatementVersion) == 1
    assert await count(database, made, ClosedPatientMonth) == 1


async def test_a_crash_before_the_commit_leaves_an_open_month(database):
    made, _ = await clinic(database)
    with pytest.raises(RuntimeError, match="power cut"):
        async with database.begin(made.id) as tx:
            await service.close_month(tx, made.actor("biller"), MARCH, now=AFTER)
            raise RuntimeError("power cut")
    for table in (StatementVersion, ClosedPatientMonth, StatementFile):
        assert await count(database, made, table) == 0
    await close(database, made)
    assert await count(database, made, StatementVersion) == 1


async def test_a_month_that_is_not_over_and_a_person_without_the_role_are_refused(database):
    made, _ = await clinic(database)
    async with database.begin(made.id) as tx:
        with pytest.raises(Conflict, match="not over"):
            await service.close_month(tx, made.actor("biller"), MARCH, now=DURING)
        with pytest.raises(Forbidden):
            await service.close_month(tx, made.actor("care_manager"), MARCH, now=AFTER)


async def test_time_into_a_closed_month_is_refused_with_the_way_to_correct_it(database):
    made, ana = await clinic(database)
    await close(database, made)
    form = TimeForm(started_at=datetime(2026, 3, 12, 18, tzinfo=UTC), minutes=40, activity="patient_contact")
    who = made.actor("care_manager")
    async with database.begin(made.id) as tx:
        with pytest.raises(Conflict, match="open it again") as refused:
            await time_log.log_time(tx, who, ana.id, form, source="console", now=LATER)
    assert refused.value.code == "month_closed"
    async with database.begin(made.id) as tx:
        biller = made.actor("biller")
        with pytest.raises(Invalid, match="reason"):
            await service.open_for_correction(tx, biller, MARCH, " ", now=LATER)
        await service.open_for_correction(tx, biller, MARCH, "A call was not logged", now=LATER)
        await time_log.log_time(tx, who, ana.id, form, source="console", now=LATER)
        await service.adjust_month(tx, biller, MARCH, "A call was not logged", now=LATER)
    async with database.begin(made.id) as tx:
        [delta] = await queries.adjustment(tx, biller, MARCH, 2, now=LATER)
        state = await queries.month_state(tx, biller, MARCH, now=LATER)
    changes = {change.field: (change.before, change.after) for change in delta.fields}
    assert changes["lines"] == ("99492x1;99494x1", "99492x1;99494x2")
    assert changes["counted_minutes"] == ("90", "130")
    assert (state.versions[1].reason, state.open, state.drift) == ("A call was not logged", False, ())


async def test_a_correction_leaves_the_closed_files_byte_for_byte(database):
    made, ana = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")

    async def files(version: int) -> dict[str, bytes]:
        async with database.begin(made.id) as tx:
            return {
                kind: (await queries.download(tx, biller, MARCH, version, kind, now=LATER)).content
                for kind in ("csv_spreadsheet", "csv_machine", "xlsx", "summary_pdf")
            }

    before = await files(1)
    async with database.begin(made.id) as tx:
        await tx.execute(update(Patient).where(Patient.id == ana.id).values(family_name="Marsh"))
        await tx.execute(update(Coverage).values(member_id_sealed=tx.vault.seal("N2")))
    async with database.begin(made.id) as tx:
        drift = (await queries.month_state(tx, biller, MARCH, now=LATER)).drift
        assert {change.field for change in drift[0].fields} == {"name", "member_id"}
        await service.adjust_month(tx, biller, MARCH, "The payer sent a new card", now=LATER)
    assert await files(1) == before
    assert (await files(2))["csv_machine"] != before["csv_machine"]
    async with database.begin(made.id) as tx:
        delta = await queries.download(tx, biller, MARCH, 2, "delta_csv", now=LATER)
        with pytest.raises(Conflict, match="nothing differs"):
            await service.adjust_month(tx, biller, MARCH, "Again", now=LATER)
    assert b"member_id,W778120,N2,The payer sent a new card" in delta.content


async def test_a_correction_that_changed_nothing_closes_the_month_again(database):
    made, _ = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        await service.open_for_correction(tx, biller, MARCH, "To look", now=LATER)
        assert (await queries.month_state(tx, biller, MARCH, now=LATER)).open
        await service.close_again(tx, biller, MARCH, now=LATER)
        assert not (await queries.month_state(tx, biller, MARCH, now=LATER)).open
    assert await count(database, made, StatementVersion) == 1


async def test_a_claim_file_is_stored_once_it_passes_and_holds_nobody_twice(database):
    made, _ = await clinic(database)
    async with database.begin(made.id) as tx:
        ben = await months.patient(tx, made, ENROLLED, family_name="Okafor", given_name="Ben", sex=None)
        await months.full_month(tx, made, ben, ENROLLED, 40, hour=14)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    assert [(refusal.name, refusal.reasons) for refusal in batch.refusals] == [
        ("Okafor, Ben", ("The sex, as the payer's form asks it, is missing.",))
    ]
    with pytest.raises(Conflict, match="can't be claimed") as refused:
        claims.require_makeable(batch, leave_out=False)
    assert "Okafor" not in str(refused.value)
    claims.require_makeable(batch, leave_out=True)
    file = claims.checked(batch, LATER)
    assert file.problems == ()
    async with database.begin(made.id) as tx:
        await claims.store_claims(tx, biller, batch, file, now=LATER)
        stored = await queries.download(tx, biller, MARCH, 1, "claims_837p", now=LATER)
        assert stored.content.decode() == file.text
        assert (await claims.claim_batch(tx, biller, MARCH, now=LATER)).made
        await tx.execute(update(Patient).where(Patient.id == ben.id).values(sex="M"))
        await service.adjust_month(tx, biller, MARCH, "Sex was missing", now=LATER)
        after = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    assert ([claim.given_name for claim in after.claims], after.by_hand, after.number) == (["Ben"], (), 2)


async def test_of_two_who_make_the_claim_file_at_once_the_second_is_told(database):
    made, _ = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    file = claims.checked(batch, LATER)

    async def store():
        async with database.begin(made.id) as tx:
            return await claims.store_claims(tx, biller, batch, file, now=LATER)

    outcomes = await asyncio.gather(store(), store(), return_exceptions=True)
    [refusal] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert isinstance(refusal, Conflict) and refusal.code == "stale"


async def test_a_patient_covered_through_somebody_else_is_claimed_once_that_name_is_on_record(
    database, app_database
):
    made, ana = await clinic(database)
    biller = made.actor("biller")
    async with app_database.begin(made.id) as tx:
        await tx.execute(update(Coverage).values(subscriber="spouse"))
    await close(app_database, made)
    form = CoverageForm(
        payer="Evergreen Health Plan", payer_id="EVG01", member_id="W778120", valid_from=date(2020, 1, 1),
        subscriber="spouse", subscriber_family=" Aldercott ", subscriber_given="Teo",
    )  # fmt: skip
    async with app_database.begin(made.id) as tx:
        [refusal] = (await claims.claim_batch(tx, biller, MARCH, now=LATER)).refusals
        assert refusal.reasons == ("Covered through someone else: the subscriber's name is missing.",)
        cover = await tx.scalar(select(Coverage.id))
        await patients.change_coverage(tx, biller, ana.id, cover, form, now=LATER)
        sealed = await tx.scalar(select(Coverage.subscriber_name_sealed))
        assert "Aldercott" not in sealed
        await service.adjust_month(tx, biller, MARCH, "The subscriber was missing", now=LATER)
        state = await queries.month_state(tx, biller, MARCH, now=LATER)
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    file = claims.checked(batch, LATER)
    assert file.problems == ()
    assert "NM1*IL*1*ALDERCOTT*TEO****MI*W778120~" in file.text.splitlines()
    assert (state.drift, len(state.versions)) == ((), 2)
    async with app_database.begin(made.id) as tx:
        await patients.change_coverage(
            tx, biller, ana.id, cover, msgspec.structs.replace(form, subscriber="self"), now=LATER
        )
        assert await tx.scalar(select(Coverage.subscriber_name_sealed)) is None


async def test_settings_changed_after_a_close_neither_reprice_nor_recode_it(database):
    made, ana = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        settings = {"fees_cents": {**months.FEES, "99492": 99900}, "rule_set": "full_threshold"}
        await tx.execute(update(Clinic).values(settings=settings))
        await tx.execute(update(Patient).where(Patient.id == ana.id).values(family_name="Marsh"))
    async with database.begin(made.id) as tx:
        await service.adjust_month(tx, biller, MARCH, "Her name changed", now=LATER)
        [delta] = await queries.adjustment(tx, biller, MARCH, 2, now=LATER)
        assert {change.field for change in delta.fields} == {"name"}
        await tx.execute(update(Coverage).values(payer="Another Plan"))
        [drift] = (await queries.month_state(tx, biller, MARCH, now=LATER)).drift
    assert {"payer", "rule_set"} <= {change.field for change in drift.fields}


async def test_a_claim_of_a_month_taken_out_since_is_named_for_the_biller_to_void(database):
    made, ana = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
        await claims.store_claims(tx, biller, batch, claims.checked(batch, LATER), now=LATER)
        await tx.execute(update(TimeEntry).values(superseded_at=LATER))
        await service.adjust_month(tx, biller, MARCH, "Logged for the wrong patient", now=LATER)
        after = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    [named] = after.by_hand
    assert (named.patient_id, "void this claim by hand" in named.reasons[0]) == (str(ana.id), True)
    assert after.claims == ()


async def test_two_records_of_one_person_are_both_refused_as_claims_and_stop_an_adjustment(database):
    made, ana = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        known = await tx.first(select(Patient.family_name, Patient.given_name, Patient.birth_date))
        twin = await months.patient(
            tx, made, ENROLLED, family_name=known.family_name, given_name=known.given_name,
            birth_date=known.birth_date,
        )  # fmt: skip
        await months.full_month(tx, made, twin, ENROLLED, 60, hour=14)
        with pytest.raises(Conflict) as refused:
            await service.adjust_month(tx, biller, MARCH, "Logged late", now=LATER)
        assert refused.value.code == "duplicates"
        await service.adjust_month(tx, biller, MARCH, "Logged late", now=LATER, despite="Being merged")
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
    assert batch.claims == ()
    assert {refusal.patient_id for refusal in batch.refusals} == {str(ana.id), str(twin.id)}
    assert all("share name and birth date" in refusal.reasons[0] for refusal in batch.refusals)


async def test_a_file_the_maps_refuse_is_never_stored(database):
    made, _ = await clinic(database)
    await close(database, made)
    biller = made.actor("biller")
    async with database.begin(made.id) as tx:
        batch = await claims.claim_batch(tx, biller, MARCH, now=LATER)
        broken = msgspec.structs.replace(claims.checked(batch, LATER), problems=("segment DTP: error 8",))
        with pytest.raises(Conflict, match="X12"):
            await claims.store_claims(tx, biller, batch, broken, now=LATER)
        with pytest.raises(NotFound):
            await queries.download(tx, biller, MARCH, 1, "claims_837p", now=LATER)


async def test_who_bills_is_set_up_by_those_who_keep_it_and_a_broken_npi_is_named(database):
    made, _ = await clinic(database)
    broken = msgspec.structs.replace(months.IDENTITY, npi="1234567890", postal_code="98101")
    async with database.begin(made.id) as tx:
        with pytest.raises(Forbidden):
            await identity.change_identity(tx, made.actor("care_manager"), months.IDENTITY, now=DURING)
        with pytest.raises(Invalid) as refused:
            await identity.change_identity(tx, made.actor("biller"), broken, now=DURING)
        assert [problem.field for problem in refused.value.problems] == ["npi", "postal_code"]
        await identity.change_npi(tx, made.actor("administrator"), made.clinician, "1234567893", now=DURING)
        with pytest.raises(NotFound):
            await identity.change_npi(tx, made.actor("biller"), made.care_manager, "1234567893", now=DURING)
        found = await identity.setup(tx, made.actor("biller"))
    assert (found.identity, found.practitioners[0].npi) == (months.IDENTITY, "1234567893")
