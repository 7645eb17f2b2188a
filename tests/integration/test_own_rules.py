"""A clinic's own rule set from the document to a packet that proves itself: on both databases."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from billing.close import service as close
from billing.identity import payers
from billing.own_rules import service
from billing.own_rules.book import whole_book
from billing.own_rules.tables import ClinicRuleSet
from billing.own_rules.trial import trial
from billing.packet.service import packet
from billing.packet.verify import verify
from billing.statement import explained
from billing.statement.near import next_lines
from billing.statement.rollup import roll_up
from billing.statement.service import statement
from kernel.audit import AuditEvent
from kernel.db import Database
from kernel.errors import Forbidden, Invalid, NotFound
from registry.episodes.tables import CareConsent
from registry.time_log.months import Month
from tests.support import builders
from tests.support import month as months
from tests.support.builders import ClinicRows, PatientRows

FEBRUARY, MARCH = Month(2026, 2), Month(2026, 3)
DURING = datetime(2026, 3, 20, 18, tzinfo=UTC)
AFTER = datetime(2026, 4, 2, 18, tzinfo=UTC)
ENROLLED = date(2026, 3, 3)
PAYER = "Evergreen Health Plan"
GIVEN = {
    "id": "own_evergreen", "version": 1, "title": "Evergreen", "author": "Harbor Clinic",
    "source": "Evergreen Health Plan, provider manual 2026, page 14", "payer": PAYER,
    "effective_from": "2026-01-01", "reviewed_through": "2026-12-31", "time_rule": "full_threshold",
    "g2214_min": 30,
}  # fmt: skip


def document(**changes: object) -> str:
    return json.dumps(GIVEN | changes)


async def clinic(database: Database) -> tuple[ClinicRows, PatientRows, PatientRows]:
    """Ana under the payer with 40 minutes, Ben under another with 50."""
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED, family_name="Aldercott")
        ben = await months.patient(tx, made, ENROLLED, family_name="Benning", payer="Another Plan")
        await months.full_month(tx, made, ana, ENROLLED, 40)
        await months.full_month(tx, made, ben, ENROLLED, 50, hour=14)
    return made, ana, ben


async def test_a_trial_says_what_would_change_and_keeps_nothing(
    database: Database, app_database: Database
) -> None:
    made, ana, _ = await clinic(database)
    async with app_database.begin(made.id) as tx:
        found = await trial(tx, made.actor("clinic_lead"), document(), now=DURING)
        every = await trial(tx, made.actor("biller"), document(), ["Another Plan"], now=DURING)
        assert (await whole_book(tx, made.id)).own == ()
        actions = {row.action for row in await tx.all(select(AuditEvent.action))}
    february, march = found.months
    assert (february.month, february.patient_months, march.patient_months) == (FEBRUARY, 0, 2)
    assert (march.closed, march.reached, march.changed) == (False, 1, 1)
    [change] = march.changes
    assert (change.episode_id, change.before.lines, change.after.lines) == (
        str(ana.episode_id), "99492x1", "G2214x1",
    )  # fmt: skip
    assert every.months[1].reached == 2
    assert "rule_set.tried" in actions
    assert "rule_set.brought_in" not in actions


async def test_once_brought_in_everything_uses_it_and_the_packet_proves_itself(
    database: Database, app_database: Database
) -> None:
    made, ana, ben = await clinic(database)
    biller = made.actor("biller")
    async with app_database.begin(made.id) as tx:
        assert await service.bring_in(tx, biller, document(), now=DURING) == "own_evergreen@1"
    async with app_database.begin(made.id) as tx:
        seen = await statement(tx, biller, MARCH, now=DURING)
        one = await explained.patient_month(tx, biller, ana.id, MARCH, now=DURING)
        near = await next_lines(
            tx, made.id, {ana.episode_id: 40, ben.episode_id: 50}, MARCH, "America/Los_Angeles"
        )
        rolled = b"".join([piece async for piece in roll_up(tx, biller, MARCH, MARCH, now=DURING)]).decode()
    assert [row.rule_id for row in seen.rows] == ["own_evergreen@1", "cpt_midpoint@1"]
    assert one.derived.row.rule_id == "own_evergreen@1"
    assert [(near[each.episode_id].line, near[each.episode_id].next_at) for each in (ana, ben)] == [
        ("G2214", 70), ("99492", 86),
    ]  # fmt: skip
    lines = {
        row["patient_id"]: (row["rule_set"], row["lines"]) for row in csv.DictReader(io.StringIO(rolled))
    }
    assert lines == {str(ana.id): ("own_evergreen@1", "G2214x1"), str(ben.id): ("cpt_midpoint@1", "99492x1")}

    async with app_database.begin(made.id) as tx:
        await close.close_month(tx, biller, MARCH, now=AFTER)
    async with app_database.begin(made.id) as tx:
        await service.bring_in(tx, biller, document(version=2, time_rule="cpt_midpoint"), now=AFTER)
        tried = await trial(tx, biller, document(version=3), now=AFTER)
        assert [(str(each.month), each.closed) for each in tried.months] == [
            ("2026-03", True),
            ("2026-04", False),
        ]
        taken = await packet(tx, biller, MARCH, ana.episode_id, words=lambda *_: None, now=AFTER)
    verdict = verify(taken.content, packet_sha256=taken.sha256)
    assert (verdict.true, verdict.differences) == (True, ())
    assert (verdict.rule_set, verdict.lines) == ("own_evergreen@1", "G2214x1")


async def test_a_version_is_kept_once_and_never_changed(database: Database, app_database: Database) -> None:
    made, _, _ = await clinic(database)
    lead = made.actor("clinic_lead")
    async with app_database.begin(made.id) as tx:
        await service.bring_in(tx, lead, document(payer=None), ["Another Plan", PAYER], now=DURING)
        await service.bring_in(tx, lead, document(payer=None), now=DURING)
        with pytest.raises(Invalid, match="version"):
            await service.bring_in(tx, lead, document(payer=None, g2214_min=20), now=DURING)
    async with app_database.begin(made.id) as tx:
        book = await whole_book(tx, made.id)
        known = await service.known(tx, lead)
        assert json.loads(await service.document(tx, lead, "own_evergreen@1"))["g2214_min"] == 30
        page = await payers.payers(tx, lead)
        rows = await tx.all(select(AuditEvent.action, AuditEvent.detail))
    assert book.assigned == {"Another Plan": "own_evergreen", PAYER: "own_evergreen"}
    assert [(line.payer, line.rule_set) for line in page.lines] == [
        ("Another Plan", "own_evergreen"), (PAYER, "own_evergreen"),
    ]  # fmt: skip
    own = [each for each in known if each.brought_in_at is not None]
    assert [(each.rule_set.rule_id, each.brought_in_by) for each in own] == [("own_evergreen@1", lead.name)]
    kept = [row.detail for row in rows if row.action == "rule_set.brought_in"]
    assert [(each["rule_id"], each["sha256"]) for each in kept] == [("own_evergreen@1", own[0].sha256)]
    with pytest.raises(Invalid, match="payer"):
        async with app_database.begin(made.id) as tx:
            await payers.assign(tx, lead, "Another\x00Plan", "own_evergreen", now=DURING)
    if app_database.is_postgres:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with app_database.begin(made.id) as tx:
                await tx.execute(update(ClinicRuleSet).values(rule_id="own_evergreen@9"))


async def test_a_rule_set_stays_in_its_clinic_and_with_those_who_may(
    database: Database, app_database: Database
) -> None:
    made, _, _ = await clinic(database)
    async with database.begin() as tx:
        other = await builders.clinic(tx, DURING)
    async with app_database.begin(made.id) as tx:
        for verb in (service.bring_in, trial):
            with pytest.raises(Forbidden):
                await verb(tx, made.actor("care_manager"), document(), now=DURING)
        await service.bring_in(tx, made.actor("biller"), document(), now=DURING)
    async with app_database.begin(other.id) as tx:
        with pytest.raises(NotFound):
            await service.document(tx, other.actor("biller"), "own_evergreen@1")
        assert (await whole_book(tx, other.id)).own == ()
        assert await service.bring_in(tx, other.actor("biller"), document(title="Theirs"), now=DURING)


@pytest.mark.parametrize(
    ("rule", "served", "line"),
    [
        ("once_per_calendar_year", [date(2025, 1, 9), date(2025, 6, 9), date(2026, 1, 9)], "99493"),
        ("once_per_calendar_year", [date(2025, 5, 9), date(2025, 9, 9)], "99492"),
        (
            "once_per_calendar_year",
            [date(2025, month, 9) for month in range(4, 13)] + [date(2026, 1, 9)],
            "99492",
        ),
        ("once_per_episode", [date(2025, 1, 9), date(2026, 1, 9)], "99492"),
    ],
)
async def test_the_registrys_minutes_follow_the_payers_rule_of_first_months(
    app_database: Database, database: Database, rule: str, served: list[date], line: str
) -> None:
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, date(2025, 1, 3))
        for on in served:
            await months.worked(tx, made, ana, on, 10)
    async with app_database.begin(made.id) as tx:
        own = document(time_rule="cpt_midpoint", initial_repeat_rule=rule)
        await service.bring_in(tx, made.actor("biller"), own, now=DURING)
        october = Month(2026, 10)
        found = await next_lines(tx, made.id, {ana.episode_id: 40}, october, "America/Los_Angeles")
        stated = await explained.patient_month(
            tx, made.actor("biller"), ana.id, october, now=datetime(2026, 11, 2, tzinfo=UTC)
        )
    assert found[ana.episode_id].line == line
    assert stated.derived.row.month_type == {"99492": "initial", "99493": "subsequent"}[line]


async def test_a_month_that_counted_for_its_payer_alone_is_a_service_month(
    app_database: Database, database: Database
) -> None:
    """The consultant's time alone counts for this payer: the month after is a later one, in every place that says so."""
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED)
        await months.worked(tx, made, ana, date(2026, 3, 9), 40, activity="case_review", role="consultant")
        await months.worked(tx, made, ana, date(2026, 4, 9), 40)
    biller, april = made.actor("biller"), Month(2026, 4)
    later = datetime(2026, 5, 2, 18, tzinfo=UTC)
    async with app_database.begin(made.id) as tx:
        own = document(time_rule="cpt_midpoint", count_consultant_solo=True)
        await service.bring_in(tx, biller, own, now=DURING)
        rows = [
            (await explained.patient_month(tx, biller, ana.id, month, now=later)).derived.row
            for month in (MARCH, april)
        ]
        rolled = b"".join([piece async for piece in roll_up(tx, biller, MARCH, april, now=later)]).decode()
    assert [(row.month_type, row.minutes) for row in rows] == [("initial", 40), ("subsequent", 40)]
    assert [row["lines"] for row in csv.DictReader(io.StringIO(rolled))] == ["99492x1", "99493x1"]


async def test_a_written_consent_given_later_serves_a_payer_that_takes_no_other(
    app_database: Database, database: Database
) -> None:
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED)
        await months.full_month(tx, made, ana, ENROLLED, 40)
        first = await tx.first(select(*CareConsent.__table__.c))
        assert first is not None
        written = {**first._mapping, "id": tx.new_id(), "method": "written", "given_at": DURING}
        await tx.execute(insert(CareConsent), written)
    biller = made.actor("biller")
    async with app_database.begin(made.id) as tx:
        taken = await explained.patient_month(tx, biller, ana.id, MARCH, now=AFTER)
        own = document(time_rule="cpt_midpoint", consent_methods=["written"])
        tried = await trial(tx, biller, own, now=DURING)
        await service.bring_in(tx, biller, own, now=DURING)
        found = await explained.patient_month(tx, biller, ana.id, MARCH, now=AFTER)
    given = [each.inputs.facts.consent for each in (taken, found)]
    assert [(each.method, each.id) for each in given if each] == [
        ("verbal", str(first.id)), ("written", str(written["id"])),
    ]  # fmt: skip
    state = {each.id: each.state for each in found.derived.row.elements}
    assert state["consent"] == "passed"
    assert tried.months[1].changed == 0
