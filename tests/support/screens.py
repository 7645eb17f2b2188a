"""Filled-in console pages with invented people, for tests of the templates and for looking at them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from staff_console import charts, marks
from staff_console.account import presenter as account
from staff_console.account.views import (
    AccountPage,
    ClinicsPage,
    CodesPage,
    SignInPage,
    TotpPage,
    TotpSetupPage,
)
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
from staff_console.search.views import FoundLine, SearchPage
from staff_console.setup.views import PersonLine, SetupGroup, SetupItem, SetupPage
from staff_console.shell import NAV, Flash, NavItem, SafetyBanner, Shell, SignedIn, TimerStart, Undo
from staff_console.tasks.views import TaskLine, TasksPage
from staff_console.time.views import Editing, EntryDay, EntryLine, TimePage
from staff_console.today.views import (
    CoverLine,
    CoverPanel,
    DueLine,
    OutgoingLine,
    OverdueLine,
    ReferralLine,
    SafetyLine,
    StepLine,
    TodayPage,
    UnansweredLine,
    UnplannedLine,
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
    nav = tuple(
        NavItem(i.key, i.label, i.href, i.keys, i.roles, {"safety": 2, "tasks": 7}.get(i.key, 0)) for i in NAV
    )
    values: dict[str, object] = {
        "clinic": "Harbor Street Family Medicine",
        "mode": "demo",
        "now": NOW,
        "current": current,
        "person": SignedIn("Dana Whitlock", "Care manager"),
        "nav": nav,
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
        "others": (),
        "gad7": gad(12, 8),
        "check_in": marks.check_in_pill("scheduled", "27-Nov"),
        "last_contact": on("2026-11-16"),
        "contacts": str(number * 2),
        "next_action": NextAction("Call: sleep plan", on("2026-11-30")),
        "last_review": on("2026-11-12"),
        "review_late": False,
        "minutes": charts.minutes_bar(44, "99493", 76, (31,)),
        "id": f"e{number}",
        "timing": number == 2,
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
    dues=(Choice("", "Any"), *choices("Today", "In the next 7 days")),
    active=1,
    rule_text="Not improving: 8 weeks or more in treatment, and the last PHQ-9 is neither below 10 nor half of the first.",
)
VIEWS = (
    SavedView("My patients", "/registry", "23", True),
    SavedView("For the case review", "/registry?view=review", "6"),
    SavedView("Whole clinic", "/registry?caseload=clinic", "86"),
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
    view_form=FormState("view"),
    view_fields={"caseload": "clinic"},
    covering="Morgan Ellery",
    start=TimerStart("", "patient_contact", "/registry?caseload=clinic"),
)
COVER = CoverPanel(
    standing_in="Morgan Ellery",
    lines=(
        CoverLine("Dana Whitlock for Morgan Ellery, 23-Nov-2026 to 27-Nov-2026", "/cover/c1/end"),
        CoverLine("Robin Field for Casey Moore, 01-Dec-2026 to 04-Dec-2026", ""),
    ),
    form=FormState("cover", {}, {"until_on": "The last day is before the first day."}),
    absent=choices("Dana Whitlock"),
    colleagues=choices("Morgan Ellery", "Robin Field"),
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
    due=(DueLine("/patients/p3", "CASTERBRIDGE, Ofelia", "14:30", "Phone", "/patients/p3/contact"),),
    referrals=(ReferralLine("/enrol/p8", "WEXCOMBE, Tilda", "2 days 4 h"),),
    waiting=(
        WaitingLine("/tasks#task-1", "DUNMORE, Patience", "Reply: asks to move Thursday's call", "3 h 05 min", "for you"),
        WaitingLine("/tasks#task-2", "BRANNOCK, Tobias", "Approval: raise the dose", "2 days 4 h", "Dr. R. Okafor-Lindqvist"),
    ),
    unanswered=(UnansweredLine("/patients/p2", "BRANNOCK, Tobias", at("2026-11-13T10:00"), "Two check-ins"),),
    outgoing=(OutgoingLine("15:00-16:00 PST", 4, 2), OutgoingLine("17:00-18:00 PST", 3, 0)),
    unplanned=(UnplannedLine("/patients/p7", "GRISWELL, Amadou"),),
    steps=(StepLine("/patients/p6/rules#steps", "FAIRWEATHER, Lucille", "Step down to relapse prevention", on("2026-11-20"), True),),
    cover=COVER,
    whose="mine",
    unplanned_more=1,
    outgoing_note="In each patient's own zone, between 09:00 and 20:00. One demo patient lives in America/Denver.",
    waiting_more=5,
)  # fmt: skip
QUIET_DAY = TodayPage(
    "Monday, 23-Nov-2026",
    NOW,
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    msgspec.structs.replace(COVER, standing_in="", lines=()),
    "clinic",
)
TASK_OUTCOMES = choices("Answered", "Called")
TASKS = TasksPage(
    tasks=(
        TaskLine("1", "Text", "circle", "info", "Text to read", "From 206-555-0142.", "DUNMORE, Patience", "/patients/p4#texts", "3 h 05 min", on("2026-11-23"), False, "You", FormState("task-1"), "Can we do Friday instead of Thursday? My shift changed\nsorry", True),
        TaskLine("2", "Task", "clock", "warn", "Check-in not answered: call", "A check-in that needs a person.", "BRANNOCK, Tobias", "/patients/p2", "2 days 4 h", on("2026-11-20"), True, "Dana Whitlock", FormState("task-2", {}, {"outcome": "What came of it is needed."})),
        TaskLine("3", "Text", "circle", "info", "Text from a number we don't know", "From 206-555-0177.", "", "", "25 min", on("2026-11-23"), False, "Nobody yet", FormState("task-3"), "is this still the doctors office"),
        TaskLine("4", "Safety", "octagon", "bad", "Safety event to handle", "A safety event.", "ALDERCOTT, Maren", "/safety/e1", "12 min", on("2026-11-23"), False, "Dana Whitlock", FormState("task-4"), by_hand=False),
    ),
    views=(SavedView("Mine and nobody's", "/tasks", None, True), SavedView("Whole clinic", "/tasks?view=all", "7")),
    pager=Pager("4 tasks on this page"),
    outcomes=TASK_OUTCOMES,
    empty_text="",
)  # fmt: skip
NO_TASKS = TasksPage(
    (),
    (SavedView("Mine and nobody's", "/tasks", None, True),),
    Pager(""),
    TASK_OUTCOMES,
    "Nothing waits for you.",
)

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
        "no_code": "", "checks": CHECKS, "state": "ready", "why": "The 44 minutes reach 99493 (31) and not the next line (76).",
    }  # fmt: skip
    return BillingRow(**(values | changes))  # type: ignore[arg-type]


BILLING = BillingPage(
    month="2026-11", month_text="November 2026", previous_href="/billing/2026-10", next_href="", as_of=NOW,
    summary=(Summary("Patients with time", "38"), Summary("Ready", "29"), Summary("On hold", "3", "release with a reason"), Summary("Counted", "31 h 12 min"), Summary("Not counted", "2 h 40 min", "each minute says why")),
    rows=(
        billing_row(1, "ALDERCOTT, Maren", not_counted=(NotCounted("8", "same time as another entry, counted once"), NotCounted("5", "before the agreement of 28-Sep-2026"))),
        billing_row(4, "DUNMORE, Patience", codes=("99493", "99494 x1"), counted=82, bar=charts.minutes_bar(82, "99493 + 99494", 106, (31, 76))),
        billing_row(5, "EKWUEME-HART, Josiah", month_type="First month", codes=(), no_code="No line: 12 min; the first at 16 min.", counted=12, bar=charts.minutes_bar(12, "", 16, ()), state="none"),
        billing_row(7, "GRISWELL, Amadou", state="held", checks=(Check("held", "No agreement recorded before the first minute"), *CHECKS[1:])),
    ),
    csv_href="/billing/2026-11/export.csv",
    rule_note="Seconds are summed over the month and cut to whole minutes once. Suggested by rule set \"midpoint\", version 3.",
    near=("FAIRWEATHER, Lucille: 29 min, next line at 31",),
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
    activities=choices("Phone contact", "Chart review", "Case review"),
    editing=Editing(
        "t2", "Correct the entry of 23-Nov-2026 09:24", "BRANNOCK, Tobias",
        FormState("edit", {"on": ("2026-11-23",), "at": ("09:24",), "minutes": ("16",), "activity": ("chart_review",)}, {"reason": "Reason is needed."}),
        FormState("void"),
    ),
    previous_href="/time?month=2026-10",
)  # fmt: skip
SETUP = SetupPage(
    clinic="Harbor Street Family Medicine", mode="simulation", passed=2, total=4,
    groups=(
        SetupGroup("Safety first", (
            SetupItem("item9_policy_signed_on", "Item-9 policy", "Names who answers, and how fast.", "open", "Is needed before item 9 is asked by text.", "policy"),
            SetupItem("default_responsible_id", "Whom alerts reach", "Somebody is alerted at every hour.", "passed", "", "responsible"),
        )),
        SetupGroup("The server", (
            SetupItem("public_url", "Public address", "Links and webhooks reach this server.", "open", "Must be https:// for patients.", "", "Set EVENKEEL_PUBLIC_URL."),
            SetupItem("encryption_keys", "Encryption keys", "Texts are stored sealed.", "passed", ""),
        )),
    ),
    left=("Item-9 policy", "Public address"),
    form=FormState("live"),
    responsible_form=filled("responsible", staff_id="dana_whitlock"),
    responsible=choices("Dana Whitlock", "Dr. R. Okafor-Lindqvist"),
    people=(
        PersonLine("Dana Whitlock", "dana@harbor.example", "Care manager", "ready", True),
        PersonLine("Tom Field", "tom@harbor.example", "Biller", "no second factor yet", False),
    ),
    details=filled("details", text_name="Harbor Clinic", support_phone="+12065550199", hours_text="Mon-Fri 9-5", item9_channel="link_only", window_start="09:00", window_end="20:00"),
    item9_channels=(Choice("link_only", "On the private page"), Choice("sms", "By text, under a signed policy")),
    ladder_form=filled("outreach", hours_1="24", channel_1="same", hours_2="72", channel_2="other", call_after_hours="96", answer_within_hours="72"),
    reminder_channels=(Choice("same", "Same channel"), Choice("other", "Second channel")),
    sender_form=FormState("sender", {"number": ("206",)}, {"number": "The number is not a phone number."}),
    numbers=("206-555-0100",),
)  # fmt: skip

REFERRAL = ReferralPage(
    form=FormState("refer", {"family_name": ("Ingersoll",), "phone": ("206-555-01",)}, {"phone": "Enter a full phone number, such as 206-555-0123.", "safety_checked": "Ask about urgent risk before you refer."}),
    languages=choices("English", "Spanish"),
    script="\"A care manager will call you this week. You stay with us; the team helps between visits.\"",
    safety_line="If there is urgent risk, follow the safety protocol first: a referral is read within a working day, not at once.",
)  # fmt: skip
ENROL = EnrolPage(
    form=FormState("enrol", {"family_name": ("Ingersoll",), "given_name": ("Rosalind",), "channel": ("sms_link",), "every_days": ("14",), "version": ("1",)}, {"consent_method": "Say how the patient agreed.", "channel": "Item texts need the acknowledgement first."}, note="Your draft of 23-Nov-2026 14:02 PST was restored. It is not saved yet."),
    action="/enrol/p9", draft_href="/enrol/p9/draft",
    referral="Referred by Dr. R. Okafor-Lindqvist on 19-Nov-2026: sleeps badly since summer",
    clinicians=choices("Dr. R. Okafor-Lindqvist"), consultants=choices("Dr. S. Thibodeaux-Rao"), care_managers=choices("Dana Whitlock"),
    sexes=choices("Female", "Male"), languages=choices("English", "Spanish"), zones=(Choice("America/Los_Angeles", "Pacific (Los Angeles)"),),
    consent_methods=choices("Verbal", "Written"),
    texting_levels=(Choice("link_only", "Links and reminders", "The text names nothing."), Choice("none", "No texts")),
    channels=(Choice("sms_link", "Text with a link", "The questions are on a private page."), Choice("phone", "By phone")),
    readers=(Choice("yes", "Nobody who may not know"), Choice("no", "Somebody may read along: no texts to this phone")),
    second_channels=choices("Nothing else", "Phone call"), cadences=(Choice("14", "Every 14 days"),), modes=choices("Phone", "Video"), zone="PST",
    care_script="Your doctor works with a team here. You can stop at any time.", care_script_es="Su médico trabaja con un equipo aquí.",
    care_script_version="care-consent@1", texting_script="Texts are not for emergencies.", texting_script_es="No son para emergencias.",
    texting_script_version="texting-consent@1", measures=(), considered=choices("Considered", "Not documented"), of_everybody=choices("Considered", "Not documented"),
    baselines=(Choice("later", "Later", "The first check-in asks."),), logs=True, timer=True,
)  # fmt: skip
ACCOUNT = AccountPage(
    name="Dana Whitlock", roles="Care manager", clinic="Harbor Street Family Medicine", codes_left="9 recovery codes are left",
    password=FormState("password", {}, {"again": "New password again is not the same."}), codes=FormState("codes"),
    clinics=choices("Harbor Street", "Lakeside"), clinic_form=filled("clinic", clinic_id="lakeside"), logs_time=True, shortest=8,
)  # fmt: skip
SETUP_TOTP = TotpSetupPage(
    FormState("totp"), account.qr("otpauth://totp/Evenkeel:dana%40example.org?secret=JBSWY3DPEHPK3PXP&issuer=Evenkeel"), "JBSW Y3DP EHPK 3PXP"
)  # fmt: skip
FOUND = SearchPage(
    "ald", (FoundLine("ALDERCOTT, Maren", "/patients/p1", on("1984-04-09"), "40117", "Active"), FoundLine("ALDOUS, Kit", "/patients/p3", None, "none", "Not in care"))
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
SIGNED_OUT = {"person": None, "safety": None, "current": None}

SCREENS: dict[str, tuple[str, Shell, object]] = {
    "sign_in": ("account/sign_in.html", shell(**SIGNED_OUT), SIGN_IN),
    "totp": ("account/totp.html", shell(**SIGNED_OUT), TotpPage(FormState("totp"))),
    "totp_setup": ("account/totp_setup.html", shell(**SIGNED_OUT), SETUP_TOTP),
    "codes": (
        "account/codes.html",
        shell("account"),
        CodesPage(("ABCD-EFGH-JKMN-PQRS-TUVW-XYZ2",) * 10, "/account", "Back to your account"),
    ),
    "clinics": (
        "account/clinics.html",
        shell(**SIGNED_OUT),
        ClinicsPage(FormState("clinics"), choices("Harbor Street", "Lakeside")),
    ),
    "account": ("account/account.html", shell("account"), ACCOUNT),
    "search": ("search/search.html", shell("registry"), FOUND),
    "search_none": (
        "search/search.html",
        shell("registry"),
        SearchPage("x", (), "Type at least two characters."),
    ),
    "today": ("today/today.html", shell("today"), TODAY),
    "today_empty": ("today/today.html", shell("today", safety=None, mode="live"), QUIET_DAY),
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
