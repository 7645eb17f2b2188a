"""The patient pages and the phone simulator, filled in with invented people."""

from api.demo.views import DemoPatient, PhoneEvent, PhoneMessage, PhonePage, split_links
from api.portal.copy import COPY, Language
from api.portal.views import (
    AnswerOption,
    BirthPage,
    CrisisPage,
    MessagePage,
    PortalShell,
    QuestionPage,
    StartPage,
    ThanksPage,
)

HOURS: dict[Language, str] = {
    "en": "Monday to Friday, 8 AM to 5 PM",
    "es": "de lunes a viernes, de 8 a. m. a 5 p. m.",
}
ITEM: dict[Language, tuple[str, str, tuple[str, ...]]] = {
    "en": (
        "Over the last 2 weeks, how often have you been bothered by any of the following problems?",
        "Moving or speaking so slowly that other people could have noticed. Or the opposite - being so fidgety or restless that you have been moving around a lot more than usual",
        ("Not at all", "Several days", "More than half the days", "Nearly every day"),
    ),
    "es": (
        "(enunciado del instrumento)",
        "(texto de la pregunta, tal como lo registra el instrumento)",
        ("(respuesta 0)", "(respuesta 1)", "(respuesta 2)", "(respuesta 3)"),
    ),
}


def portal_shell(language: Language) -> PortalShell:
    return PortalShell(
        language=language,
        clinic="Harbor Street",
        phone="206-555-0100",
        phone_href="tel:+12065550100",
        hours=HOURS[language],
        exit_href="https://www.weather.gov/",
        language_href=f"?lang={COPY[language].other_language_code}",
        demo=True,
    )


def question(language: Language, **changes: object) -> QuestionPage:
    stem, text, labels = ITEM[language]
    values: dict[str, object] = {
        "number": 8,
        "total": 9,
        "stem": stem,
        "text": text,
        "options": tuple(AnswerOption(str(value), label, value == 1) for value, label in enumerate(labels)),
        "language": language,
        "may_go_back": True,
    }
    return QuestionPage(**(values | changes))  # type: ignore[arg-type]


def portal_pages(language: Language) -> dict[str, tuple[str, object]]:
    error = COPY[language].choose_error
    return {
        "start": ("start.html", StartPage(3, "Thursday, November 26, 2:00 PM" if language == "en" else "el jueves 26 de noviembre, 2:00 p. m.")),
        "birth": ("birth.html", BirthPage()),
        "birth_error": ("birth.html", BirthPage(error)),
        "question": ("question.html", question(language)),
        "question_error": ("question.html", question(language, error=error, may_go_back=False)),
        "crisis": ("crisis.html", CrisisPage(more_questions=True)),
        "thanks": ("thanks.html", ThanksPage("Monday, November 30, 2:00 PM", "A phone call about your plan.") if language == "en" else ThanksPage("lunes 30 de noviembre, 2:00 p. m.", "Una llamada sobre su plan.")),
        "thanks_crisis": ("thanks.html", ThanksPage("", "", crisis=True)),
        "invalid": ("message.html", MessagePage("invalid")),
        "error": ("message.html", MessagePage("error", "req-8f21")),
    }  # fmt: skip


PEOPLE = (
    DemoPatient("p1", "/demo/phones/p1", "Maren Aldercott", "Questions by text", 0, True),
    DemoPatient("p2", "/demo/phones/p2", "Tobias Brannock", "Link to a page, two unanswered", 2),
    DemoPatient("p3", "/demo/phones/p3", "Inés Castellanos-Rue", "Spanish, relapse prevention"),
    DemoPatient("p6", "/demo/phones/p6", "Lucille Fairweather", "Opted out of texts"),
)
BASE = "http://localhost:8000"
PHONE = PhonePage(
    clinic="Harbor Street Family Medicine",
    now_day="Monday, 23-Nov-2026",
    now_time="13:53",
    zone="PST",
    patients=PEOPLE,
    selected=PEOPLE[0],
    number="206-555-0142",
    from_number="206-555-0100",
    messages=(
        PhoneMessage("in", split_links(f"Harbor Street: your check-in is ready. Reply 1 to start here, or open {BASE}/c/7Qk2m. Reply STOP to end texts.", BASE), "10:00", "Friday, 20-Nov-2026"),
        PhoneMessage("out", split_links("1", BASE), "10:04"),
        PhoneMessage("in", split_links("(1 of 9) Little interest or pleasure in doing things\n0 Not at all\n1 Several days\n2 More than half the days\n3 Nearly every day", BASE), "10:04"),
        PhoneMessage("out", split_links("more than half i guess", BASE), "13:51", "Today"),
        PhoneMessage("in", split_links("Got it: 2.\n(2 of 9) Feeling down, depressed, or hopeless", BASE), "13:52"),
    ),
    events=(
        PhoneEvent("13:52", "Read as 2, More than half the days", "/patients/p1#answers", "good"),
        PhoneEvent("13:52", "Item 2 sent", "", "quiet"),
        PhoneEvent("10:00", "Safety event, tier 2", "/safety/e1", "bad"),
    ),
    next_due="Tuesday 09:00 PST: check-in for two patients",
    suggestions=("0", "1", "2", "3", "BACK", "STOP"),
    poll_href="/demo/phones/p1",
    registry=(("PHQ-9", "13 → 9"), ("GAD-7", "9 → 4"), ("Check-in", "in progress")),
)  # fmt: skip
