"""Figures, the signed month, CMS159 from imported events, the pilot's limit and what is taken along, on both databases."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update

from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.schedule.asked import AskedCheckIns
from registry.episodes.tables import Episode
from registry.launch import queries as launch
from registry.launch import service
from registry.launch.exit_export import exit_export
from registry.launch.room import check_room
from registry.measures import service as measures
from registry.quality import queries
from registry.quality import service as quality
from registry.quality.cms159 import ENCOUNTER, NEEDED
from registry.quality.service import EventForm, ValueSetForm
from registry.time_log.months import Month
from tests.support import builders
from tests.support.alerts import NotedAlerts

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FEBRUARY = Month(2026, 2)
CHECK_INS = AskedCheckIns()


async def test_a_month_is_signed_once_when_it_is_over_with_a_note_by_the_lead(database: Database) -> None:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead, casey = clinic.actor("clinic_lead"), clinic.actor("care_manager")
        patient = await builders.patient(tx, clinic, NOW, family_name="Adams", enrolled_on=date(2026, 1, 5))
        for wanted, note, field in ((Month(2026, 3), "x", "month"), (FEBRUARY, " ", "note")):
            with pytest.raises(Invalid) as refused:
                await quality.sign_month(tx, lead, wanted, note, now=NOW, check_ins=CHECK_INS)
            assert [problem.field for problem in refused.value.problems] == [field]
        with pytest.raises(Forbidden):
            await quality.sign_month(tx, casey, FEBRUARY, "x", now=NOW, check_ins=CHECK_INS)
        found = await queries.month_figures(tx, casey, FEBRUARY, now=NOW, check_ins=CHECK_INS)
        contact = next(figure for figure in found.figures if figure.measure == "Q-CONTACT")
        assert (contact.numerator, contact.denominator) == (0, 1)
        assert found.names == {str(patient.id): "ADAMS, Ana"} or "ADAMS" in found.names[str(patient.id)]
        await quality.sign_month(tx, lead, FEBRUARY, "Call Adams.", now=NOW, check_ins=CHECK_INS)
        with pytest.raises(Conflict):
            await quality.sign_month(tx, lead, FEBRUARY, "Again.", now=NOW, check_ins=CHECK_INS)
        [signed] = await queries.signed_reviews(tx, casey, now=NOW)
        assert (signed.month, signed.note, signed.signed_by) == ("2026-02", "Call Adams.", "Lee Lead")
        assert [load.patients for load in await queries.caseloads(tx, casey)].count(1) == 1


async def test_who_left_before_the_day_a_figure_looks_at_is_listed_as_excluded(database: Database) -> None:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        patient = await builders.patient(tx, clinic, NOW, enrolled_on=date(2025, 12, 20))
        ended = {"status": "ended", "ended_on": date(2026, 1, 20), "end_reason": "moved"}
        await tx.execute(update(Episode).where(Episode.id == patient.episode_id).values(**ended))
        casey = clinic.actor("care_manager")
        found = await queries.month_figures(tx, casey, FEBRUARY, now=NOW, check_ins=CHECK_INS)
    listed = {figure.measure: figure.evidence for figure in found.figures if figure.evidence}
    assert {m: [(one.place, one.because) for one in lines] for m, lines in listed.items()} == {
        "Q-IMPROVED-8": [("excluded", "Care ended on 20-Jan-2026, before 14-Feb-2026.")]
    }


async def test_cms159_needs_what_other_systems_know_and_says_so(database: Database) -> None:
    visited = date(2025, 3, 10)
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
        patient = await builders.patient(
            tx, clinic, NOW, family_name="Adams", mrn="A1", birth_date=date(1980, 1, 1), enrolled_on=visited
        )
        for taken, total in ((visited, 16), (date(2026, 2, 20), 4)):
            form = measures.TotalForm(
                patient_id=patient.id,
                instrument_id="phq9",
                total=total,
                taken_on=taken,
                source="paper",
                item9=0,
            )
            await measures.enter_total(tx, lead, form, now=NOW, alerts=NotedAlerts())
        assert len((await quality.cms159(tx, lead, 2026, now=NOW)).missing) == len(NEEDED) + 1
        for number, name in enumerate(NEEDED):
            codes = {ENCOUNTER: ("99214",), NEEDED[1]: ("F33.1",)}.get(name, (f"Z{number}",))
            await quality.set_value_set(tx, lead, ValueSetForm(name, "2026", "test", codes), now=NOW)
        with pytest.raises(Invalid) as refused:
            await quality.set_value_set(tx, lead, ValueSetForm("Anything", "", "", ()), now=NOW)
        assert [problem.field for problem in refused.value.problems] == ["name", "version", "codes"]
        visit = EventForm("A1", "encounter", "99214", "finished", visited)
        condition = EventForm("A1", "condition", "F33.1", "active", date(2025, 1, 1))
        with pytest.raises(Invalid) as refused:
            await quality.import_events(
                tx,
                lead,
                [visit, EventForm("B9", "encounter", "", "finished", visited, visited - DAY)],
                now=NOW,
            )
        assert [problem.field for problem in refused.value.problems] == [
            "events[1].mrn",
            "events[1].code",
            "events[1].ended_on",
        ]
        first = await quality.import_events(tx, lead, [visit, condition], now=NOW)
        again = await quality.import_events(tx, lead, [visit, condition], now=NOW)
        assert (first.added, first.known, again.added, again.known) == (2, 0, 0, 2)
        found = await quality.cms159(tx, lead, 2026, now=NOW)
        assert (found.computable, found.numerator, found.denominator) == (True, 1, 1)


async def test_a_pilot_holds_its_limit_until_a_signed_go(database: Database) -> None:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
        await check_room(tx, clinic.id)
        with pytest.raises(Invalid):
            await service.start_pilot(tx, lead, (2, 1), now=NOW)
        await service.start_pilot(tx, lead, (1, 2), now=NOW)
        with pytest.raises(Conflict):
            await service.start_pilot(tx, lead, (1,), now=NOW)
        await builders.patient(tx, clinic, NOW, family_name="Adams")
        with pytest.raises(Conflict) as full:
            await check_room(tx, clinic.id)
        assert full.value.code == "panel_full"
        with pytest.raises(Invalid):
            await service.sign_report(tx, lead, 7, "go", "Fine.", now=NOW + 6 * DAY)
        await service.sign_report(tx, lead, 7, "no_go", "Two notes late.", now=NOW + 7 * DAY)
        with pytest.raises(Conflict):
            await service.sign_report(tx, lead, 7, "go", "Again.", now=NOW + 8 * DAY)
        facts = await launch.pilot_facts(tx, lead, now=NOW + 14 * DAY)
        assert facts is not None
        assert (facts.limit, facts.in_care, facts.due) == (1, 1, (14,))
        await service.sign_report(tx, lead, 14, "go", "On.", now=NOW + 14 * DAY)
        await check_room(tx, clinic.id)
        await service.end_pilot(tx, lead, now=NOW + 15 * DAY)
        assert await launch.pilot_facts(tx, lead, now=NOW + 15 * DAY) is None


async def test_the_checklist_is_judged_from_the_record_and_ticked_by_people(database: Database) -> None:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
        with pytest.raises(NotFound):
            await service.tick(tx, lead, "enrolment", now=NOW)
        await service.tick(tx, lead, "downtime", now=NOW)
        await service.tick(tx, lead, "downtime", now=NOW)
        lines = await launch.launch_checklist(tx, lead, safety_items_open=0, closed_months=0, now=NOW)
        done = {line.item.id for line in lines if line.state == "done"}
        assert done == {"safety", "team", "sender", "downtime"}


async def test_the_sheet_and_the_archive_hold_the_record_and_no_way_in(database: Database) -> None:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        other = await builders.clinic(tx, NOW)
        patient = await builders.patient(tx, clinic, NOW, family_name="Adams")
        await builders.patient(tx, other, NOW, family_name="Stranger")
        [line] = await launch.downtime_sheet(tx, clinic.actor("care_manager"), now=NOW)
        assert (line.family_name, line.phone) == ("Adams", patient.phone)
        with pytest.raises(Forbidden):
            await exit_export(tx, clinic.actor("administrator"), now=NOW)
        file = await exit_export(tx, clinic.actor("clinic_lead"), now=NOW)
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        text = {name: archive.read(name).decode() for name in archive.namelist()}
    assert "Stranger" not in "".join(text.values())
    [phone] = [json.loads(row) for row in text["patient_phone.jsonl"].splitlines()]
    assert phone["phone"] == patient.phone
    assert not any("hash" in key or key.endswith("_key") for key in phone)
    assert file.rows >= 3
