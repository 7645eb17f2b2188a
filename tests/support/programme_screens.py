"""Quality, rules and steps, the first thirty days and the clinic's numbers, as the template tests render them."""

from __future__ import annotations

import msgspec

from registry.flags.thresholds import SETTINGS
from staff_console import marks
from staff_console.formstate import FormState, filled
from staff_console.quality.views import Behind, CaseloadLine, FigureLine, Licensed, QualityPage, SignedLine
from staff_console.setup.launch_views import (
    DowntimePage,
    ItemLine,
    LaunchPage,
    PilotPanel,
    ReportLine,
    SheetRow,
)
from staff_console.setup.numbers import CalendarPage, NumberLine, NumbersPage
from staff_console.shell import Shell
from staff_console.steps.views import ChangeLine, RuleLine, StepLine, StepsPage
from tests.support.screens import NOW, REGISTRY, choices, on, shell

BEHIND = (Behind("ALDERCOTT, Maren", "/patients/p1", "Reached on 10-Nov-2026."),)
FIGURE = FigureLine(
    "q-contact", "Reached in the month", "Q-CONTACT, version 1", "Of patients in care: somebody spoke with them.",
    "80%", "4 of 5 patients", BEHIND, BEHIND, (Behind("GRISWELL, Amadou", "/patients/p7", "7 days in care this month."),),
)  # fmt: skip
EMPTY = FigureLine(
    "q-fresh",
    "Registry kept up",
    "Q-FRESH, version 1",
    "Of contacts.",
    "no contacts",
    "0 of 0 contacts",
    (),
    (),
    (),
)
QUALITY = QualityPage(
    month="October 2026", sign_href="/quality/2026-10/sign", earlier_href="/quality/2026-09", later_href="/quality/2026-11",
    figures=(FIGURE, EMPTY),
    caseloads=(
        CaseloadLine("Dana Whitlock", 64, "60 to 120 for a full post", "within"),
        CaseloadLine("Robin Field", 130, "60 to 120 for a full post", "above"),
        CaseloadLine("Casey Moore", 8, "60 to 120 for a full post", "below"),
        CaseloadLine("Nobody in this role", 2, "assign these patients", "none"),
    ),
    licensed=Licensed("CMS159, measurement period 2026", False, ("value set: Hospice",), "Not computable", (), None),
    form=FormState("sign", {}, {"note": "What follows from the figures is needed."}),
    may_sign=True, why_not="",
    signed=(SignedLine("September 2026", "/quality/2026-09", "Lee Lead", NOW, "Call two patients.", (("Reached", "80% (4 of 5)"),)),),
    cut=True,
)  # fmt: skip
COMPUTED = QualityPage(
    month="November 2026", sign_href="/quality/2026-11/sign", earlier_href="/quality/2026-10", later_href="",
    figures=(FIGURE,), caseloads=(),
    licensed=Licensed("CMS159, measurement period 2026", True, (), "50%, 1 of 2 patients", ("Age 18+: 1 of 2",), msgspec.structs.replace(FIGURE, id="cms159")),
    form=FormState("sign"), may_sign=False, why_not="The month can be signed when it is over.", signed=(), cut=False,
)  # fmt: skip
STEP = StepLine(
    "s1", "Contact about side effects", "Contact about side effects by 24-Nov-2026.", "S-CONTACT, version 1",
    on("2026-11-17"), on("2026-11-20"), True, "open", "",
    FormState("step-s1", {}, {"reason": "The reason is needed."}),
)  # fmt: skip
DECIDED = StepLine(
    "s2", "Step up", "Stalled.", "S-UP, version 1", on("2026-11-01"), on("2026-11-01"), False, "declined",
    "Declined 02-Nov-2026 by Dana Whitlock: starts therapy.", FormState("step-s2"),
)  # fmt: skip
STEPS = StepsPage(
    patient="BRANNOCK, Tobias", patient_href="/patients/p2", day=on("2026-11-23"), as_of=NOW,
    flags=(marks.flag("not_judged", "No score."),),
    rules=(
        RuleLine("R-STALL-B", "1", "Met", "triangle", "warn", "PHQ-9 went from 16 to 12.", "56 days or more.", (("days", "63"),)),
        RuleLine("R-RESP", "1", "Can't be judged", "ring", "warn", "No score.", "Below 10.", ()),
    ),
    open=(STEP,), past=(DECIDED,),
    changes=(ChangeLine(1, on("2026-11-06"), "Dose changed: sertraline 100 mg", "made elsewhere, recorded by Dana Whitlock"),),
    flags_action="/patients/p2/flags", flags_form=FormState("flags", {"safety": ("yes",)}), may_decide=True, may_mark=True,
)  # fmt: skip
NO_STEPS = StepsPage(
    patient="GRISWELL, Amadou", patient_href="/patients/p7", day=on("2026-11-23"), as_of=NOW, flags=(), rules=(), open=(),
    past=(), changes=(), flags_action="/patients/p7/flags", flags_form=FormState("flags"), may_decide=False, may_mark=False,
)  # fmt: skip
FIGURES = (("Check-ins answered", "75%", "6 of 8"),)
LAUNCH = LaunchPage(
    done=1,
    items=(
        ItemLine("safety", "Safety items pass", "Texts stay here until they do.", "late", on("2026-11-04"), "4 open", ""),
        ItemLine("downtime", "The downtime sheet hangs by the phone", "Care goes on.", "open", on("2026-11-30"), "", "/setup/launch/downtime"),
        ItemLine("team", "Every role is filled", "Who does what.", "done", on("2026-11-04"), "", ""),
    ),
    pilot=PilotPanel(
        True, "Step 1 of 3 since 09-Nov-2026: 5 of 5 places taken.", FIGURES, choices("Day 7"),
        (ReportLine("Step 1, day 7", "No go", False, "Two notes were late.", "Lee Lead, 16-Nov-2026", FIGURES),),
        FormState("pilot", {}, {"note": "The note says why."}), True,
    ),
    may_export=True,
)  # fmt: skip
NO_PILOT = LaunchPage(
    0,
    (),
    PilotPanel(False, "No limit on the patients in care.", (), (), (), filled("pilot", steps="5, 15"), True),
    False,
)
NUMBERS = NumbersPage(
    tuple(NumberLine(s.name, s.label, s.source, s.low, s.high) for s in SETTINGS[:6]),
    (("R-NEW", "Enrolled 14 days ago or less, or never reviewed."),),
    FormState("numbers", {"new_days": ("99",)}, {"new_days": "New for must be 1 to 60 days."}),
    True,
)
READ_NUMBERS = NumbersPage(NUMBERS.lines, NUMBERS.rules, filled("numbers", new_days="14"), False)
CALENDAR = CalendarPage(
    FormState("hours", {"monday": ("9 to 5",)}, {"monday": "Monday is written like 09:00-12:00, 13:00-17:00."}),
    (("monday", "Monday"), ("tuesday", "Tuesday")), (on("2026-12-25"),), FormState("closed"),
)  # fmt: skip
DOWNTIME = DowntimePage(
    "Harbor Clinic", NOW,
    (SheetRow("ALDERCOTT, Maren", "TEST-1001", "206-555-0123", "Active", "Dana Whitlock", "24-Nov-2026 10:00 Phone", "safety event, tier 2"),),
)  # fmt: skip
PROGRAMME_SCREENS: dict[str, tuple[str, Shell, object]] = {
    "quality": ("quality/quality.html", shell("quality"), QUALITY),
    "quality_computed": ("quality/quality.html", shell("quality"), COMPUTED),
    "steps": ("steps/steps.html", shell("registry"), STEPS),
    "steps_empty": ("steps/steps.html", shell("registry"), NO_STEPS),
    "launch": ("setup/launch.html", shell("setup"), LAUNCH),
    "launch_no_pilot": ("setup/launch.html", shell("setup"), NO_PILOT),
    "numbers": ("setup/numbers.html", shell("setup"), NUMBERS),
    "numbers_read": ("setup/numbers.html", shell("setup"), READ_NUMBERS),
    "calendar": ("setup/calendar.html", shell("setup"), CALENDAR),
    "downtime": ("setup/downtime.html", shell("today"), DOWNTIME),
    "registry_print": ("registry/print.html", shell("registry"), REGISTRY),
}
