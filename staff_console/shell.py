"""The frame around every console page: who is signed in, where, what cannot wait."""

from typing import Literal

from msgspec import Struct

from kernel.audit import Role
from registry.access import CLINICAL
from staff_console.formats import Moment
from staff_console.unsaved import Unsaved

PageKey = Literal[
    "today", "registry", "safety", "tasks", "review", "approvals", "quality", "billing", "setup", "account"
]


class NavItem(Struct, frozen=True):
    """`keys` is the shortcut as two letters typed one after the other (`g r`); `count` shows from one; `roles` are
    those who may open it."""

    key: PageKey
    label: str
    href: str
    keys: str
    roles: tuple[Role, ...] = CLINICAL
    count: int = 0


NAV: tuple[NavItem, ...] = (
    NavItem("today", "Today", "/today", "g t"),
    NavItem("registry", "Registry", "/registry", "g r"),
    NavItem("safety", "Safety", "/safety", "g s"),
    NavItem("tasks", "Tasks", "/tasks", "g k"),
    NavItem("review", "Review", "/review", "g v"),
    NavItem("approvals", "Approvals", "/approvals", "g a"),
    NavItem("quality", "Quality", "/quality", "g q"),
    NavItem("billing", "Billing", "/billing", "g b", ("biller", "clinic_lead", "care_manager")),
    NavItem("setup", "Setup", "/setup", "g u", ("administrator", "clinic_lead")),
)


class SignedIn(Struct, frozen=True):
    name: str
    role: str


class SafetyBanner(Struct, frozen=True):
    text: str
    href: str
    drill: bool = False


class Undo(Struct, frozen=True):
    """A form post that takes the last action back, offered for `seconds`."""

    action: str
    label: str
    seconds: int = 10


class RunningTimer(Struct, frozen=True):
    """The person's timer on every page. `idle` asks whether they are still at work, with the moment of their last
    sign; `back` is the page to return to."""

    patient: str
    patient_href: str
    activity: str
    activity_label: str
    since: Moment
    seen: Moment
    seconds: int
    minutes: str
    back: str
    idle: bool = False
    idle_after: int = 600


class TimerStart(Struct, frozen=True):
    """Starts the person's timer for the patient of the page, and comes `back` to it."""

    action: str
    activity: str
    back: str


class Flash(Struct, frozen=True):
    kind: Literal["done", "note", "problem"]
    text: str
    undo: Undo | None = None


class Idle(Struct, frozen=True):
    """Seconds after the last request at which the session ends, and how long before that to warn."""

    ends_after: int = 900
    warn_before: int = 120


class Shell(Struct, frozen=True):
    """`current` marks the page in the navigation. `person` is None on the sign-in pages and hides search,
    navigation and the idle warning. `form_key` is fresh for every page: a form sent twice is saved once. `start` stands
    on the pages of a patient while no timer of the person runs. `unsaved` was typed into a form that the page no longer
    has."""

    clinic: str
    mode: Literal["demo", "simulation", "live"]
    now: Moment
    current: PageKey | None = None
    person: SignedIn | None = None
    nav: tuple[NavItem, ...] = NAV
    safety: SafetyBanner | None = None
    flashes: tuple[Flash, ...] = ()
    idle: Idle = Idle()
    searches: bool = True
    may_set_up: bool = True
    form_key: str = ""
    timer: RunningTimer | None = None
    start: TimerStart | None = None
    unsaved: Unsaved | None = None
