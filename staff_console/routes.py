"""Every route of the console."""

from __future__ import annotations

from typing import Any, Final

from staff_console.account import controller as signing_in
from staff_console.account import own as account
from staff_console.approvals import controller as approvals
from staff_console.billing import controller as billing
from staff_console.care_plan import controller as care_plan
from staff_console.contact import controller as contact
from staff_console.coverage import controller as coverage
from staff_console.details import controller as details
from staff_console.enrol import controller as enrol
from staff_console.enrol import findings
from staff_console.handover import controller as handover
from staff_console.on_call import controller as on_call
from staff_console.patient import controller as patient
from staff_console.protocol import controller as protocol
from staff_console.quality import controller as quality
from staff_console.referrals import controller as referrals
from staff_console.registry import controller as registry
from staff_console.related_people import controller as related_people
from staff_console.review import controller as review
from staff_console.safety import controller as safety
from staff_console.scores import controller as scores
from staff_console.search import controller as search
from staff_console.setup import accounts, clinics, imports, keys, launch, numbers
from staff_console.setup import controller as setup
from staff_console.status import controller as status
from staff_console.steps import controller as steps
from staff_console.tasks import controller as tasks
from staff_console.time import controller as time
from staff_console.time import timers
from staff_console.today import controller as today

ROUTES: Final[list[Any]] = [
    *signing_in.ROUTES,
    *account.ROUTES,
    *today.ROUTES,
    *registry.ROUTES,
    *steps.ROUTES,
    *quality.ROUTES,
    *search.ROUTES,
    *patient.ROUTES,
    *contact.ROUTES,
    *care_plan.ROUTES,
    *scores.ROUTES,
    *status.ROUTES,
    *enrol.ROUTES,
    *findings.ROUTES,
    *safety.ROUTES,
    *protocol.ROUTES,
    *on_call.ROUTES,
    *review.ROUTES,
    *approvals.ROUTES,
    *referrals.ROUTES,
    *tasks.ROUTES,
    *time.ROUTES,
    *timers.ROUTES,
    *billing.ROUTES,
    *coverage.ROUTES,
    *details.ROUTES,
    *related_people.ROUTES,
    *setup.ROUTES,
    *launch.ROUTES,
    *numbers.ROUTES,
    *imports.ROUTES,
    *accounts.ROUTES,
    *keys.ROUTES,
    *clinics.ROUTES,
    *handover.ROUTES,
]
