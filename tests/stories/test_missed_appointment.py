"""A patient does not come; one text offers a call, and the answer becomes a task with the time asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from registry.contacts import service as contacts
from registry.contacts.forms import ContactForm
from registry.worklist.tables import Task
from tests.support.clinic import Clinic, PatientHandle


async def does_not_come(clinic: Clinic, patient: PatientHandle) -> None:
    form = ContactForm(
        kind="no_show", outcome="did_not_come", occurred_at=clinic.clock.now(), no_show_text="send",
        next=None, channel="phone",
    )  # fmt: skip
    async with clinic.deps.db.begin(clinic.id) as tx:
        await contacts.record_contact(
            tx, clinic.manager, patient.id, form,
            source="console", now=clinic.clock.now(), outreach=clinic.deps.outreach,
        )  # fmt: skip
    await clinic.ticks()


@pytest.mark.parametrize(("reply", "asked"), [("1", "today"), ("2.", "this_week")])
async def test_one_text_offers_a_call_and_its_answer_is_a_task(
    clinic: Clinic, reply: str, asked: str
) -> None:
    await clinic.until_local("11:00")
    ana = await clinic.enrols("Ana", measures=())
    await clinic.next_contact(ana, clinic.clock.now().replace(year=clinic.clock.now().year + 1, month=1))
    await does_not_come(clinic, ana)
    await ana.phone.receives("sorry we missed you")
    await ana.phone.replies(reply)
    await ana.phone.receives("we got your text")
    assert await clinic.open_tasks(ana) == ["call_back"]
    async with clinic.deps.system_db.begin() as tx:
        detail = await tx.scalar(select(Task.detail).where(Task.kind == "call_back"))
    assert detail == {"asked": asked}


async def test_other_words_are_for_a_person_to_read(clinic: Clinic) -> None:
    await clinic.until_local("11:00")
    ana = await clinic.enrols("Ana", measures=())
    await clinic.next_contact(ana, clinic.clock.now().replace(year=clinic.clock.now().year + 1, month=1))
    await does_not_come(clinic, ana)
    await ana.phone.receives("sorry we missed you")
    await ana.phone.replies("Tomorrow please")
    await ana.phone.receives("we got your text")
    assert await clinic.open_tasks(ana) == ["inbound_text"]
