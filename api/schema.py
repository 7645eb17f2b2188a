"""Every table, in one place: what the migrations and their drift test compare against."""

from __future__ import annotations

from billing.close import tables as closed_months
from billing.decisions import tables as decisions
from billing.identity import tables as billing_identity
from billing.money import tables as money
from billing.own_rules import tables as own_rules
from kernel import audit
from kernel import tables as kernel_tables
from kernel.tables import Base
from kernel.web import tables as web
from messaging.consent import tables as consent
from messaging.conversation import tables as conversation
from messaging.delivery import tables as delivery
from messaging.links import tables as links
from messaging.patient_access import tables as patient_access
from messaging.schedule import tables as schedule
from registry.care_plans import tables as care_plans
from registry.contacts import tables as contacts
from registry.cover import tables as cover
from registry.disengagement import tables as disengagement
from registry.drafts import tables as drafts
from registry.drills import tables as drills
from registry.episodes import tables as episodes
from registry.filing import tables as filing
from registry.handover import tables as handover
from registry.imports import tables as imports
from registry.instruments import tables as instruments
from registry.intake import tables as intake
from registry.launch import tables as launch
from registry.measures import tables as measures
from registry.on_call import tables as on_call
from registry.organisation import tables as organisation
from registry.patients import tables as patients
from registry.plans import tables as plans
from registry.protocol import tables as protocol
from registry.quality import tables as quality
from registry.recommendations import tables as recommendations
from registry.referrals import tables as referrals
from registry.related_people import tables as related_people
from registry.review import tables as review
from registry.safety import tables as safety
from registry.stepped_care import tables as stepped_care
from registry.time_log import tables as time_log
from registry.treatment_changes import tables as treatment_changes
from registry.worklist import tables as worklist

# Importing a room's tables is what registers them.
ROOMS = (
    audit, kernel_tables, web,
    organisation, instruments, patients, episodes, plans, measures, safety, time_log, worklist,
    drafts, cover, treatment_changes, stepped_care, quality, launch, imports, drills, protocol, on_call,
    related_people, patient_access,
    review, recommendations, referrals, contacts, filing, care_plans, intake, disengagement, handover,
    consent, conversation, delivery, links, schedule,
    closed_months, billing_identity, money, decisions, own_rules,
)  # fmt: skip

metadata = Base.metadata
