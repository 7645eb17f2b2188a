"""From what is stored to what a signed-in page prints, and from a typed form back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Final, cast

import msgspec

from api.portal import pages
from api.portal.copy import Language, clock_time, contact_mode, long_date
from api.portal.home.copy import WORDS
from api.portal.home.views import (
    AnswerLine,
    AnswersPage,
    HomePage,
    MeasureLine,
    MessageLine,
    PeoplePage,
    PersonLine,
    PlanPage,
    Problems,
    ResultView,
    Waiting,
    WishesPage,
)
from kernel.db import Tx
from kernel.errors import Invalid, Problem
from messaging.patient_access import messages, own
from messaging.patient_access.own import Contact, DueCheckIn, PastResult, PlanMeasure, Preferences
from messaging.patient_access.sessions import SignedIn
from messaging.schedule.zones import to_local
from questionnaires import catalog
from questionnaires.catalog import UnknownInstrument
from questionnaires.instrument import Instrument
from registry.patients.forms import Channel
from registry.patients.own import OwnWishes
from registry.related_people import service as related
from registry.related_people.service import RelatedPersonLine

PAGE_LANGUAGES: Final = ("en", "es")


_PLAIN: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "phq9": "Questions about mood",
        "phq2": "Two questions about mood",
        "gad7": "Questions about worry",
        "gad2": "Two questions about worry",
    },
    "es": {
        "phq9": "Preguntas sobre el ánimo",
        "phq2": "Dos preguntas sobre el ánimo",
        "gad7": "Preguntas sobre la preocupación",
        "gad2": "Dos preguntas sobre la preocupación",
    },
}


async def home(tx: Tx, who: SignedIn, language: Language, *, now: datetime) -> HomePage:
    contact: Contact | None = None
    if "contacts" in who.scope:
        contact = await own.next_contact(tx, who, now=now)
    zone = contact.zone if contact is not None else await own.zone(tx, who)
    due = await own.due_check_ins(tx, who, now=now)
    return HomePage(
        own=who.own,
        scope=frozenset(who.scope),
        contact="" if contact is None else f"{pages.when_words(contact.at, zone, language)}.",
        contact_mode="" if contact is None else contact_mode(language, contact.mode),
        with_person="" if contact is None else contact.care_manager or "",
        waiting=tuple(_waiting(one, zone, language) for one in due),
    )


async def plan(tx: Tx, who: SignedIn, language: Language, *, now: datetime) -> PlanPage:
    found = await own.plan(tx, who, now=now)
    return PlanPage(
        found.goals,
        found.skill,
        found.rhythm,
        found.medications,
        found.treatments,
        tuple(_measure(line, language) for line in found.measures),
    )


async def answers(tx: Tx, who: SignedIn, language: Language, *, now: datetime) -> AnswersPage:
    own.require_own(who)
    found = await own.results(tx, who, now=now)
    zone = await own.zone(tx, who)
    return AnswersPage(found is not None, tuple(_result(one, zone, language) for one in found or ()))


async def thread(tx: Tx, who: SignedIn, language: Language, *, now: datetime) -> tuple[MessageLine, ...]:
    zone = await own.zone(tx, who)
    lines = await messages.thread(tx, who, now=now)
    return tuple(
        MessageLine(pages.when_words(line.at, zone, language), line.by_team, line.body) for line in lines
    )


async def people(tx: Tx, who: SignedIn, language: Language, *, now: datetime) -> PeoplePage:
    """Those whom something is open for; what has ended is the clinic's history."""
    own.require_own(who)
    today = to_local(now, await own.zone(tx, who)).date()
    found = await related.related_people(tx, who.actor, who.patient_id, now=now)
    return PeoplePage(
        tuple(
            _person(one, language)
            for one in found
            if one.revoked_at is None and (one.valid_to is None or one.valid_to >= today)
        )
    )


def wishes(stored: Preferences, *, saved: bool = False) -> WishesPage:
    listed = stored.language.split("-")[0] in PAGE_LANGUAGES
    return WishesPage(
        language=stored.language.split("-")[0] if listed else "other",
        other_language="" if listed else stored.language,
        channel=stored.channel,
        may_text_items=stored.texting == "items_by_sms",
        window_start=_clock(stored.window_start),
        window_end=_clock(stored.window_end),
        saved=saved,
    )


def typed_wishes(fields: Mapping[str, str]) -> OwnWishes:
    """Raises Invalid for what can't be read at all; what contradicts itself is the record's to say."""
    chosen = fields.get("language", "")
    language = fields.get("other_language", "").strip() if chosen == "other" else chosen
    problems = [] if language else [Problem("language", "is needed")]
    channel = fields.get("channel", "")
    if channel not in ("sms_link", "sms_items", "portal", "phone", "none"):
        problems.append(Problem("channel", "is needed"))
    window: dict[str, time | None] = {}
    for name in ("window_start", "window_end"):
        try:
            window[name] = _time(fields.get(name, "").strip())
        except ValueError:
            problems.append(Problem(name, "is not a time"))
    if problems:
        raise Invalid(*problems)
    return OwnWishes(language, cast(Channel, channel), **window)


def wish_problems(refused: Invalid, fields: Mapping[str, str], language: Language) -> Problems:
    """Each at its field; what no field here can mend is told on top."""
    words = _PROBLEMS[language]
    errors: dict[str, str] = {}
    for problem in refused.problems:
        known = problem.field in ("language", "channel", "window_start", "window_end")
        errors.setdefault(problem.field if known else "form", words.get(problem.field, words["form"]))
    return Problems(errors, dict(fields))


def typed_again(stored: Preferences, fields: Mapping[str, str], problems: Problems) -> WishesPage:
    kept = wishes(stored)
    return msgspec.structs.replace(
        kept,
        language=fields.get("language", kept.language),
        other_language=fields.get("other_language", ""),
        channel=fields.get("channel", kept.channel),
        window_start=fields.get("window_start", ""),
        window_end=fields.get("window_end", ""),
        problems=problems,
    )


_PROBLEMS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "language": "Choose a language, or write its code, like vi.",
        "channel": "This way is not possible with that language or number. Choose another, or phone.",
        "window_start": "Choose both hours, from 8 AM to 9 PM, at least an hour apart.",
        "window_end": "Choose both hours, from 8 AM to 9 PM, at least an hour apart.",
        "form": "Texts need your agreement first, and a number that is safe to text. See Texts from us.",
    },
    "es": {
        "language": "Elija un idioma, o escriba su código, como vi.",
        "channel": "Esto no es posible con ese idioma o número. Elija otra forma, o por teléfono.",
        "window_start": "Elija las dos horas, de 8 a. m. a 9 p. m., con al menos una hora entre ellas.",
        "window_end": "Elija las dos horas, de 8 a. m. a 9 p. m., con al menos una hora entre ellas.",
        "form": "Los textos necesitan primero su acuerdo y un número seguro. Vea Nuestros textos.",
    },
}


def _waiting(one: DueCheckIn, zone: str, language: Language) -> Waiting:
    until = "" if one.expires_at is None else pages.when_words(one.expires_at, zone, language)
    return Waiting(f"/me/check-ins/{one.id}", one.answered, one.total, until)


def _measure(line: PlanMeasure, language: Language) -> MeasureLine:
    title = _title(line.instrument_id, language)
    return MeasureLine(
        title, line.every_days, clock_time(line.local_time, language), long_date(line.next_on, language)
    )


def _result(one: PastResult, zone: str, language: Language) -> ResultView:
    instrument = _instrument(one.instrument_id, language)
    texts = {item.number: item for item in instrument.items}
    lines = [
        AnswerLine(
            texts[number].text,
            next((choice.label for choice in texts[number].choices if choice.value == value), ""),
        )
        for number, value in sorted(one.answers.items())
        if number in texts
    ]
    total = "" if one.total is None else WORDS[language].out_of.format(total=one.total, highest=one.highest)
    when = long_date(to_local(one.taken_at, zone).date(), language)
    return ResultView(_title(one.instrument_id, language), when, total, tuple(lines))


def _person(one: RelatedPersonLine, language: Language) -> PersonLine:
    words = WORDS[language]
    may = {"contacts": words.may_contacts, "plan": words.may_plan, "messages": words.may_messages}
    until = "" if one.valid_to is None else _day(one.valid_to, language)
    action = f"/me/people/{one.id}/end" if one.basis == "patient_agreed" else ""
    return PersonLine(one.name, one.relation, tuple(may[scope] for scope in one.scope), until, action)


def _day(on: date, language: Language) -> str:
    return f"{long_date(on, language)}, {on.year}"


def _title(instrument_id: str, language: Language) -> str:
    """In plain words: the registered title is for staff."""
    return _PLAIN[language].get(instrument_id) or _instrument(instrument_id, language).title


def _instrument(instrument_id: str, language: Language) -> Instrument:
    try:
        return catalog.load(instrument_id, language)
    except UnknownInstrument:
        return catalog.load(instrument_id, catalog.languages(instrument_id)[0])


def _time(typed: str) -> time | None:
    return time.fromisoformat(typed) if typed else None


def _clock(at: time | None) -> str:
    return "" if at is None else at.isoformat("minutes")
