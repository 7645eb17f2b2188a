"""Takes the demo's patients into care through the registry's own commands, each on the day of their story."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from api.demo import people
from api.demo.clinics import Clinic
from api.demo.dice import Dice
from api.demo.earlier import Enrolments
from api.demo.history import Course
from api.demo.people import Person
from api.demo.story import Story
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from messaging.consent.scripts import script
from messaging.schedule.zones import to_utc
from registry.episodes import service as episodes
from registry.episodes.forms import (
    CareConsentForm,
    EndingForm,
    EnrolmentForm,
    InitiatingVisit,
    ReferralForm,
    StatusForm,
    TeamForm,
)
from registry.episodes.tables import Episode
from registry.organisation import queries as organisation
from registry.patients.forms import (
    Address,
    CoverageForm,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
    Sex,
)
from registry.patients.tables import PatientPhone
from registry.ports import TextingConsentForm

VISIT_CODES: Final = ("99214", "99204", "99215")
SEXES: Final[tuple[Sex, ...]] = ("F", "F", "M", "M", "F", "U")
BORN_FROM: Final = 1984  # who may have given birth in this story
LONG_AGO: Final = timedelta(weeks=8)
# Of relapses one in three still waits for a person to decide on it.
RELAPSE_UNDECIDED: Final = 3
ENDED_DAYS_AGO: Final = 9  # for whom care ended with its goals met
CARE_WORDING: Final = "care-consent@1"


class Team:
    """Who looks after one patient."""

    __slots__ = ("clinician", "consultant", "manager")

    def __init__(self, clinic: Clinic, nth: int) -> None:
        managers, clinicians = clinic.those("care_manager"), clinic.those("clinician")
        self.manager: Person = managers[nth % len(managers)]
        self.clinician: Person = clinicians[nth % len(clinicians)]
        self.consultant: Person = clinic.those("consultant")[0]


async def take_in(
    tx: Tx, deps: Deps, clinic: Clinic, stories: Sequence[Story], dice: Dice, today: date
) -> tuple[Course, ...]:
    roles = await organisation.roles_of_staff(tx, clinic.id, list(clinic.staff.values()))
    earlier = Enrolments(tx, clinic.id, roles)
    courses = tuple([await _take_one(tx, deps, clinic, story, dice, today, earlier) for story in stories])
    await earlier.write()
    return courses


async def _take_one(
    tx: Tx, deps: Deps, clinic: Clinic, story: Story, dice: Dice, today: date, earlier: Enrolments
) -> Course:
    team = Team(clinic, story.nth)
    actor = clinic.actor(team.manager)
    now = _local(clinic, story.enrolled_on, time(9, 30))
    if story.kind == "waiting":
        patient_id, episode_id = await _refer(tx, clinic, actor, team, story, dice, today)
    elif story.scene == "none" and today - story.enrolled_on > LONG_AGO:
        patient_id, episode_id = earlier.add(actor, _enrolment(clinic, team, story, dice, now), now)
    else:
        form = _enrolment(clinic, team, story, dice, now)
        done = await episodes.enrol(tx, actor, form, now=now, outreach=deps.outreach)
        patient_id, episode_id = done.patient_id, done.episode_id
    assert actor.id is not None
    return Course(clinic.id, patient_id, episode_id, actor.id, clinic.plan.zone, story)


async def verify_phones(tx: Tx, clinic: Clinic, now: datetime) -> None:
    """Everybody has answered on their number once."""
    await tx.execute(
        update(PatientPhone)
        .where(PatientPhone.clinic_id == clinic.id)
        .values(state="verified", verified_at=now)
    )


async def change_statuses(tx: Tx, deps: Deps, clinic: Clinic, course: Course, today: date) -> None:
    """Each on its own past day."""
    actor = clinic.actor(Team(clinic, course.story.nth).manager)
    for days_ago, form in _changes(course.story, today):
        now = _local(clinic, today - timedelta(days=days_ago), time(11, 10))
        await episodes.change_status(
            tx, actor, course.patient_id, form,
            now=now, outreach=deps.outreach,
        )  # fmt: skip


def _changes(story: Story, today: date) -> list[tuple[int, StatusForm]]:
    def day(ago: int) -> date:
        return today - timedelta(days=ago)

    match story.kind:
        case "remitted":
            return [(20, StatusForm("relapse_prevention", "response", day(20)))]
        case "relapse":
            stepped_down = (60, StatusForm("relapse_prevention", "response", day(60)))
            if story.nth % RELAPSE_UNDECIDED == 0:
                return [stepped_down]
            note = "PHQ-9 rising over two check-ins."
            return [stepped_down, (12, StatusForm("active", "relapse", day(12), note=note))]
        case "hospital":
            return [(6, StatusForm("on_hold", "hospital", day(6), review_on=day(-3)))]
        case "on_hold":
            return [
                (
                    15,
                    StatusForm(
                        "on_hold", "other_hold", day(15), review_on=day(-8), note="Abroad for family."
                    ),
                )
            ]
        case "completed":
            said = EndingForm(told_on=day(ENDED_DAYS_AGO), told_how="ehr")
            note = "Goals met, plan handed over."
            over = StatusForm("ended", "completed", day(ENDED_DAYS_AGO), note=note, ending=said)
            return [(ENDED_DAYS_AGO, over)]
        case _:
            return []


async def _refer(
    tx: Tx, clinic: Clinic, actor: Actor, team: Team, story: Story, dice: Dice, today: date
) -> tuple[UUID, UUID]:
    days = dice.between(1, 9, "waits", story.nth)
    family, given = people.patient_name(clinic.plan.names_from + story.nth)
    form = ReferralForm(
        family_name=family,
        given_name=given,
        referred_by=f"{team.clinician.name}, {team.clinician.credentials}",
        reason=people.REASONS[reason(story, dice)],
        phone=people.patient_number(clinic.plan.areas, story.nth),
        mrn=mrn(clinic, story),
        birth_date=_born(story, dice),
        language=story.language,
    )
    now = _local(clinic, today - timedelta(days=days), time(15, 5))
    patient_id = await episodes.refer(tx, actor, form, now=now)
    episode_id: UUID = await tx.scalar(select(Episode.id).where(Episode.patient_id == patient_id))
    return patient_id, episode_id


def _enrolment(clinic: Clinic, team: Team, story: Story, dice: Dice, now: datetime) -> EnrolmentForm:
    family, given = people.patient_name(clinic.plan.names_from + story.nth)
    payer, plan = dice.pick(people.PAYERS, "payer", story.nth)
    spoken = story.language if story.language in ("en", "es") else "en"
    return EnrolmentForm(
        person=PersonForm(
            family_name=family,
            given_name=given,
            birth_date=_born(story, dice),
            mrn=mrn(clinic, story),
            sex=_sex(story, dice),
            address=Address(
                line1=f"{dice.between(10, 990, 'house', story.nth)} {dice.pick(people.STREETS, 'street', story.nth)}",
                city="Port Larch",
                state="WA",
                postal_code="98000",
            ),
            emergency=EmergencyContact("Robin " + family, "sibling", f"{clinic.plan.number[:-2]}99"),
        ),
        phone=PhoneForm(people.patient_number(clinic.plan.areas, story.nth), voicemail_ok=story.nth % 2 == 0),
        preferences=PreferencesForm(
            language=story.language,
            zone=clinic.plan.zone,
            channel=story.channel,
            second_channel=None if story.by_phone else "phone",
        ),
        team=TeamForm(
            treating_clinician_id=clinic.staff[team.clinician.key],
            care_manager_id=clinic.staff[team.manager.key],
            consultant_id=clinic.staff[team.consultant.key],
        ),
        target_condition=dice.pick(people.CONDITIONS, "condition", story.nth),
        care_consent=CareConsentForm(
            "verbal", now - timedelta(minutes=15), team.manager.name, CARE_WORDING, spoken
        ),
        texting_consent=_texting(story, spoken),
        coverage=(
            CoverageForm(
                payer,
                now.date().replace(month=1, day=1),
                payer_id=f"{payer[:4].strip().upper()}01",
                plan=plan,
                member_id=f"D{70000 + story.nth}",
            ),
        ),
        initiating_visit=InitiatingVisit(
            story.enrolled_on - timedelta(days=dice.between(2, 20, "visit", story.nth)),
            dice.pick(VISIT_CODES, "code", story.nth),
        ),
        referred_by=f"{team.clinician.name}, {team.clinician.credentials}",
        referral_reason=people.REASONS[reason(story, dice)],
    )


def _texting(story: Story, language: str) -> TextingConsentForm | None:
    if story.by_phone:
        return None
    by_items = story.channel == "sms_items"
    return TextingConsentForm(
        basis="consent",
        content_level="items_by_sms" if by_items else "link_only",
        method="verbal",
        wording_version=script("texting", language).version,
        language=language,
        risk_ack_version=script("items_by_sms", language).version if by_items else None,
    )


def reason(story: Story, dice: Dice) -> int:
    """Which of the reasons; that of a birth is for young women alone."""
    rolled = dice.between(0, len(people.REASONS) - 1, "reason", story.nth)
    after_birth = _sex(story, dice) == "F" and _born(story, dice).year >= BORN_FROM
    return rolled if rolled != people.AFTER_BIRTH or after_birth else 0


def _sex(story: Story, dice: Dice) -> Sex:
    return dice.pick(SEXES, "sex", story.nth)


def mrn(clinic: Clinic, story: Story) -> str:
    return f"{clinic.plan.slug[:2].upper()}-{20400 + 7 * story.nth}"


def _born(story: Story, dice: Dice) -> date:
    return date(
        dice.between(1948, 2003, "year", story.nth), dice.between(1, 12, "m", story.nth), 1 + story.nth % 28
    )


def _local(clinic: Clinic, on: date, at: time) -> datetime:
    return to_utc(on, at, clinic.plan.zone)
