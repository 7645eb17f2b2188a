"""Contacts, plans and the ways to the pages about them, on the patient's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from registry.access import CARE
from registry.contacts import chart, rules
from registry.contacts.queries import ContactFacts
from staff_console.pages import Visit
from staff_console.patient.facts import PatientFacts
from staff_console.patient.views import CarePanel, ContactEntry, LinkGroup

SHOWN: Final = 6
NOTICE: Final = " Decide whether to close."


def panel(visit: Visit, facts: PatientFacts) -> CarePanel:
    episode = facts.patient.episode
    assert episode is not None
    in_care = episode.status != "ended" and facts.patient.deceased_on is None
    care = visit.actor.has(*CARE)
    return CarePanel(
        contacts=tuple(_entry(visit, facts, contact) for contact in facts.contacts[:SHOWN]),
        unfiled=sum(copy.filed_at is None and copy.kind != "month" for copy in facts.copies.values()),
        may_record=care and in_care,
        notice=facts.standing.judgement.sentence + NOTICE if facts.standing.judgement.met else "",
        notice_href=f"/patients/{facts.patient.id}/closing",
        links=tuple(_links(facts, care)),
    )


def _entry(visit: Visit, facts: PatientFacts, contact: ContactFacts) -> ContactEntry:
    copy = facts.copies.get(contact.id)
    how = chart.CHANNELS.get(contact.channel, contact.channel).lower()
    title = chart.KINDS[contact.kind] + ("" if contact.kind in rules.CONVERSATIONS else f", {how}")
    return ContactEntry(
        at=visit.at(contact.occurred_at),
        title=title,
        detail=chart.OUTCOMES[contact.outcome],
        who=contact.staff_name or "",
        href=f"/patients/{contact.patient_id}/contacts/{contact.id}",
        unfiled=copy is not None and copy.filed_at is None,
        changed=copy is not None and copy.changed_at is not None,
    )


def _links(facts: PatientFacts, care: bool) -> Iterable[LinkGroup]:
    base = f"/patients/{facts.patient.id}"
    if care:
        scores = (("Enter scores", f"{base}/scores"), ("Call and ask", f"{base}/scores?source=phone"))
        yield LinkGroup("Scores", scores)
    plans = (
        ("Care plan", f"{base}/plans/care"),
        ("Plan against relapse", f"{base}/plans/relapse"),
        ("Safety plan", f"{base}/plans/safety"),
    )
    yield LinkGroup("Plans", plans)
    review = (("Referrals", f"{base}/referrals"), ("Recommend to the clinician", f"{base}/recommend"))
    yield LinkGroup("Review and referrals", review)
    yield LinkGroup("Record", (*_record(base), *(_changes(base) if care else ())))


def _record(base: str) -> Iterable[tuple[str, str]]:
    yield "Expectations sheet", f"{base}/expectations"
    yield "Findings at the start", f"{base}/intake"


def _changes(base: str) -> Iterable[tuple[str, str]]:
    yield "Change the details", f"{base}/details"
    yield "Change the number", f"{base}/phone"
    yield "People who help", f"{base}/people"
    yield "Change the status", f"{base}/status"
