"""What a clinic's own rule set must be: a JSON document with the fields of the shipped ones, and what keeps it out.

Place-of-service codes: CMS, Place of Service Code Set. A minimum of the shorter month at or above that of the later
month would never be reached; neither would one longer than a month.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from billing.codes import find
from billing.rule_sets import OWN, RuleSet, shipped
from billing.rules import minutes_needed
from kernel.errors import Invalid, Problem

LONGEST_DOCUMENT: Final = 20_000
_ID: Final = re.compile(r"own_[a-z0-9]+(?:_[a-z0-9]+)*", re.ASCII)
_LONGEST: Final = {"id": 60, "title": 120, "author": 120, "source": 2000, "payer": 120, "plan": 120}
# The fewest that any payer counts: more than half of 30, 20 and 70 minutes (AMA, CPT, Time: a unit is attained when its
# midpoint is passed).
_MINUTES: Final = {"g2214_min": 16, "min_99484": 11, "g0512_first_min": 36}
_MOST_MINUTES: Final = 31 * 24 * 60
_MOST_MONTHS: Final = 120
_PLACES: Final = frozenset(
    f"{code:02d}"
    for first, last in (
        (1, 27),
        (31, 34),
        (41, 42),
        (49, 58),
        (60, 62),
        (65, 66),
        (71, 72),
        (81, 81),
        (99, 99),
    )
    for code in range(first, last + 1)
)
_FIELD: Final = re.compile(r"`?\$\.(\w+)|field `(\w+)`|^(\w+): ")


def parse(document: str) -> RuleSet:
    """Reads the JSON document. Raises Invalid with the field's name, or `document` for what is no such document."""
    if len(document) > LONGEST_DOCUMENT:
        raise Invalid.field("document", f"is longer than {LONGEST_DOCUMENT} characters")
    try:
        return msgspec.json.decode(document.encode(), type=RuleSet)
    except msgspec.ValidationError as error:
        words = str(error)
        named = _FIELD.search(words)
        field = next((each for each in named.groups() if each), "") if named else ""
        raise Invalid.field(field or "document", _said(words, field)) from None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid.field("document", f"can't be read as JSON: {error}") from None


def _said(words: str, field: str) -> str:
    if words.startswith("Object missing required field"):
        return "is needed"
    if words.startswith("Object contains unknown field"):
        return "is no field of a rule set"
    text = words.split(" - at ")[0]
    return text.removeprefix(f"{field}: ").replace("Expected", "must be", 1).replace("`", "")


def check(rule_set: RuleSet, own: Sequence[RuleSet]) -> tuple[Problem, ...]:
    """Everything that keeps it out, beside the clinic's `own` sets of every version."""
    return (
        *_named(rule_set),
        *_words(rule_set),
        *_coded(rule_set),
        *_counted(rule_set),
        *_versioned(rule_set, own),
        *_against(rule_set, own),
    )


def _named(rule_set: RuleSet) -> Iterable[Problem]:
    if rule_set.id in {each.id for each in shipped().values()}:
        yield Problem("id", f"is a shipped rule set's; begin a clinic's own with {OWN}")
    elif _ID.fullmatch(rule_set.id) is None:
        yield Problem("id", f"needs {OWN} and then small letters, digits and single underscores")


def _words(rule_set: RuleSet) -> Iterable[Problem]:
    for field, most in _LONGEST.items():
        given = getattr(rule_set, field)
        if given is not None and not given.strip():
            yield Problem(field, "is needed" if field in ("title", "author", "source") else "is empty")
        elif given is not None and not given.replace("\n", " " if field == "source" else "\n").isprintable():
            yield Problem(field, "holds characters that can't be seen")
        elif given is not None and len(given) > most:
            yield Problem(field, f"is longer than {most} characters")
        elif field in ("payer", "plan") and given != (given and given.strip()):
            yield Problem(field, "begins or ends with a blank")
    if rule_set.plan is not None and rule_set.payer is None:
        yield Problem("plan", "needs its payer")
    if rule_set.reviewed_through < rule_set.effective_from:
        yield Problem("reviewed_through", "is before the rule set begins")


def _coded(rule_set: RuleSet) -> Iterable[Problem]:
    if rule_set.pos not in _PLACES:
        yield Problem("pos", "is no place-of-service code")
    if rule_set.month_code is not None:
        code = find(rule_set.month_code)
        last = rule_set.effective_to or date.max
        if code is None or code.valid_from > rule_set.effective_from or (code.valid_to or last) < last:
            yield Problem("month_code", "is not in force over these dates")


def _counted(rule_set: RuleSet) -> Iterable[Problem]:
    for field, fewest in _MINUTES.items():
        if getattr(rule_set, field) < fewest:
            yield Problem(field, f"is less than half of the code's time; the fewest is {fewest}")
        if getattr(rule_set, field) > _MOST_MINUTES:
            yield Problem(field, "is more minutes than a month has")
    for field in ("episode_gap_months", "initiating_visit_months", "prior_auth_after_months"):
        months = getattr(rule_set, field)
        if months is not None and not 1 <= months <= _MOST_MONTHS:
            yield Problem(field, f"needs 1 to {_MOST_MONTHS} months")
    plain = msgspec.structs.replace(rule_set, month_code=None)
    base = min(minutes_needed("initial", "99492", plain), minutes_needed("subsequent", "99493", plain))
    if rule_set.g2214_enabled and rule_set.g2214_min >= base:
        yield Problem("g2214_min", f"is out of order: 99493 or 99492 is reached at {base} minutes already")
    if rule_set.month_code is not None and rule_set.g0512_first_min > 70:
        yield Problem("g0512_first_min", "is out of order: the whole first month stands for 70 minutes")


def _versioned(rule_set: RuleSet, own: Sequence[RuleSet]) -> Iterable[Problem]:
    """A version that stands is never replaced by other words under its number."""
    versions = [each.version for each in own if each.id == rule_set.id]
    due = max(versions, default=0) + 1
    if rule_set.version != due:
        yield Problem("version", f"the next one of this id is {due}")


def _against(rule_set: RuleSet, own: Sequence[RuleSet]) -> Iterable[Problem]:
    """Two ids for one payer and plan in one month would contradict each other."""
    if rule_set.payer is None:
        return
    begins, ends = rule_set.effective_from, rule_set.effective_to or date.max
    for other in own:
        if other.id == rule_set.id or (other.payer, other.plan) != (rule_set.payer, rule_set.plan):
            continue
        first, last = spans(other, own)
        if first <= last and begins <= last and first <= ends:
            yield Problem("effective_from", f"contradicts {other.rule_id}, which holds for the payer then")


def spans(rule_set: RuleSet, own: Sequence[RuleSet]) -> tuple[date, date]:
    """First and last day on which a version holds: until it ends, or a later version of its id begins."""
    later = [
        each.effective_from - timedelta(days=1)
        for each in own
        if each.id == rule_set.id and each.version > rule_set.version
    ]
    return rule_set.effective_from, min((rule_set.effective_to or date.max, *later))


def text_of(rule_set: RuleSet) -> str:
    """The document as it is kept and shown, every field written out; it can be brought in again as it is."""
    return msgspec.json.format(msgspec.json.encode(rule_set, order="sorted"), indent=2).decode()


def digest(rule_set: RuleSet) -> str:
    return hashlib.sha256(text_of(rule_set).encode()).hexdigest()
