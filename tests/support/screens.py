"""Filled-in console pages with invented people, for tests of the templates and for looking at them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from staff_console import charts, marks
from staff_console.account.views import SignInPage, TotpPage
from staff_console.billing.views import BillingPage, BillingRow, Check, NotCounted, Summary
from staff_console.enrol.views import EnrolPage, ReferralPage
from staff_console.errors import ErrorPage
from staff_console.formats import Day, Moment, day, moment
from staff_console.formstate import Choice, FormState, filled
from staff_console.registry.views import (
    LABELS,
    Column,
    Filters,
    NextAction,
    Pager,
    RegistryPage,
    RegistryRow,
    SavedView,
)
from staff_console.setup.views import SetupGroup, SetupItem, SetupPage
from staff_console.shell import NAV, Flash, NavItem, RunningTimer, SafetyBanner, Shell, SignedIn, Undo
from staff_console.tasks.views import TaskLine, TasksPage
from staff_console.time.views import EntryDay, EntryLine, TimePage
from staff_console.today.views import (
    OutgoingLine,
    OverdueLine,
    SafetyLine,
    TodayPage,
    UnansweredLine,
    WaitingLine,
)

SEATTLE = ZoneInfo("America/Los_Angeles")
ROOTS = ("staff_console", "api")


def environment() -> Environment:
    return Environment(loader=FileSystemLoader(ROOTS), undefined=StrictUndefined, autoescape=True)


def on(text: str) -> Day:
    return day(date.fromisoformat(text))


def at(text: str) -> Moment:
    return moment(datetime.fromisoformat(text).replace(tzinfo=SEATTLE).astimezone(UTC), SEATTLE)


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(label.lower().replace(" ", "_"), label) for label in labels)


NOW = at("2026-11-23T14:05")


def shell(current: str | None = "today", **changes: object) -> Shell:
    nav = tuple(NavItem(i.key, i.label, i.href, i.keys, {"safety": 2, "tasks": 7}.get(i.key, 0)) for i in NAV)
    values: dict[str, object] = {
        "clinic": "Harbor Street Family Medicine",
        "mode": "demo",
        "now": NOW,
        "current": current,
        "person": SignedIn("Dana Whitlock", "Care manager"),
        "nav": nav,
        "timer": RunningTimer(
            "ALDERCOTT, Maren", "/patients/p1", "Phone contact", "2026-11-23T21:52:19+00:00", "12:41"
        ),
        "safety": SafetyBanner("1 safety event waits to be acknowledged, for 12 min", "/safety"),
    }
    return Shell(**(values | changes))  # type: ignore[arg-type]


def spark(*totals: int) -> charts.Sparkline:
    return charts.sparkline("PHQ-9", totals, 27, 10)


def phq(first: int, last: int, item9: int | None, *between: int) -> marks.ScoreCell:
    change = round((last - first) / first * 100)
    state: marks.Item9 = "missing" if item9 is None else "positive" if item9 else "zero"
    return marks.ScoreCell(
        instrument="PHQ-9",
        first=str(first),
        last=str(last),
        change=f"{'−' if change < 0 else '+'}{abs(change)} %",
        change_tone=marks.change_tone(change),
        last_tone=marks.severity_tone(last),
        last_on=on("2026-11-20"),
        item9=state,
        item9_text=marks.item9_words(state, item9),
        spark=spark(first, *between, last),
    )


def gad(first: int, last: int) -> marks.ScoreCell:
    change = round((last - first) / first * 100)
    text = f"{'−' if change < 0 else '+'}{abs(change)} %"
    return marks.ScoreCell(
        "GAD-7", str(first), str(last), text, marks.change_tone(change), marks.severity_tone(last), None
    )


def row(number: int, name: str, **changes: object) -> RegistryRow:
    values: dict[str, object] = {
        "patient_id": f"p{number}",
        "href": f"/patients/p{number}",
        "name": name,
        "mrn": f"40{number}17",
        "status": "active",
        "weeks": str(number * 3),
        "flags": (),
        "phq9": phq(16, 9, 0, 14, 11),
        "gad7": gad(12, 8),
        "check_in": marks.check_in_pill("scheduled", "27-Nov"),
        "last_contact": on("2026-11-16"),
        "next_action": NextAction("Call: sleep plan", on("2026-11-30")),
        "last_review": on("2026-11-12"),
        "review_late": False,
        "minutes": charts.minutes_bar(44, "99493", 76, (31,)),
    }
    return RegistryRow(**(values | changes))  # type: ignore[arg-type]


STALLED = marks.flag(
    "not_improving",
    "PHQ-9 17 on 28-Sep-2026, 15 on 20-Nov-2026: neither below 10 nor halved after 8 weeks (R-STALL-B).",
    "#answers",
)
UNSAFE = marks.flag("safety", "Item 9 answered 2 by text on 23-Nov-2026 (R-SAFETY).", "/safety/e1")
ROWS = (
    row(
        1,
        "ALDERCOTT, Maren",
        flags=(UNSAFE, marks.flag("discuss", "Flagged by Dana Whitlock on 20-Nov-2026.")),
        phq9=phq(17, 18, 2, 15, 16),
        gad7=gad(13, 14),
        check_in=marks.check_in_pill("done", "23-Nov"),
        next_action=NextAction("Safety contact", on("2026-11-23")),
        timer_runs=True,
    ),
    row(
        2,
        "BRANNOCK, Tobias",
        flags=(STALLED, marks.flag("overdue", "Next contact was due 17-Nov-2026.", detail="6 d")),
        phq9=phq(17, 15, 0, 16, 17),
        check_in=marks.check_in_pill("no_answer", "since 13-Nov", 2),
        next_action=NextAction("Call: new dose, side effects", on("2026-11-17"), "6 days late"),
        last_review=on("2026-10-08"),
        review_late=True,
        minutes=charts.minutes_bar(12, "", 31, ()),
    ),
    row(3, "CASTELLANOS-RUE, Inés", status="relapse prevention", phq9=phq(19, 4, 0, 15, 11, 7), gad7=gad(11, 3),
        flags=(marks.flag("response", "PHQ-9 below 10 and halved (R-RESP)."),)),
    row(4, "DUNMORE, Patience", phq9=phq(14, 12, None, 13), check_in=marks.check_in_pill("partial", "6 of 9"),
        minutes=charts.minutes_bar(82, "99493 + 99494", 106, (31, 76))),
    row(5, "EKWUEME-HART, Josiah", phq9=None, gad7=None, weeks="1", status="new",
        flags=(marks.flag("new", "Enrolled 19-Nov-2026, not reviewed yet (R-NEW)."),),
        check_in=marks.check_in_pill("sent", "13:02 PST"), last_contact=None, last_review=None,
        next_action=NextAction("First call", on("2026-11-24")), minutes=charts.minutes_bar(0, "", 36, ())),
    row(6, "FAIRWEATHER, Lucille", check_in=marks.check_in_pill("opted_out", "12-Nov"), gad7=None,
        minutes=charts.minutes_bar(33, "99493", 76, (31,))),
    row(7, "GRISWELL, Amadou", phq9=phq(21, 16, 1, 20, 18), gad7=gad(15, 12)),
    row(8, "HALLORAN-OYELARAN, Temperance", phq9=phq(11, 6, 0, 9)),
)  # fmt: skip

FILTERS = Filters(
    form=filled("filters", caseload="my_patients", status="", flag="not_improving"),
    caseloads=choices("My patients", "Whole clinic"),
    statuses=(Choice("", "Any"), *choices("Active", "Relapse prevention", "On hold")),
    flags=(Choice("", "Any"), *choices("Safety", "Discuss", "Overdue", "Not improving")),
    check_ins=(Choice("", "Any"), *choices("Sent", "Partial", "No answer", "Opted out")),
    clinicians=(Choice("", "Any"), Choice("c1", "Dr. R. Okafor-Lindqvist")),
    active=1,
    rule_text="Not improving: 8 weeks or more in treatment, and the last PHQ-9 is neither below 10 nor half of the first.",
)
VIEWS = (
    SavedView("My patients", "/registry", 23, True),
    SavedView("For the case review", "/registry?view=review", 6),
    SavedView("Whole clinic", "/registry?caseload=clinic", 86),
)
REGISTRY = RegistryPage(
    as_of=NOW,
    columns=tuple(
        Column(key, label, f"/registry?sort={key}", "ascending" if key == "flags" else "none")
        for key, label in LABELS
    ),
    rows=ROWS,
    filters=FILTERS,
    views=VIEWS,
    pager=Pager("1-8 of 23", next_href="/registry?after=r8"),
    order_text="safety, discuss, overdue, name",
)
TODAY = TodayPage(
    heading="Monday, 23-Nov-2026",
    as_of=NOW,
    safety=(
        SafetyLine("/safety/e1", "ALDERCOTT, Maren", "Item 9 answered 2, by text", 2, "12 min", "acknowledge within 30 min", False, "Dana Whitlock"),
        SafetyLine("/safety/e2", "TESTPATIENT, Drill", "Item 9 answered 1, by portal", 1, "1 h 20 min", "acknowledge within 4 h", False, "Dana Whitlock", True),
    ),
    overdue=(
        OverdueLine("/patients/p2", "BRANNOCK, Tobias", on("2026-11-17"), "6 days late", "Call: new dose, side effects", (STALLED,)),
        OverdueLine("/patients/p6", "FAIRWEATHER, Lucille", on("2026-11-20"), "3 days late", "Call: relapse plan"),
    ),
    waiting=(
        WaitingLine("/tasks#task-1", "DUNMORE, Patience", "Reply: asks to move Thursday's call", "3 h 05 min", "for you"),
        WaitingLine("/tasks#task-2", "BRANNOCK, Tobias", "Approval: raise the dose", "2 days 4 h", "Dr. R. Okafor-Lindqvist"),
    ),
    unanswered=(UnansweredLine("/patients/p2", "BRANNOCK, Tobias", at("2026-11-13T10:00"), "Two check-ins"),),
    outgoing=(OutgoingLine("15:00-16:00 PST", 4, 2), OutgoingLine("17:00-18:00 PST", 3, 0)),
    outgoing_note="In each patient's own zone, between 09:00 and 20:00. One demo patient lives in America/Denver.",
    waiting_more=5,
)  # fmt: skip
QUIET_DAY = TodayPage("Monday, 23-Nov-2026", NOW, (), (), (), (), ())
TASKS = TasksPage(
    tasks=(
        TaskLine("1", "Reply", "circle", "info", "Answer a text", "Text outside a check-in, 23-Nov-2026 11:00 PST.", "DUNMORE, Patience", "/patients/p4", "3 h 05 min", on("2026-11-23"), False, "You", "Can we do Friday instead of Thursday? My shift changed\nsorry", True),
        TaskLine("2", "Approval", "diamond", "warn", "Sertraline 50 to 100 mg", "Recommended at the case review of 12-Nov-2026.", "BRANNOCK, Tobias", "/patients/p2", "2 days 4 h", on("2026-11-20"), True, "Dr. R. Okafor-Lindqvist"),
        TaskLine("3", "Unknown number", "ring", "quiet", "Who is 206-555-0177?", "A text from a number that belongs to no patient.", "", "", "25 min", None, False, "Nobody yet", "is this still the doctors office"),
    ),
    views=(SavedView("Mine", "/tasks", 3, True), SavedView("Everyone's", "/tasks?of=all", 7)),
    pager=Pager("1-3 of 3"),
)  # fmt: skip
NO_TASKS = TasksPage((), (SavedView("Mine", "/tasks", 0, True),), Pager(""))

CHECKS = (
    Check("passed", "Agreement: verbal, 28-Sep-2026"),
    Check("passed", "Initiating visit: 21-Sep-2026"),
    Check("passed", "Care plan version 2"),
    Check("passed", "PHQ-9 this month: 20-Nov-2026"),
    Check("missing", "Case review this month"),
    Check("not_applicable", "Relapse plan"),
)


def billing_row(number: int, name: str, **changes: object) -> BillingRow:
    values: dict[str, object] = {
        "line_id": f"b{number}", "patient": name, "mrn": f"40{number}17", "patient_href": f"/patients/p{number}",
        "payer": "Cascadia Health Plan", "rule_set": "midpoint, version 3", "month_type": "Later month (3rd)",
        "bar": charts.minutes_bar(44, "99493", 76, (31,)), "counted": 44, "not_counted": (), "codes": ("99493",),
        "no_code": "", "checks": CHECKS, "state": "ready", "packet_href": f"/billing/2026-11/b{number}/packet",
    }  # fmt: skip
    return BillingRow(**(values | changes))  # type: ignore[arg-type]


BILLING = BillingPage(
    month="2026-11", month_text="November 2026", previous_href="/billing/2026-10", next_href="", as_of=NOW,
    summary=(Summary("Patients with time", "38"), Summary("Ready", "29"), Summary("On hold", "3", "release with a reason"), Summary("Counted", "31 h 12 min"), Summary("Not counted", "2 h 40 min", "each minute says why")),
    rows=(
        billing_row(1, "ALDERCOTT, Maren", not_counted=(NotCounted(8, "same time as another entry, counted once"), NotCounted(5, "before the agreement of 28-Sep-2026"))),
        billing_row(4, "DUNMORE, Patience", codes=("99493", "99494 x1"), counted=82, bar=charts.minutes_bar(82, "99493 + 99494", 106, (31, 76))),
        billing_row(5, "EKWUEME-HART, Josiah", month_type="First month", codes=(), no_code="No line: 12 min; the first at 16 min.", counted=12, bar=charts.minutes_bar(12, "", 16, ()), state="none", packet_href=""),
        billing_row(7, "GRISWELL, Amadou", state="held", checks=(Check("held", "No agreement recorded before the first minute"), *CHECKS[1:])),
    ),
    csv_href="/billing/2026-11/export.csv", xlsx_href="/billing/2026-11/export.xlsx",
    rule_note="Seconds are summed over the month and cut to whole minutes once. Suggested by rule set \"midpoint\", version 3.",
    form=FormState("close"), near=("FAIRWEATHER, Lucille: 29 min, next line at 31",),
)  # fmt: skip
TIME = TimePage(
    month_text="November 2026", zone="PST",
    days=(
        EntryDay(on("2026-11-23"), "38 min", (
            EntryLine("t1", "ALDERCOTT, Maren", "/patients/p1", "09:10", "Phone contact", "22", "22 of 22 min"),
            EntryLine("t2", "BRANNOCK, Tobias", "/patients/p2", "09:24", "Chart review", "16", "8 of 16 min", "8 min not counted: same time as the entry of 09:10"),
        )),
        EntryDay(on("2026-11-20"), "15 min", (EntryLine("t3", "DUNMORE, Patience", "/patients/p4", "16:40", "Case review", "15", "15 of 15 min", "", "was 25, corrected by Dana Whitlock: timer left on"),)),
    ),
    totals=(("Logged", "19 h 40 min"), ("Counted", "18 h 55 min"), ("Not counted", "45 min")),
    form=FormState("edit", {"on": ("2026-11-23",), "minutes": ("16",), "activity": ("chart_review",)}, {"reason": "Say why the entry is corrected."}),
    activities=choices("Phone contact", "Chart review", "Case review"),
    editing="t2", editing_title="Correct the entry of 23-Nov-2026 09:24", previous_href="/time?month=2026-10",
)  # fmt: skip
SETUP = SetupPage(
    clinic="Harbor Street Family Medicine", mode="simulation", passed=3, total=6,
    gates_left=("On-call contact", "A passed drill"),
    groups=(
        SetupGroup("Safety first", "days 1-10", (
            SetupItem("policy", "Item-9 policy signed", "Names who answers, and how fast, for each tier.", "passed", "Signed by Dr. R. Okafor-Lindqvist, 10-Nov-2026.", True, href="/setup/policy"),
            SetupItem("oncall", "On-call contact", "Somebody is paged at every hour.", "failed", "No contact for Saturday 00:00-08:00.", True, test_label="Test now"),
            SetupItem("drill", "A passed drill", "A marked test event is acknowledged in time.", "open", "", True, test_label="Start a drill"),
        )),
        SetupGroup("Texts and links", "days 5-15", (
            SetupItem("url", "Public address", "Links and webhooks reach this server.", "passed", "Answered in 84 ms.", True, test_label="Test again"),
            SetupItem("help", "HELP text", "What a patient reads after HELP.", "passed", "", True),
            SetupItem("voicemail", "Voicemail greeting", "Says that messages are not read around the clock.", "open", "", False, confirm_label="Confirm"),
        )),
    ),
    form=FormState("live"),
)  # fmt: skip

REFERRAL = ReferralPage(
    form=FormState("refer", {"family": ("Ingersoll",), "phone": ("206-555-01",)}, {"phone": "Enter a full phone number, such as 206-555-0123.", "safety_checked": "Ask about urgent risk before you refer."}),
    conditions=choices("Depression", "Anxiety", "Both", "Other"),
    clinicians=choices("Dr. R. Okafor-Lindqvist", "P. Vantongeren NP"),
    script="\"A care manager will call you this week. You stay with us; the team helps between visits.\"",
    safety_line="If there is urgent risk, follow the safety protocol first: a referral is read within a working day, not at once.",
)  # fmt: skip
ENROL = EnrolPage(
    form=FormState("enrol", {"family": ("Ingersoll",), "given": ("Rosalind",), "channel": ("link",), "interval": ("every_14_days",)}, {"consent_method": "Say how the patient agreed.", "channel": "Item texts need the acknowledgement first."}),
    referral="Referred by Dr. R. Okafor-Lindqvist on 19-Nov-2026",
    diagnoses=(Choice("F32.1", "F32.1 Depression, single episode, moderate"), Choice("F41.1", "F41.1 Generalized anxiety")),
    clinicians=choices("Dr. R. Okafor-Lindqvist"), consultants=choices("Dr. S. Thibodeaux-Rao"), care_managers=choices("Dana Whitlock"),
    languages=choices("English", "Spanish"), zones=(Choice("America/Los_Angeles", "Pacific (Los Angeles)"),),
    consent_methods=choices("Verbal", "Written"),
    channels=(Choice("link", "Neutral text with a link", "The text names nothing. The questions are on a private page."), Choice("items", "Questions in the texts", "Needs the acknowledgement that texts are not encrypted."), Choice("phone", "By phone, no texts")),
    phone_owners=choices("Patient", "Shared"), intervals=choices("Every 14 days", "Every 28 days"), weekdays=choices("Tuesday", "Friday"),
    windows=choices("Morning", "Afternoon"), payers=choices("Cascadia Health Plan"),
    care_script="Your doctor works with a team here. I check in with you between visits, and a psychiatrist advises your doctor. You can stop at any time.",
    care_script_version="care-en-3", texting_script="Texts are not encrypted and others may see them. They are not for emergencies. You can stop them at any time.",
    texting_script_version="texting-en-2", duplicate_of="INGERSOLL, Rosalind, born 02-Mar-1979", duplicate_href="/patients/p9",
)  # fmt: skip
SIGN_IN = SignInPage(
    FormState("sign-in", {"email": ("dana@example.org",)}, {"password": "E-mail or password is not right."}),
    "/registry",
    "You were signed out after 15 minutes without activity.",
)
LOST = ErrorPage(
    404, "This page does not exist", "It may have moved, or it belongs to another clinic.", "req-8f21"
)
FLASHES = (
    Flash(
        "done",
        "Contact saved. Next contact 30-Nov-2026.",
        Undo("/patients/p1/contacts/c9/undo", "Undo"),
    ),
)
SIGNED_OUT = {"person": None, "timer": None, "safety": None, "current": None}

SCREENS: dict[str, tuple[str, Shell, object]] = {
    "sign_in": ("account/sign_in.html", shell(**SIGNED_OUT), SIGN_IN),
    "totp": ("account/totp.html", shell(**SIGNED_OUT), TotpPage(FormState("totp"), "/sign-in/recovery")),
    "today": ("today/today.html", shell("today"), TODAY),
    "today_empty": ("today/today.html", shell("today", safety=None, timer=None, mode="live"), QUIET_DAY),
    "registry": ("registry/registry.html", shell("registry"), REGISTRY),
    "tasks": ("tasks/tasks.html", shell("tasks"), TASKS),
    "tasks_empty": ("tasks/tasks.html", shell("tasks", safety=None), NO_TASKS),
    "billing": ("billing/month.html", shell("billing"), BILLING),
    "time": ("time/time.html", shell("account"), TIME),
    "setup": ("setup/setup.html", shell("setup", mode="simulation"), SETUP),
    "referral": ("enrol/referral.html", shell("registry"), REFERRAL),
    "enrol": ("enrol/enrol.html", shell("registry"), ENROL),
    "error": ("templates/error.html", shell(None), LOST),
}
