"""The patient page and the safety pages, filled in with invented people."""

from datetime import date

from staff_console import charts, marks, thread
from staff_console.formstate import Choice, FormState, filled
from staff_console.patient.views import (
    AnswerRow,
    AnswersTable,
    Banner,
    CarePanel,
    ConsentLine,
    ContactEntry,
    LinkGroup,
    NextPanel,
    PatientPage,
    ReplyForm,
    ScoreRow,
    TimeLine,
    TimelineEvent,
    TimePanel,
    TreatmentChange,
    TrendPanel,
)
from staff_console.safety.views import EventLine, EventPage, Fact, LogLine, SafetyPage, Step, StepState
from staff_console.shell import Shell
from tests.support.screens import FLASHES, NOW, STALLED, UNSAFE, at, choices, on, shell

PHQ9_BANDS = (
    charts.Band(0, 4, "minimal", "minimal"),
    charts.Band(5, 9, "mild", "mild"),
    charts.Band(10, 14, "moderate", "moderate"),
    charts.Band(15, 19, "mod. severe", "moderately-severe"),
    charts.Band(20, 27, "severe", "severe"),
)
GAD7_BANDS = (
    charts.Band(0, 4, "minimal", "minimal"),
    charts.Band(5, 9, "mild", "mild"),
    charts.Band(10, 14, "moderate", "moderate"),
    charts.Band(15, 21, "severe", "severe"),
)
PHQ9_SCORES = (
    charts.Score(date(2026, 8, 31), 17, True, 1),
    charts.Score(date(2026, 9, 14), 19, True, 1),
    charts.Score(date(2026, 9, 28), 15, True, 0),
    charts.Score(date(2026, 10, 12), 13.5, False, None),
    charts.Score(date(2026, 10, 26), 16, True, 0),
    charts.Score(date(2026, 11, 9), None, False, None),
    charts.Score(date(2026, 11, 23), 18, True, 2),
)
GAD7_SCORES = tuple(
    charts.Score(date(2026, month, number), total, True)
    for month, number, total in ((8, 31, 13), (9, 28, 11), (10, 26, 12), (11, 23, 14))
)
CHANGES = (
    charts.Change(date(2026, 9, 17), 1, "Sertraline 50 mg started"),
    charts.Change(date(2026, 10, 29), 2, "Behavioural activation weekly"),
)


def score_row(day: str, total: str, band: str, tone: marks.Tone, item9: str, positive: bool) -> ScoreRow:
    return ScoreRow(on(day), "PHQ-9", total, band, tone, item9, positive, "text", "#answers")


PHQ9_ROWS = (
    score_row("2026-11-23", "18", "mod. severe", "bad", "2", True),
    score_row("2026-11-09", "6 of 9", "", "quiet", "not answered", False),
    score_row("2026-10-26", "16", "mod. severe", "bad", "0", False),
    score_row("2026-10-12", "≈13.5", "", "quiet", "not answered", False),
    score_row("2026-09-28", "15", "mod. severe", "bad", "0", False),
    score_row("2026-09-14", "19", "mod. severe", "bad", "1", True),
    score_row("2026-08-31", "17", "mod. severe", "bad", "1", True),
)
GAD7_ROWS = tuple(
    ScoreRow(on(day), "GAD-7", total, "moderate", "warn", "", False, "portal", "#answers")
    for day, total in (
        ("2026-11-23", "14"),
        ("2026-10-26", "12"),
        ("2026-09-28", "11"),
        ("2026-08-31", "13"),
    )
)
UNTIL = date(2026, 11, 23)
TRENDS = (
    TrendPanel(
        charts.trend("phq9", "PHQ-9", PHQ9_SCORES, PHQ9_BANDS, 10, CHANGES, UNTIL),
        PHQ9_ROWS,
        "17 → 18, +6 %. Not halved after 12 weeks (R-STALL-B, version 1).",
        item9=True,
    ),
    TrendPanel(
        charts.trend("gad7", "GAD-7", GAD7_SCORES, GAD7_BANDS, None, CHANGES, UNTIL),
        GAD7_ROWS,
        "13 → 14, +8 %.",
    ),
)
ANSWERS = AnswersTable(
    instrument="PHQ-9",
    stem="Over the last 2 weeks, how often have you been bothered by any of the following problems?",
    columns=(on("2026-11-23"), on("2026-11-09")),
    rows=(
        AnswerRow(1, "Little interest or pleasure in doing things", ("2", "2")),
        AnswerRow(2, "Feeling down, depressed, or hopeless", ("3", "2")),
        AnswerRow(3, "Trouble falling or staying asleep, or sleeping too much", ("3", "1")),
        AnswerRow(
            9,
            "Thoughts that you would be better off dead, or of hurting yourself in some way",
            ("2", ""),
            True,
        ),
    ),
    totals=("18", "6 of 9"),
    credit="Developed by Drs. Robert L. Spitzer, Janet B.W. Williams, Kurt Kroenke and colleagues, with an educational grant from Pfizer Inc. No permission required to reproduce, translate, display or distribute.",
)
THREAD = thread.by_day(
    (
        thread.sent("Check-in", "Harbor Street: your check-in is ready. Reply 1 to start, STOP to end texts.", at("2026-11-20T10:00"), "delivered"),
        thread.received("Patient", "1", at("2026-11-20T10:04"), "Start"),
        thread.sent("Dana Whitlock", "Thanks. I'll call Monday at 2.", at("2026-11-20T16:20"), "accepted"),
        thread.received("Patient", "ok thank u", at("2026-11-20T16:31")),
        thread.sent("Check-in", "(9 of 9) Thoughts that you would be better off dead, or of hurting yourself in some way\n0 Not at all\n1 Several days\n2 More than half the days\n3 Nearly every day", at("2026-11-23T13:51"), "delivered"),
        thread.received("Patient", "2", at("2026-11-23T13:53"), "Answer 2 to item 9; safety event opened"),
        thread.sent("Crisis text", "Thank you for telling us. Call or text 988 any time, or 911 in an emergency. Your team has been told.", at("2026-11-23T13:53"), "unknown", reason="The provider did not answer; it is being asked."),
        thread.sent("Reminder", "Your next call is Monday.", at("2026-11-23T13:54"), "suppressed", reason="Replaced by the safety text."),
    )
)  # fmt: skip
TIME = TimePanel(
    month="November 2026",
    bar=charts.minutes_bar(44, "99493", 76, (31,)),
    counted="44 min counted",
    not_counted="8 min not counted",
    lines=(
        TimeLine("t1", on("2026-11-23"), "Dana Whitlock", "Phone contact", "22", "", edit_href="/time/t1"),
        TimeLine("t2", on("2026-11-20"), "Dana Whitlock", "Chart review", "16", "before the call", "8 min overlap the entry of 09:10; counted once", "/time/t2"),
        TimeLine("t3", on("2026-11-12"), "Dr. S. Thibodeaux-Rao", "Case review", "14", "joint, counts once"),
    ),
    form=filled("time", on="2026-11-23"),
    activities=choices("Chart review", "Care coordination", "Registry work"),
    rule_set="Cascadia Health Plan, midpoint v3",
    zone="PST",
)  # fmt: skip
NEXT = NextPanel(
    contact="30-Nov-2026 14:00 PST, phone",
    purpose="How the new dose goes",
    late="",
    check_ins="PHQ-9 and GAD-7 every 14 days at 10:00 on the patient's clock, by text with a link",
    next_check_in="04-Dec-2026 10:00, patient's time",
    missing="",
    zone="PST",
    contact_form=FormState("contact", {"on": ("2026-11-30",), "at": ("14:00",), "mode": ("phone",), "version": ("3",)}, {"purpose": "What it will cover is needed."}),
    modes=choices("Phone", "Video", "In person"),
    plan_form=filled("plan", every_days="14", anchor_on="2026-11-20", local_time="10:00", version="2"),
    cadences=(Choice("0", "No check-ins"), Choice("14", "Every 14 days")),
    discuss=True,
)  # fmt: skip
PATIENT = PatientPage(
    patient_id="p1",
    banner=Banner("ALDERCOTT, Maren", on("1984-04-09"), "42 y", "40117", "Active, week 13", "English", "Care agreement 28-Aug-2026", "good", "Texts: questions by text", "good", "Open safety event, tier 2", "bad", "/safety/e1"),
    flags=(UNSAFE, STALLED, marks.flag("discuss", "Flagged by Dana Whitlock on 20-Nov-2026.")),
    check_in=marks.check_in_pill("done", "23-Nov-2026 13:53 PST"),
    trends=TRENDS,
    changes=tuple(TreatmentChange(c.number, on(c.on.isoformat()), c.text) for c in CHANGES),
    answers=(ANSWERS,),
    thread=THREAD,
    thread_zone="PST",
    reply=ReplyForm(FormState("reply"), "Goes to the phone ending 0142 at once, in the patient's daytime (14:05 PST)."),
    next=NEXT,
    time=TIME,
    consents=(
        ConsentLine("Collaborative care", "given", "good", "Verbal, 28-Aug-2026, taken by Dana Whitlock, text care-en-3"),
        ConsentLine("Questions by text", "given", "good", "Acknowledged on 28-Aug-2026 that texts are not encrypted, text texting-en-2"),
        ConsentLine("Voicemail", "not given", "quiet", "Asked on 28-Aug-2026"),
        ConsentLine("Emergency contact", "given", "good", "J. Aldercott, 206-555-0166, partner"),
    ),
    timeline=(
        TimelineEvent("safety", at("2026-11-23T13:53"), "Safety event opened, tier 2", "Item 9 answered 2.", "check-in", "/safety/e1"),
        TimelineEvent("score", at("2026-11-23T13:53"), "PHQ-9 18", "By text.", "patient", "#answers"),
        TimelineEvent("contact", at("2026-11-16T14:00"), "Phone contact, 18 min", "Sleeping 5 hours. Two missed doses.", "Dana Whitlock"),
        TimelineEvent("review", at("2026-11-12T12:10"), "Case review", "Consider 100 mg if the next score is 15 or more.", "Dr. S. Thibodeaux-Rao"),
        TimelineEvent("change", at("2026-10-29T09:00"), "Behavioural activation weekly", "", "Dr. R. Okafor-Lindqvist"),
    ),
    team=(("Treating clinician", "Dr. R. Okafor-Lindqvist"), ("Care manager", "Dana Whitlock"), ("Consultant", "Dr. S. Thibodeaux-Rao")),
    care=CarePanel(
        contacts=(
            ContactEntry(at("2026-11-16T14:00"), "Phone call", "Spoke with the patient", "Dana Whitlock", "/patients/p1/contacts/c1", True),
            ContactEntry(at("2026-11-12T09:10"), "Attempt, phone", "Left a message", "Dana Whitlock", "/patients/p1/contacts/c2", False),
        ),
        unfiled=1,
        may_record=True,
        links=(LinkGroup("Plans", (("Care plan", "/patients/p1/plans/care"), ("Safety plan", "/patients/p1/plans/safety"))),),
        notice="Not reached by 3 tries in 22 days: decide whether to close.",
        notice_href="/patients/p1/closing",
    ),
    older_texts_href="/patients/p1?texts_before=m90",
    unread=2,
)  # fmt: skip


def event_line(name: str, **changes: object) -> EventLine:
    values: dict[str, object] = {
        "href": "/safety/e1", "patient": name, "mrn": "40117", "trigger": "Item 9 answered 2, by text", "tier": 2,
        "opened": at("2026-11-23T13:53"), "age": "12 min", "clock": "acknowledge by 14:23 PST", "late": False,
        "owner": "Paged: Dana Whitlock", "state": "Not acknowledged",
    }  # fmt: skip
    return EventLine(**(values | changes))  # type: ignore[arg-type]


SAFETY = SafetyPage(
    as_of=NOW,
    open=(
        event_line("GRISWELL, Amadou", tier=1, trigger="Item 9 answered 1, by portal", age="5 h 40 min", late=True, clock="attempt was due 12:25 PST", state="Acknowledged", owner="Dana Whitlock"),
        event_line("ALDERCOTT, Maren"),
        event_line("TESTPATIENT, Drill", drill=True, tier=1),
    ),
    closed=(event_line("DUNMORE, Patience", state="Closed by Dr. R. Okafor-Lindqvist", clock="closed in 5 h 10 min", owner="Dana Whitlock"),),
    alerted="the patient's care manager, else Dr. R. Okafor-Lindqvist",
    gap="Nobody is named for patients without a care manager. Name somebody in Setup.",
    policy="version 3, signed 10-Nov-2026",
)  # fmt: skip
STEPS: tuple[tuple[Step, str], ...] = (
    ("acknowledge", "Acknowledge"),
    ("attempt", "Reach the patient"),
    ("assess", "Assess"),
    ("dispose", "Disposition and next contact"),
    ("confirm", "Second person closes"),
)


def event(step: Step, **changes: object) -> EventPage:
    order = [key for key, _ in STEPS]
    due = order.index(step) if step in order else len(order)
    values: dict[str, object] = {
        "event_id": "e1", "patient": "ALDERCOTT, Maren", "patient_href": "/patients/p1", "born": on("1984-04-09"),
        "mrn": "40117", "phone": "206-555-0142", "tier": 2, "trigger": "Item 9 answered 2, by text",
        "opened": at("2026-11-23T13:53"), "age": "12 min", "clock": "acknowledge by 14:23 PST", "late": False,
        "owner": "Paged: Dana Whitlock",
        "facts": (Fact("Answer", "2, “More than half the days”, 13:53 PST", "/patients/p1#answers"), Fact("Before", "0 on 26-Oct-2026, 1 on 14-Sep-2026"), Fact("Patient was told", "988 and 911, by text; not known if sent")),
        "steps": tuple(StepState(label, "done" if index < due else "due" if index == due else "later", "by 14:23 PST" if index == due else "") for index, (_, label) in enumerate(STEPS)),
        "step": step, "form": FormState("step"),
        "log": (LogLine(at("2026-11-23T13:53"), "check-in", "Event opened"), LogLine(at("2026-11-23T13:53"), "system", "Paged Dana Whitlock", "Accepted by the provider, not acknowledged", "warn")),
        "channels": choices("Phone", "Text", "In person"), "outcomes": choices("Reached", "Voicemail", "No answer"),
        "tools": choices("Structured interview"), "levels": choices("Low", "Moderate", "High"),
        "dispositions": choices("Stays in care with plan", "Emergency department"), "modes": choices("Phone", "Video"), "zone": "PST",
        "contacts": (Fact("Patient", "206-555-0142", "tel:+12065550142"), Fact("Emergency contact", "J. Aldercott, 206-555-0166", "tel:+12065550166"), Fact("Crisis line", "988", "tel:988")),
    }  # fmt: skip
    return EventPage(**(values | changes))  # type: ignore[arg-type]


BLOCKED = {
    "may_close": False,
    "may_not_close": "You wrote the disposition. A second person closes a tier 2 event.",
}
CLINICAL_SCREENS: dict[str, tuple[str, Shell, object]] = {
    "patient": ("patient/patient.html", shell("registry", flashes=FLASHES), PATIENT),
    "safety": ("safety/safety.html", shell("safety"), SAFETY),
    **{f"event_{step}": ("safety/event.html", shell("safety"), event(step)) for step, _ in STEPS},
    "event_others": (
        "safety/event.html",
        shell("safety"),
        event(
            "attempt",
            others=(
                ("assess", FormState("assess")),
                ("dispose", FormState("dispose")),
                ("note", FormState("note", {}, {"note": "Note is needed."})),
            ),
        ),
    ),
    "event_unknown_number": (
        "safety/event.html",
        shell("safety"),
        event("dispose", patient="Unknown number", patient_href="", born=None, mrn="", has_patient=False),
    ),
    "event_closed": ("safety/event.html", shell("safety"), event("closed")),
    "event_blocked": ("safety/event.html", shell("safety"), event("confirm", **BLOCKED)),
}
