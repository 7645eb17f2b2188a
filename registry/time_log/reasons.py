"""Why a logged second does not count, in the order the reasons are tried.

A second that fails several tests carries the first, so what can never count says so at once and nobody
repairs one thing only to meet the next. Sources of the tests: NC Medicaid, 2019 collaborative care reminder
and BCBS North Dakota NDRP-GC-017 (time reported under another code); AAP News, CPT 2018 (inpatient time);
BCBS Michigan, The Record, November 2020 (a joint review counts once, not once per person) and May 2022
(services are per calendar month).
"""

from typing import Final, Literal

Reason = Literal[
    "other_month",
    "superseded",
    "crosses_month_end",
    "automated",
    "clerical",
    "separately_reported",
    "role_not_counted",
    "treating_oversight",
    "treating_care_time",
    "no_consent",
    "before_consent",
    "after_consent_end",
    "before_enrolment",
    "after_end",
    "inpatient",
    "person_elsewhere",
    "consultant_alone",
    "joint_counted_once",
    "overlap",
]

REASON_TEXT: Final[dict[Reason, str]] = {
    "other_month": "Belongs to another calendar month in the clinic's time zone.",
    "superseded": "Replaced by a correction.",
    "crosses_month_end": "The entry runs past midnight at the month's end and this payer wants it entered as two.",
    "automated": "Done by software; only a person's time counts.",
    "clerical": "Office work does not count.",
    "separately_reported": "Reported under another code, so it cannot count here too.",
    "role_not_counted": "This kind of work does not count for this role.",
    "treating_oversight": "The treating clinician's ordinary oversight does not count under this rule set.",
    "treating_care_time": "The treating clinician's time does not count under this rule set.",
    "no_consent": "No consent to collaborative care is on record.",
    "before_consent": "Before the patient agreed to collaborative care.",
    "after_consent_end": "After the patient withdrew consent to collaborative care.",
    "before_enrolment": "Before the episode began.",
    "after_end": "After the episode ended.",
    "inpatient": "The patient was in hospital (inpatient or observation).",
    "person_elsewhere": "The same person's time is already logged for another patient.",
    "consultant_alone": "The psychiatric consultant's time alone does not count under this rule set.",
    "joint_counted_once": "A case review counts once, not once per person.",
    "overlap": "Another entry already counts this time.",
}
