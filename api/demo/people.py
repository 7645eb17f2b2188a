"""Everyone in the demo. All invented; their telephone numbers are of the range kept free for fiction (555-01xx)."""

from __future__ import annotations

from typing import Final, NamedTuple

from kernel.audit import Role

ORGANISATION: Final = "Harbor Health (demo)"


class Person(NamedTuple):
    """A member of staff. `key` is the last part of the sign-in address."""

    key: str
    role: Role
    name: str
    credentials: str | None = None
    npi: str | None = None


class ClinicPlan(NamedTuple):
    slug: str
    name: str
    text_name: str
    zone: str
    number: str
    support_phone: str
    npi: str
    tax_id: str
    areas: tuple[int, ...]
    names_from: int  # which of the invented names the first patient has
    patients: int
    staff: tuple[Person, ...]


HARBOR: Final = ClinicPlan(
    slug="harbor-street",
    name="Harbor Street Family Medicine",
    text_name="Harbor Street",
    zone="America/Los_Angeles",
    number="+12065550100",
    support_phone="+12065550101",
    npi="1999999984",
    tax_id="00-1234567",
    areas=(425, 253, 360),
    names_from=0,
    patients=60,
    staff=(
        Person("care_manager", "care_manager", "Dana Whitlock", "LICSW"),
        Person("care_manager_2", "care_manager", "Ruben Achterberg", "RN"),
        Person("clinician", "clinician", "Imani Okereke", "MD", "1999999992"),
        Person("clinician_2", "clinician", "Tom Vasquez-Lund", "ARNP", "1888888991"),
        Person("clinician_3", "clinician", "Greta Solheim", "MD", "1777777990"),
        Person("consultant", "consultant", "Priya Raghunath", "MD", "1666666999"),
        Person("clinic_lead", "clinic_lead", "Morgan Ellery", "PhD"),
        Person("biller", "biller", "Casper Nyland"),
        Person("administrator", "administrator", "Joan Petrakis"),
    ),
)
PINE: Final = ClinicPlan(
    slug="pine-ridge",
    name="Pine Ridge Health Center",
    text_name="Pine Ridge",
    zone="America/Los_Angeles",
    number="+15095550100",
    support_phone="+15095550101",
    npi="1555555998",
    tax_id="00-7654321",
    areas=(509,),
    names_from=60,
    patients=5,
    staff=(
        Person("other_clinic", "care_manager", "Nadia Furrow", "LMHC"),
        Person("other_clinician", "clinician", "Elias Tran-Moreau", "MD", "1444444990"),
        Person("other_consultant", "consultant", "Wendeline Ashby", "MD", "1333333999"),
    ),
)

FAMILY_NAMES: Final = (
    "Aldercott", "Brannock", "Castellanos", "Dunleavy", "Eastergard", "Fairweather", "Gillespie-Roy", "Hathersage",
    "Ibarra", "Jernigan", "Kowalczuk", "Lindquist", "Montrose", "Nakagawa", "Oyelaran", "Pemberly",
    "Quintanilla", "Rasmussen", "Stavropoulos", "Thackeray", "Underhill", "Valderrama", "Westerhout", "Yellowknee",
    "Zamboni", "Ashgrove", "Birchwood", "Carmody", "Delacroix", "Ellsworth",
)  # fmt: skip
GIVEN_NAMES: Final = (
    "Maren", "Tobias", "Inés", "Harlan", "Odette", "Lucille", "Piers", "Annika", "Rosario", "Desmond",
    "Halina", "Sven", "Clementine", "Kenji", "Adaeze", "Rupert", "Marisol", "Freya", "Nikos", "Wilma",
    "Jasper", "Ximena", "Hendrik", "Talia", "Enzo", "Beatrix", "Silas", "Noreen", "Lucien", "Opal",
)  # fmt: skip
PAYERS: Final = (
    ("Cascade Health Plan", "Choice 2000"),
    ("Evergreen Senior Advantage", "Gold"),
    ("Rainier Community Plan", "Standard"),
    ("Sound Mutual", "PPO"),
)
CONDITIONS: Final = ("F33.1", "F32.1", "F41.1", "F33.0", "F43.23", "F32.2", "F41.9")
REASONS: Final = (
    "Low mood since the spring, sleeping badly; PHQ-9 of 16 at the visit.",
    "Worry most of the day, missing work; asks for help short of therapy.",
    "Second episode; stopped sertraline a year ago, would like to restart.",
    "New diagnosis of diabetes, overwhelmed, not taking medicines regularly.",
    "Postpartum, tearful; partner is supportive.",
)
PURPOSES: Final = (
    "Check how the new dose is tolerated and go over the activity plan.",
    "Repeat PHQ-9, review sleep log.",
    "Practise the breathing exercise; plan for the family visit.",
    "Talk about returning to work.",
    "Relapse-prevention plan: early signs and what helps.",
)
AFTER_BIRTH: Final = 4  # of the reasons
STREETS: Final = ("Larch Street", "Tidewater Avenue", "Old Mill Road", "Beacon Lane", "Orchard Way")


def patient_name(nth: int) -> tuple[str, str]:
    """(family, given) of the nth patient; the first 900 differ from one another."""
    turn = nth // len(FAMILY_NAMES)
    return FAMILY_NAMES[nth % len(FAMILY_NAMES)], GIVEN_NAMES[(nth + 7 * turn) % len(GIVEN_NAMES)]


def patient_number(areas: tuple[int, ...], nth: int) -> str:
    """555-0110 and up, so that no patient has a clinic's own number; at most 90 in an area."""
    return f"+1{areas[nth // 90]}55501{10 + nth % 90:02d}"
