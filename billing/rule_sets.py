"""What payers require of a collaborative-care month, as data with a source, an author and a version.

Shipped sets are the TOML files in `billing/rule_sets/`, one per version: a change is a new version, so a row
exported under `cpt_midpoint@1` can be derived again for ever.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from kernel.errors import Invalid
from registry.time_log.months import Month
from registry.time_log.rules import CountingPolicy

DEFAULT: Final = "cpt_midpoint"
OWN: Final = "own_"  # a clinic's own ids begin so, and no shipped one ever does
_FILES: Final = Path(__file__).with_suffix("")

ConsentMethod = Literal["verbal", "written", "portal"]


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Minutes are whole minutes of a calendar month. `effective_to` is inclusive; `reviewed_through` is the
    last day the sources were checked for, after which rows are flagged. `max_99494_units` warns, and cuts
    only where `truncate_99494` is set. `separately_paid` false: lines are listed, not charged. `month_code`: one code
    stands for the whole month, whatever its minutes past the minimum. `apcm_addons`: beside an advanced-primary-care
    month, `use` its untimed addition in place of our lines, or `hold` ours for a person."""

    id: str
    version: int
    title: str
    source: str
    author: str
    effective_from: date
    effective_to: date | None = None
    reviewed_through: date
    payer: str | None = None
    plan: str | None = None
    time_rule: Literal["cpt_midpoint", "full_threshold"]
    g2214_enabled: bool = True
    g2214_min: int
    max_99494_units: int = 2
    truncate_99494: bool = False
    count_consultant_solo: bool = False
    count_pcp_bhcm_time: bool = True
    count_pcp_oversight: bool = False
    exclude_inpatient: bool = True
    month_cross: Literal["split", "reject"] = "split"
    episode_gap_months: int = 6
    initial_repeat_rule: Literal["once_per_episode", "once_per_calendar_year"] = "once_per_episode"
    dos_rule: Literal["last_day", "threshold_date"] = "last_day"
    pos: str = "11"
    separately_paid: bool = True
    setting: Literal["prof", "rhc_fqhc"] = "prof"
    month_code: Literal["G0512"] | None = None
    g0512_first_min: int = 70
    apcm_addons: Literal["hold", "use"] = "hold"
    min_99484: int = 20
    initiating_visit_months: int = 12
    initiating_visit_accepts_9079x: bool = False
    consent_methods: tuple[ConsentMethod, ...] = ("verbal", "written", "portal")
    consent_extra_elements_required: bool = False
    dx_policy: Literal["diagnosed", "suspected_allowed"] = "diagnosed"
    prior_auth_after_months: int | None = None

    def __post_init__(self) -> None:
        for field in (
            "version",
            "g2214_min",
            "min_99484",
            "g0512_first_min",
            "episode_gap_months",
            "initiating_visit_months",
        ):
            if getattr(self, field) < 1:
                raise ValueError(f"{field}: must be at least 1")
        if self.max_99494_units < 0:
            raise ValueError("max_99494_units: must not be negative")
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError("effective_to: ends before it begins")
        if not self.consent_methods:
            raise ValueError("consent_methods: name at least one")

    @property
    def rule_id(self) -> str:
        return f"{self.id}@{self.version}"

    @property
    def counting(self) -> CountingPolicy:
        return CountingPolicy(
            count_consultant_solo=self.count_consultant_solo,
            count_pcp_bhcm_time=self.count_pcp_bhcm_time,
            count_pcp_oversight=self.count_pcp_oversight,
            exclude_inpatient=self.exclude_inpatient,
            month_cross=self.month_cross,
        )

    def covers(self, month: Month) -> bool:
        """True when it is in force for the whole month."""
        ends = self.effective_to
        return self.effective_from <= month.first_day and (ends is None or month.last_day <= ends)


def parse(text: str) -> RuleSet:
    """Reads one rule set from TOML; raises Invalid naming the field that is missing, unknown or wrong."""
    try:
        return msgspec.convert(tomllib.loads(text), RuleSet)
    except tomllib.TOMLDecodeError as error:
        raise Invalid.field("rule_set", f"not readable as TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise Invalid.field("rule_set", str(error)) from error


@cache
def shipped() -> Mapping[str, RuleSet]:
    """Every shipped version by rule id (`cpt_midpoint@1`)."""
    read = (parse(path.read_text("utf-8")) for path in sorted(_FILES.glob("*.toml")))
    return {rule_set.rule_id: rule_set for rule_set in read}


def newest(rule_sets: Iterable[RuleSet], name: str) -> RuleSet | None:
    """The rule set called `name`: an exact rule id (`nc_medicaid@1`), else the highest version of an id."""
    fitting = [rule_set for rule_set in rule_sets if name in (rule_set.rule_id, rule_set.id)]
    return max(fitting, key=lambda rule_set: rule_set.version, default=None)


def in_force(rule_sets: Iterable[RuleSet], name: str, month: Month) -> RuleSet | None:
    """The version of an id that holds for the whole month: from the first day of a version on, those before it are
    replaced. An exact rule id stands for itself."""
    begun = [
        each
        for each in rule_sets
        if name in (each.rule_id, each.id) and each.effective_from <= month.first_day
    ]
    found = max(begun, key=lambda each: each.version, default=None)
    return found if found is not None and found.covers(month) else None


def _all_in_force(rule_sets: Iterable[RuleSet], month: Month) -> list[RuleSet]:
    """`in_force` of every id, by id, in one pass."""
    first_day = month.first_day
    newest_begun: dict[str, RuleSet] = {}
    for each in rule_sets:
        if each.effective_from <= first_day:
            known = newest_begun.get(each.id)
            if known is None or each.version > known.version:
                newest_begun[each.id] = each
    return [newest_begun[name] for name in sorted(newest_begun) if newest_begun[name].covers(month)]


def choose(
    rule_sets: Iterable[RuleSet], month: Month, *, payer: str | None, plan: str | None, default: str = DEFAULT
) -> RuleSet | None:
    """The rule set for a payer's month: payer and plan before payer alone before the default, a clinic's own before
    a shipped one, then the latest start. None when nothing is in force, so a person must choose."""
    chosen = _all_in_force(rule_sets, month)
    named = [rule_set for rule_set in chosen if rule_set.payer is not None and rule_set.payer == payer]
    for group in (
        [rule_set for rule_set in named if rule_set.plan is not None and rule_set.plan == plan],
        [rule_set for rule_set in named if rule_set.plan is None],
        [rule_set for rule_set in chosen if rule_set.id == default],
    ):
        if group:
            return max(group, key=lambda each: (each.id.startswith(OWN), each.effective_from, each.version))
    return None


class RuleBook(msgspec.Struct, frozen=True):
    """What a clinic bills by: the shipped sets and its `own`, its `default` id, and the ids `assigned` to payers by
    the name that coverages hold."""

    own: tuple[RuleSet, ...] = ()
    default: str = DEFAULT
    assigned: dict[str, str] = {}

    @property
    def known(self) -> tuple[RuleSet, ...]:
        return (*shipped().values(), *self.own)

    def of(self, month: Month, payer: str | None, plan: str | None) -> RuleSet:
        """The payer's; where none is in force the assigned one's, else the default's newest version stands, and the
        row is held for it."""
        assigned = None if payer is None else self.assigned.get(payer)
        return self.standing(month, payer, plan) or self.named(assigned or self.default)

    def standing(self, month: Month, payer: str | None, plan: str | None) -> RuleSet | None:
        """The one assigned to the payer, else the closest in force; None where that one is not in force."""
        assigned = None if payer is None else self.assigned.get(payer)
        if assigned is not None:
            return in_force(self.known, assigned, month)
        return choose(self.known, month, payer=payer, plan=plan, default=self.default)

    def named(self, name: str) -> RuleSet:
        """The highest version of an id, or the exact version. Raises Invalid for a name that is neither shipped nor
        the clinic's own."""
        found = newest(self.known, name)
        if found is None:
            raise Invalid.field("rule_set", "is not one of the rule sets")
        return found

    def offered(self) -> tuple[RuleSet, ...]:
        """The newest version of each id, by title."""
        found = (self.named(name) for name in sorted({each.id for each in self.known}))
        return tuple(sorted(found, key=lambda each: each.title))
