"""Fees, denials, staffing and the shadow month, through the page's own forms."""

from __future__ import annotations

import re

from api.wiring import Deps
from tests.http.test_console_closing import MONTH, billable
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import signed_in

MONEY = "/billing/money?month=2026-03"


async def test_a_biller_sees_what_a_month_is_worth_what_was_denied_and_whether_people_suffice(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await billable(dana, harbor, console_deps)
    manager = f"hours_{harbor.staff['care_manager']}"
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens(MONTH)
        await tom.submits(f"{MONTH}/close")
        await tom.opens(MONEY)
        assert "no fee entered" in tom.text
        await tom.submits("/billing/money/fees", code="99492", expected="1.234")
        assert tom.errors == ["What is expected needs an amount such as 162.40."]
        await tom.submits("/billing/money/fees", code="99492", expected="160.10")
        await tom.submits("/billing/money/fees", code="99494", expected="58")
        await tom.submits("/billing/money/fees", code="99494", expected="60.05", payer="Cascade Health Plan")
        await tom.opens(MONEY)
        assert "Expected: 220.15" in tom.text
        await tom.submits("/billing/money/staffing", **{manager: "0.5"})
        await tom.opens(MONEY)
        assert "Fits" in tom.text or "short" in tom.text
        await tom.submits("/billing/money/staffing", **{manager: "999"})
        assert tom.errors, tom.text
        await tom.opens(MONEY)
        form = tom.form("/billing/money/denials")
        assert form.method == "post"
        line = next(value for value in _options(tom.html) if value.endswith(" 99494"))
        await tom.submits(
            "/billing/money/denials", line=line, reason_code="CO-B15", amount="60.05", denied_on="2026-04-01"
        )
        assert "Denial recorded." in tom.said
        assert "The service it belongs to is not on the claim" in tom.text
        action = next(
            form.action for form in tom.page.forms if form.action.startswith("/billing/money/denials/")
        )
        await tom.posts(action, [("_csrf", form.filled({})[0][1]), ("outcome", "written_off")])
        assert "Outcome of the denial saved." in tom.said
        await tom.posts(action, [("_csrf", form.filled({})[0][1]), ("outcome", "appealed")])
        assert tom.status == 409


async def test_a_bill_of_another_system_is_compared_line_by_line_and_not_stored(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await billable(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens(MONEY)
        await tom.submits("/billing/money/shadow", csv="mrn,code,units\r\n40117,99493,1\r\n777,99492,1\r\n")
        assert "0 agree." in tom.text and "2 differ." in tom.text
        assert "99493: billed 1, ours 0." in tom.text
        assert "Ours is initial: The first month with time for this patient." in tom.text
        assert "No patient with time in this month has this record number." in tom.text
        await tom.submits("/billing/money/shadow", csv="mrn,code,units\r\n40117,99492,1\r\n40117,99494,1\r\n")
        assert "1 agree." in tom.text
        await tom.submits("/billing/money/shadow", csv="mrn,code,units\r\n40117,9949,x\r\n")
        assert any("line 2, code: needs five letters or digits" in error for error in tom.errors)


def _options(html: str) -> list[str]:
    return re.findall(r'<option value="([^"]+)"', html)
