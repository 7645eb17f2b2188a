"""A biller's row: lines, holds, flags, dates and the table they are exported as."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from billing.export.csv import PROFILE_LABEL
from billing.export.statement_columns import COLUMNS, claimable, statement_csv, table
from billing.rule_sets import shipped
from billing.rules import History, Override, PreviousEpisode
from billing.statement.derivation import Inputs, decoded, derive, digest, encoded
from billing.statement.facts import (
    Consent,
    Contacted,
    Coverage,
    Dated,
    Diagnosis,
    Episode,
    Evidence,
    InitiatingVisit,
    NextContact,
    PatientFacts,
    Practice,
    Release,
)
from billing.statement.fixes import FIXES
from billing.statement.rules import StatementRow, batch_problems, statement_row
from registry.time_log.months import Month
from registry.time_log.rules import Count, Entry, Window, count

ZONE = ZoneInfo("America/New_York")
RULES = shipped()["cpt_midpoint@1"]
NOVEMBER = Month(2026, 11)
TODAY = date(2026, 12, 1)


def on(*days: str, kind: str = "row") -> tuple[Dated, ...]:
    return tuple(Dated(f"{kind}-{day}", date.fromisoformat(day)) for day in days)


EVIDENCE = Evidence(
    directions=on("2026-11-02", kind="referral"),
    scales=on("2026-11-03", kind="scale"),
    care_plans=on("2026-11-05", kind="plan"),
    registry_updates=on("2026-11-06", kind="registry"),
    consultant_reviews=on("2026-11-12", kind="review"),
    review_outcomes=on("2026-11-12", kind="outcome"),
    contacts=(Contacted("contact-1", date(2026, 11, 10), date(2026, 11, 12)),),
    caseload_consultations=on("2026-11-12", "2026-11-19", kind="caseload"),
    brief_interventions=on("2026-11-10", kind="skill"),
    clinician_collaborations=on("2026-11-20", kind="call"),
)

FACTS = PatientFacts(
    patient_id="p1",
    family_name="Vale",
    given_name="Ana",
    mrn="00123",
    birth_date=date(1980, 5, 17),
    sex="F",
    episode=Episode(id="e1", started_on=date(2026, 11, 2)),
    history=History(episode_started_on=date(2026, 11, 2)),
    practice=Practice(
        billing_npi="1234567893",
        billing_tin="00-0000000",
        rendering_npi="1234567893",
        fees={"99492": 16240, "99493": 14100, "99494": 6000, "G2214": 6100, "99484": 5400},
    ),
    consent=Consent(id="c1", given_on=date(2026, 11, 2), method="verbal", recorded_by="Rosa Lund"),
    visit_required=True,
    initiating_visit=InitiatingVisit("v1", date(2026, 10, 20), "99214"),
    diagnoses=(Diagnosis("d1", "F32.1"), Diagnosis("d2", "F41.1")),
    coverages=(
        Coverage(
            id="cov1",
            rank=1,
            payer="Payer",
            payer_id="60054",
            plan="Gold",
            member_id="W1",
            subscriber="self",
            valid_from=date(2026, 1, 1),
            valid_to=None,
        ),
    ),
    evidence=EVIDENCE,
    next_contact=NextContact("e1", date(2026, 12, 8), has_purpose=True),
)


def with_(facts: PatientFacts = FACTS, **changes: object) -> PatientFacts:
    return msgspec.structs.replace(facts, **changes)


def counted(*minutes_by_day: tuple[int, int], month: Month = NOVEMBER) -> Count:
    """(day of month, minutes), each at 10:00 in the clinic."""
    entries = [
        Entry(
            id=f"t{day}",
            patient_id="p1",
            staff_id="cm",
            role="care_manager",
            activity="patient_contact",
            started_at=datetime(month.year, month.month, day, 10, tzinfo=ZONE).astimezone(UTC),
            seconds=minutes * 60,
            created_at=datetime(2026, 11, 30, tzinfo=UTC),
        )
        for day, minutes in minutes_by_day
    ]
    since = datetime(2025, 1, 1, tzinfo=UTC)
    return count(entries, Window(consent_at=since, enrolled_at=since), RULES.counting, month, ZONE)


def row(
    facts: PatientFacts = FACTS,
    minutes: int = 90,
    *,
    rule_set=RULES,
    today: date = TODAY,
    result: Count | None = None,
) -> StatementRow:
    result = counted((10, minutes)) if result is None else result
    return statement_row(facts, result, rule_set, NOVEMBER, zone=ZONE, today=today, prepared_by="Iris Holt")


def rules(**changes: object):
    return msgspec.structs.replace(RULES, **changes)


def test_a_complete_first_month_is_ready():
    ready = row()
    assert ready.status == "ready"
    assert (ready.holds, ready.flags) == ((), ())
    assert [(line.code, line.units, line.charge_cents) for line in ready.lines] == [
        ("99492", 1, 16240),
        ("99494", 1, 6000),
    ]
    assert (ready.month_type, ready.episode_month_index) == ("initial", 1)
    assert ready.date_of_service == date(2026, 11, 30)
    assert ready.place_of_service == "11"
    assert (ready.minutes, ready.counted_seconds, ready.excluded_seconds) == (90, 5400, {})
    assert ready.rule_id == "cpt_midpoint@1"


OLD = Coverage(
    id="old",
    rank=1,
    payer="Old",
    payer_id=None,
    plan=None,
    member_id=None,
    subscriber="self",
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 11, 10),
)
NEW = msgspec.structs.replace(OLD, id="new", valid_from=date(2026, 11, 11), valid_to=None)


def consent(**changes: object) -> Consent:
    return msgspec.structs.replace(FACTS.consent, **changes)


def visit(day: str, code: str | None = "99214") -> InitiatingVisit:
    return InitiatingVisit("v", date.fromisoformat(day), code)


HOLDS = [
    ({"consent": None}, {}, "consent"),
    ({"consent": consent(given_on=date(2026, 12, 1))}, {}, "consent"),
    ({"consent": consent(withdrawn_on=date(2026, 10, 31))}, {}, "consent"),
    ({}, {"consent_methods": ("written",)}, "consent"),
    ({}, {"consent_extra_elements_required": True}, "consent"),
    ({"initiating_visit": None}, {}, "initiating_visit"),
    ({"initiating_visit": visit("2026-11-03")}, {}, "initiating_visit"),
    ({"initiating_visit": visit("2025-11-01")}, {}, "initiating_visit"),
    ({"initiating_visit": visit("2026-10-20", "90792")}, {}, "initiating_visit"),
    ({"diagnoses": ()}, {}, "diagnosis"),
    ({"diagnoses": (Diagnosis("d", "F32.1", suspected=True),)}, {}, "diagnosis"),
    (
        {"evidence": msgspec.structs.replace(EVIDENCE, consultant_reviews=on("2026-10-30"))},
        {},
        "consultant_review",
    ),
    ({"coverages": ()}, {}, "coverage"),
    ({"coverages": (OLD,)}, {}, "coverage"),
    ({"coverages": (OLD, NEW)}, {}, "coverage"),
    ({"coverages": (*FACTS.coverages, OLD)}, {}, "coverage"),
    ({"coverages": (NEW,)}, {}, "coverage"),
    ({"coverages": (msgspec.structs.replace(NEW, valid_from=date(2026, 1, 1), rank=2),)}, {}, "coverage"),
    ({"other_codes": ("99484",)}, {}, "conflicting_code"),
    ({"other_codes": ("G0568",)}, {}, "conflicting_code"),
    ({}, {"effective_from": date(2026, 11, 2)}, "rule_set"),
]


@pytest.mark.parametrize(("facts", "settings", "hold"), HOLDS)
def test_what_is_missing_holds_the_row_and_leaves_its_minutes(facts, settings, hold):
    held = row(with_(**facts), rule_set=rules(**settings))
    assert [note.code for note in held.holds] == [hold]
    assert held.holds[0].words
    assert held.status == "held"
    assert (held.minutes, [line.code for line in held.lines]) == (90, ["99492", "99494"])
    assert claimable([held]) == []


PASSES = [
    ({"initiating_visit": None, "visit_required": False}, {}),
    ({"initiating_visit": visit("2026-11-02")}, {}),
    ({"initiating_visit": visit("2025-11-02")}, {}),
    ({"initiating_visit": visit("2026-10-20", "90792")}, {"initiating_visit_accepts_9079x": True}),
    ({"diagnoses": (Diagnosis("d", "F32.1", suspected=True),)}, {"dx_policy": "suspected_allowed"}),
    ({"consent": consent(extra_elements=True)}, {"consent_extra_elements_required": True}),
    ({"other_codes": ("99490", "99214")}, {}),
    (
        {"coverages": (*FACTS.coverages, msgspec.structs.replace(OLD, rank=2))},
        {},
    ),
    ({"coverages": (*FACTS.coverages, msgspec.structs.replace(OLD, valid_to=date(2026, 10, 31)))}, {}),
]


@pytest.mark.parametrize(("facts", "settings"), PASSES)
def test_what_the_rules_allow_holds_nothing(facts, settings):
    assert row(with_(**facts), rule_set=rules(**settings)).status == "ready"


SAME_DAY = msgspec.structs.replace(NEW, valid_from=date(2026, 11, 10))
COVERAGES = [
    ((), "No primary coverage is on record for the month."),
    ((OLD, SAME_DAY), "Two primary coverages overlap in the month."),
    ((OLD, NEW), "The primary coverage changes inside the month."),
    ((OLD,), "The primary coverage leaves part of the month uncovered."),
    ((NEW,), "The primary coverage leaves part of the month uncovered."),
    (FACTS.coverages, "One payer for the whole month."),
]


@pytest.mark.parametrize(("coverages", "words"), COVERAGES)
def test_the_coverage_of_a_month_is_told_in_words(coverages, words):
    by_id = {element.id: element.words for element in row(with_(coverages=coverages)).elements}
    assert by_id["coverage"] == words


def test_coverage_need_not_reach_past_the_end_of_care():
    until_death = msgspec.structs.replace(OLD, valid_to=date(2026, 11, 18))
    episode = Episode(id="e1", started_on=date(2026, 11, 2), ended_on=date(2026, 11, 18))
    assert row(with_(coverages=(until_death,), episode=episode)).status == "ready"
    day_short = msgspec.structs.replace(OLD, valid_to=date(2026, 11, 17))
    assert row(with_(coverages=(day_short,), episode=episode)).status == "held"


@pytest.mark.parametrize(("after", "flags"), [(2, []), (1, ["prior_authorisation"])])
def test_prior_authorisation_is_asked_for_after_the_months_the_payer_names(after: int, flags: list[str]):
    asked = row(later(), rule_set=rules(prior_auth_after_months=after))
    assert [note.code for note in asked.flags] == flags
    granted = later(evidence=msgspec.structs.replace(EVIDENCE, prior_authorisations=on("2026-10-20")))
    assert row(granted, rule_set=rules(prior_auth_after_months=after)).flags == ()


FLAGS = [
    ({"evidence": msgspec.structs.replace(EVIDENCE, scales=on("2026-10-30"))}, {}, ["scales"]),
    ({"evidence": msgspec.structs.replace(EVIDENCE, care_plans=on("2026-12-01"))}, {}, ["care_plan"]),
    ({"evidence": msgspec.structs.replace(EVIDENCE, registry_updates=())}, {}, ["registry"]),
    (
        {"evidence": msgspec.structs.replace(EVIDENCE, caseload_consultations=())},
        {},
        ["caseload_consultation"],
    ),
    ({"evidence": msgspec.structs.replace(EVIDENCE, brief_interventions=())}, {}, ["brief_intervention"]),
    ({"evidence": msgspec.structs.replace(EVIDENCE, directions=())}, {}, ["direction"]),
    ({"practice": msgspec.structs.replace(FACTS.practice, billing_npi=None)}, {}, ["billing_practitioner"]),
    (
        {
            "practice": msgspec.structs.replace(
                FACTS.practice, other_billing_npis=("1234567893", "1987654321")
            )
        },
        {},
        ["one_practitioner"],
    ),
    ({"practice": msgspec.structs.replace(FACTS.practice, fees={"99492": 1})}, {}, ["no_fee"]),
    ({}, {"separately_paid": False}, ["not_separately_paid"]),
    ({}, {"setting": "rhc_fqhc"}, ["institutional_claim"]),
    ({}, {"reviewed_through": date(2026, 10, 31)}, ["rule_set_not_reviewed"]),
    ({}, {"max_99494_units": 0}, ["over_max_99494_units"]),
    ({}, {"prior_auth_after_months": 0}, ["prior_authorisation"]),
]


@pytest.mark.parametrize(("facts", "settings", "flags"), FLAGS)
def test_other_missing_elements_flag_the_row_without_holding_it(facts, settings, flags):
    flagged = row(with_(**facts), rule_set=rules(**settings))
    assert [note.code for note in flagged.flags] == flags
    assert flagged.status == "ready"


def later(**changes: object) -> PatientFacts:
    history = History(
        episode_started_on=date(2026, 10, 5),
        service_months=(Month(2026, 10),),
        initial_months=(Month(2026, 10),),
    )
    episode = Episode(id="e1", started_on=date(2026, 10, 5))
    return with_(history=history, episode=episode, initiating_visit=visit("2026-10-01"), **changes)


def test_a_later_month_without_the_consultants_review_is_only_flagged():
    flagged = row(later(evidence=msgspec.structs.replace(EVIDENCE, consultant_reviews=())))
    assert [line.code for line in flagged.lines] == ["99493", "99494"]
    assert [note.code for note in flagged.flags] == ["consultant_review"]
    assert flagged.status == "ready"


def test_relapse_planning_is_asked_only_in_relapse_prevention():
    def state(facts: PatientFacts) -> str:
        return {element.id: element.state for element in row(facts).elements}["relapse_plan"]

    prevention = Episode(id="e1", started_on=date(2026, 10, 5), in_relapse_prevention=True)
    assert state(later()) == "not_applicable"
    assert state(msgspec.structs.replace(later(), episode=prevention)) == "failed"
    planned = later(evidence=msgspec.structs.replace(EVIDENCE, relapse_plans=on("2026-10-30")))
    assert state(msgspec.structs.replace(planned, episode=prevention)) == "passed"


def test_every_element_carries_the_rows_it_rests_on():
    by_id = {element.id: element for element in row().elements}
    assert by_id["consent"].row_ids == ("c1",)
    assert by_id["diagnosis"].row_ids == ("d1", "d2")
    assert by_id["caseload_consultation"].row_ids == ("caseload-2026-11-12", "caseload-2026-11-19")
    assert {element.state for element in by_id.values()} == {"passed", "not_applicable"}


@pytest.mark.parametrize(("minutes", "held"), [(16, True), (29, True), (30, False), (35, False)])
def test_the_contested_minutes_of_a_short_month_are_held(minutes: int, held: bool):
    short = row(minutes=minutes)
    assert [line.code for line in short.lines] == ["G2214"]
    assert [note.code for note in short.holds] == (["g2214_minimum_contested"] if held else [])


def test_nothing_reached_is_nothing_to_bill_and_holds_nothing():
    short = row(with_(consent=None), minutes=15)
    assert (short.status, short.lines, short.holds, short.date_of_service) == (
        "nothing_to_bill",
        (),
        (),
        None,
    )
    assert "not reached" in short.decision_text


RETURNED = with_(
    history=History(
        episode_started_on=date(2026, 11, 2),
        service_months=(Month(2026, 9),),
        previous=PreviousEpisode(date(2026, 9, 20), "goals_met"),
    )
)


def test_an_ambiguous_month_type_waits_for_a_person():
    undecided = row(RETURNED)
    assert (undecided.status, undecided.month_type, undecided.lines) == ("held", None, ())
    assert [note.code for note in undecided.holds] == ["month_type"]
    assert undecided.decision_text == (
        "As a first month: 99492x1;99494x1. As a later month: 99493x1;99494x1."
    )
    assert row(RETURNED, minutes=3).status == "nothing_to_bill"


def test_a_persons_decision_gives_the_ambiguous_month_its_lines():
    override = Override(
        kind="initial", by="Iris Holt", reason="new episode", at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    decided = row(with_(history=msgspec.structs.replace(RETURNED.history, override=override)))
    assert (decided.status, decided.lines[0].code) == ("ready", "99492")
    assert decided.month_type_reason == "Decided by Iris Holt: new episode"


def release(*holds: str) -> Release:
    return Release(
        holds=holds, by="Iris Holt", reason="paper consent seen", at=datetime(2026, 12, 1, tzinfo=UTC)
    )


def test_a_biller_releases_the_holds_named_and_no_others():
    released = row(with_(consent=None, releases=(release("consent"),)))
    assert (released.status, released.holds) == ("released", ())
    assert [note.code for note in released.released] == ["consent"]
    assert claimable([released]) == [released]
    two = row(with_(consent=None, diagnoses=(), releases=(release("consent"),)))
    assert (two.status, [note.code for note in two.holds]) == ("held", ["diagnosis"])


def test_nobody_releases_the_calendar_or_an_undecided_month():
    early = row(with_(releases=(release("month_open"),)), today=date(2026, 11, 29))
    assert early.status == "held"
    undecided = msgspec.structs.replace(RETURNED, releases=(release("month_type"),))
    assert row(undecided).status == "held"


def test_a_release_without_a_reason_is_refused():
    with pytest.raises(ValueError, match=r"^reason: "):
        Release(holds=("consent",), by="Iris Holt", reason=" ", at=datetime(2026, 12, 1, tzinfo=UTC))


DATES = [
    # last day of care, today, date of service, holds
    (None, "2026-12-05", "2026-11-30", []),
    (None, "2026-11-30", "2026-11-30", []),
    (None, "2026-11-29", None, ["month_open"]),
    ("2026-11-18", "2026-12-05", "2026-11-18", []),
    ("2026-11-18", "2026-11-20", "2026-11-18", []),
    ("2026-11-18", "2026-11-17", None, ["month_open"]),
    ("2026-12-24", "2026-12-05", "2026-11-30", []),
    ("2026-10-30", "2026-12-05", None, ["episode_over"]),
]


@pytest.mark.parametrize(("ended", "today", "served", "holds"), DATES)
def test_the_date_of_service_is_never_after_the_end_and_never_in_the_future(ended, today, served, holds):
    episode = Episode(id="e1", started_on=date(2026, 11, 2), ended_on=ended and date.fromisoformat(ended))
    result = row(with_(episode=episode), today=date.fromisoformat(today))
    assert result.date_of_service == (served and date.fromisoformat(served))
    assert [note.code for note in result.holds] == holds


def test_a_payer_may_date_the_line_on_the_day_its_minimum_was_met():
    result = counted((3, 20), (10, 15), (20, 60))
    dated = row(rule_set=rules(dos_rule="threshold_date"), result=result)
    assert dated.lines[0].code == "99492"
    assert dated.date_of_service == date(2026, 11, 20)
    short = row(rule_set=rules(dos_rule="threshold_date"), result=counted((3, 10), (10, 20)))
    assert short.date_of_service == date(2026, 11, 10)


def test_the_day_a_minimum_was_met_is_the_clinics_day():
    late = Entry(
        id="t",
        patient_id="p1",
        staff_id="cm",
        role="care_manager",
        activity="patient_contact",
        started_at=datetime(2026, 11, 10, 23, 0, tzinfo=ZONE).astimezone(UTC),
        seconds=3000,
        created_at=datetime(2026, 11, 12, tzinfo=UTC),
    )
    since = datetime(2026, 1, 1, tzinfo=UTC)
    result = count([late], Window(consent_at=since, enrolled_at=since), RULES.counting, NOVEMBER, ZONE)
    dated = row(rule_set=rules(dos_rule="threshold_date"), result=result)
    assert dated.date_of_service == date(2026, 11, 10)


def test_general_integration_is_one_line_without_a_consultant():
    episode = Episode(id="e1", programme="general_integration", started_on=date(2026, 11, 2))
    general = row(
        with_(episode=episode, evidence=Evidence(scales=EVIDENCE.scales, care_plans=EVIDENCE.care_plans))
    )
    assert [(line.code, line.charge_cents) for line in general.lines] == [("99484", 5400)]
    assert (general.status, general.flags, general.month_type) == ("ready", (), "general")
    beside = row(with_(episode=episode, other_codes=("99493",)))
    assert [note.code for note in beside.holds] == ["conflicting_code"]


def test_a_count_of_another_month_is_refused():
    with pytest.raises(ValueError, match=r"^month: "):
        row(result=counted((10, 90), month=Month(2026, 10)))


def test_two_rows_for_one_patient_or_one_person_are_found_before_export():
    twin = with_(patient_id="p2")
    someone = with_(patient_id="p3", given_name="Eva")
    found = batch_problems([row(), row(), row(twin), row(someone)])
    assert [(problem.code, problem.patient_ids) for problem in found] == [
        ("duplicate_patient_month", ("p1",)),
        ("same_person_twice", ("p1", "p2")),
    ]
    assert batch_problems([row(), row(someone)]) == ()


def cells(result: StatementRow) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, line, strict=True)) for line in table([result])]


def test_the_table_has_one_row_for_each_line_with_its_evidence():
    first, second = cells(row())
    assert (first["code"], first["units"], first["charge"]) == ("99492", 1, Decimal("162.40"))
    assert (second["code"], second["units"], second["charge"]) == ("99494", 1, Decimal("60"))
    assert first["diagnoses"] == "F32.1;F41.1"
    assert (first["consent_date"], first["consent_method"]) == (date(2026, 11, 2), "verbal")
    assert first["consultant_review_date"] == date(2026, 11, 12)
    assert (first["month_type"], first["episode_month_index"], first["rule_set"]) == (
        "initial",
        1,
        "cpt_midpoint@1",
    )
    assert (first["status"], first["holds"], first["prepared_by"]) == ("ready", "", "Iris Holt")


def test_a_month_without_a_line_keeps_its_row_and_its_minutes():
    (only,) = cells(row(minutes=9))
    assert (only["status"], only["code"], only["units"], only["charge"]) == (
        "nothing_to_bill",
        None,
        None,
        None,
    )
    assert (only["counted_minutes"], only["lines"]) == (9, "none")


def test_excluded_time_stands_on_the_row_by_reason_and_other_months_do_not():
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    entries = [
        Entry(
            id=str(number),
            patient_id="p1",
            staff_id="cm",
            role="care_manager",
            activity=activity,
            started_at=noon + timedelta(days=day),
            seconds=600,
            created_at=noon,
        )
        for number, (day, activity) in enumerate([(1, "clerical"), (2, "psychotherapy"), (60, "clerical")])
    ]
    since = datetime(2026, 1, 1, tzinfo=UTC)
    result = count(entries, Window(consent_at=since, enrolled_at=since), RULES.counting, NOVEMBER, ZONE)
    (only,) = cells(row(result=result))
    assert only["excluded_seconds_by_reason"] == "clerical 600;separately_reported 600"
    assert only["excluded_seconds"] == 1200


def test_a_hostile_name_reaches_the_spreadsheet_guarded_and_the_machine_file_as_it_is():
    rows = [row(with_(family_name='=HYPERLINK("//example.test")'))]
    sheet = list(
        csv.reader(io.StringIO(statement_csv(rows, "2026-11", "spreadsheet").content.decode("utf-8-sig")))
    )
    machine = list(csv.reader(io.StringIO(statement_csv(rows, "2026-11", "machine").content.decode())))
    place = ["file_profile", *COLUMNS].index("family_name")
    assert [line[place] for line in sheet[1:]] == ['\'=HYPERLINK("//example.test")'] * 2
    assert [line[place] for line in machine[1:]] == ['=HYPERLINK("//example.test")'] * 2
    assert machine[1][0] == PROFILE_LABEL["machine"]


def test_the_same_rows_give_the_same_bytes():
    assert statement_csv([row()], "m", "machine") == statement_csv([row()], "m", "machine")


def test_an_addition_stands_for_the_month_only_where_the_payer_takes_that_path():
    beside = with_(other_codes=("G0557",))
    held = row(beside)
    assert [line.code for line in held.lines] == ["99492", "99494"]
    assert "conflicting_code" in [note.code for note in held.holds]
    taken = row(beside, rule_set=rules(apcm_addons="use"))
    assert [(line.code, line.units) for line in taken.lines] == [("G0568", 1)]
    assert taken.date_of_service == date(2026, 11, 30)
    assert (taken.status, [note.code for note in taken.holds]) == ("held", ["same_practitioner"])
    confirmed = Release(
        holds=("same_practitioner",),
        by="Iris Holt",
        reason="Dr Roth reports both",
        at=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert row(with_(beside, releases=(confirmed,)), rule_set=rules(apcm_addons="use")).status == "released"
    short = row(beside, minutes=5, rule_set=rules(apcm_addons="use"))
    assert [line.code for line in short.lines] == ["G0568"]  # it is not timed
    contested = row(beside, minutes=20, rule_set=rules(apcm_addons="use", g2214_min=15))
    assert [note.code for note in contested.holds] == ["same_practitioner"]  # no G2214 is reported
    assert [line.code for line in row(rule_set=rules(apcm_addons="use")).lines] == ["99492", "99494"]


def test_a_code_out_of_force_holds_the_line_and_nobody_releases_it():
    assert [line.code for line in row(rule_set=rules(month_code="G0512")).lines] == ["G0512"]
    release = Release(
        holds=("code_not_in_force",), by="Iris Holt", reason="why not", at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    early = Month(2025, 11)
    held = statement_row(
        with_(other_codes=("G0557",), releases=(release,)), counted((10, 90), month=early),
        rules(apcm_addons="use"), early, zone=ZONE, today=TODAY, prepared_by="Iris Holt",
    )  # fmt: skip
    assert [note.words for note in held.holds if note.code == "code_not_in_force"] == [
        "Not in force for the whole month: G0568."
    ]
    assert held.status == "held"


MISSING = [
    ({"evidence": msgspec.structs.replace(EVIDENCE, review_outcomes=())}, "review_outcome", "no recorded outcome"),
    (
        {"evidence": msgspec.structs.replace(EVIDENCE, plan_changes_called_for=on("2026-11-12"))},
        "plan_update", "recommended on 2026-11-12",
    ),
    (
        {
            "evidence": msgspec.structs.replace(
                EVIDENCE, contacts=(Contacted("c", date(2026, 11, 10), date(2026, 11, 13)),)
            )
        },
        "registry_freshness", "1 of 1 were written down later",
    ),
    ({"next_contact": None}, "next_contact", "No next contact is agreed"),
    ({"next_contact": NextContact("e1", date(2026, 12, 8), has_purpose=False)}, "next_contact", "without its purpose"),
    ({"next_contact": NextContact("e1", date(2026, 10, 8), has_purpose=True)}, "next_contact", "No next contact"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "name", "says"), MISSING)
def test_a_missing_element_flags_the_row_and_says_what_to_do_and_who_can(facts, name, says):
    flagged = row(with_(**facts))
    element = next(element for element in flagged.elements if element.id == name)
    assert (element.state, element.holds) == ("failed", False)
    assert says in element.words
    assert element.fix
    assert element.fixers
    assert [note.code for note in flagged.flags] == [name]
    assert flagged.status == "ready"


def test_every_element_that_can_fail_says_how_to_mend_it():
    bare = with_(
        consent=None, initiating_visit=None, diagnoses=(), coverages=(), evidence=Evidence(), next_contact=None,
        practice=Practice(billing_npi=None, billing_tin=None, rendering_npi=None, other_billing_npis=("1",)),
    )  # fmt: skip
    for facts in (bare, msgspec.structs.replace(later(), evidence=Evidence())):
        failed = [element for element in row(facts).elements if element.state == "failed"]
        assert all(element.fix and element.fixers for element in failed)
    assert set(FIXES) >= {element.id for element in row(bare).elements}


def test_what_is_not_asked_of_a_finished_or_calm_month_is_not_applicable():
    ended = with_(
        episode=Episode(id="e1", started_on=date(2026, 11, 2), ended_on=date(2026, 11, 20)), next_contact=None
    )
    states = {element.id: element.state for element in row(ended).elements}
    assert (states["next_contact"], states["plan_update"]) == ("not_applicable", "passed")
    quiet = with_(
        evidence=msgspec.structs.replace(EVIDENCE, contacts=(), consultant_reviews=(), review_outcomes=())
    )
    states = {element.id: element.state for element in row(quiet).elements}
    assert (states["registry_freshness"], states["review_outcome"]) == ("not_applicable", "not_applicable")


@pytest.mark.parametrize(
    ("started", "written", "late"),
    [
        ("2026-11-10T20:00:00-05:00", "2026-11-10T23:59:00-05:00", False),
        ("2026-11-10T20:00:00-05:00", "2026-11-11T00:00:00-05:00", True),
        ("2026-11-10T23:50:00-05:00", "2026-11-11T00:10:00-05:00", False),  # the work ended after midnight
        ("2026-11-10T23:30:00-05:00", "2026-11-11T04:50:00+00:00", False),  # the clinic's day, not UTC's
    ],
)
def test_an_entry_written_on_a_later_day_than_its_work_is_flagged(started: str, written: str, late: bool):
    entry = Entry(
        id="t", patient_id="p1", staff_id="cm", role="care_manager", activity="patient_contact",
        started_at=datetime.fromisoformat(started).astimezone(UTC), seconds=1200,
        created_at=datetime.fromisoformat(written).astimezone(UTC),
    )  # fmt: skip
    since = datetime(2026, 1, 1, tzinfo=UTC)
    inputs = Inputs(
        month=NOVEMBER, zone="America/New_York", today=TODAY, prepared_by="Iris Holt", rule_set=RULES, facts=FACTS,
        window=Window(consent_at=since, enrolled_at=since), entries=(entry,),
    )  # fmt: skip
    flags = [note.code for note in derive(inputs).row.flags]
    assert ("late_entries" in flags) is late
    assert derive(decoded(encoded(inputs))) == derive(inputs)
    assert digest(inputs) == digest(decoded(encoded(inputs)))
