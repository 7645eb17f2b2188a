"""No step hides behind a short list on Today, and each link leads to the list it was cut from."""

from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from registry.stepped_care.queries import ProposalLine
from registry.stepped_care.rules import Kind
from staff_console.registry.forms import RegistryQuery, wanted
from staff_console.today.presenter import in_order
from tests.support.screens import TODAY, environment, shell

ENVIRONMENT = environment()


def proposal(kind: Kind, due_on: date) -> ProposalLine:
    return ProposalLine(
        UUID(int=1), UUID(int=2), "BRANNOCK", "Tobias", kind, kind, "R-STALL-B", "1", "Because.", {},
        due_on, due_on, "open", datetime(2026, 11, 20, tzinfo=UTC), None, None, None,
    )  # fmt: skip


def test_late_steps_come_first_and_of_one_day_those_of_patients_who_do_worse() -> None:
    today, late = date(2026, 11, 23), date(2026, 11, 20)
    kinds: tuple[Kind, ...] = ("graduate", "step_down", "score", "side_effects", "step_up", "relapse")
    lines = [*(proposal(kind, today) for kind in kinds), proposal("step_down", late)]
    assert [(line.kind, line.due_on) for line in in_order(lines)] == [
        ("step_down", late), ("relapse", today), ("step_up", today), ("side_effects", today), ("score", today),
        ("step_down", today), ("graduate", today),
    ]  # fmt: skip


def page(**changes: object) -> str:
    shown = msgspec.structs.replace(TODAY, **changes)
    template = ENVIRONMENT.get_template("today/today.html")
    return template.render(shell=shell("today"), page=shown, csrf_token="token-1")


def test_steps_beyond_the_short_list_are_folded_and_counted() -> None:
    later = msgspec.structs.replace(TODAY.steps[0], patient="ZAMBONI, Last")
    html = page(steps=TODAY.steps * 10, later_steps=(later,))
    assert 'Steps to decide <span class="ek-count">11</span>' in html
    assert "1 more to decide" in html and "ZAMBONI, Last" in html
    assert "more to decide" not in page()


@pytest.mark.parametrize("whose", ["mine", "clinic"])
def test_what_is_left_out_is_listed_where_the_link_leads(whose: Literal["mine", "clinic"]) -> None:
    html = page(whose=whose, overdue_more=2, unanswered_more=3, waiting_more=4)
    assert f'href="/registry?caseload={whose}&amp;flag=overdue"' in html.replace("&flag", "&amp;flag")
    assert f"caseload={whose}&amp;check_in=unanswered" in html.replace("&check", "&amp;check")
    tasks = "/tasks?view=all" if whose == "clinic" else "/tasks"
    assert f'<a href="{tasks}">4 more waiting' in html


def test_the_registry_finds_every_check_in_that_waits_for_an_answer() -> None:
    asked = wanted(RegistryQuery(caseload="clinic", check_in="unanswered"), date(2026, 3, 2), ZoneInfo("UTC"))
    assert asked.check_in_states == {"invited", "in_progress", "missed", "partial_expired"}
