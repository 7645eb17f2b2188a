"""What a roll-up works out once and asks for every month: frames of months, reasons, rule sets, lines."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import msgspec

from billing.rule_sets import RuleBook, RuleSet
from billing.rules import MonthType, lines_for
from registry.time_log.exclusions import EPOCH
from registry.time_log.months import Month
from registry.time_log.rules import CountingPolicy
from registry.time_log.tally import Reasons


class PaidBy(msgspec.Struct, frozen=True):
    payer: str
    plan: str | None
    first: int
    last: int


class MonthFrame(msgspec.Struct, frozen=True, eq=False):
    """A calendar month in the clinic's zone: seconds since 1970, and its days as ordinals."""

    low: int
    high: int
    month: Month
    text: str
    first: int
    last: int


class Prepared(msgspec.Struct, frozen=True, eq=False):
    rules: RuleSet
    rule_id: str
    counting: CountingPolicy
    reasons: Reasons
    lines: dict[tuple[MonthType, int], str]

    def text(self, kind: MonthType, minutes: int) -> str:
        found = self.lines.get((kind, minutes))
        if found is None:
            found = self.lines[kind, minutes] = lines_for(kind, minutes, self.rules).text
        return found


class Book:
    """What is worked out once and asked for every month: frames of months, reasons, rule sets, lines."""

    def __init__(self, zone: tzinfo, rule_book: RuleBook) -> None:
        self.zone = zone
        self.rule_book = rule_book
        self._chosen: dict[tuple[Month, str | None, str | None], Prepared] = {}
        self._by_id: dict[str, Prepared] = {}
        self._months: dict[Month, MonthFrame] = {}
        self._latest: list[MonthFrame] = []

    def month_at(self, start: int) -> MonthFrame:
        for known in self._latest:
            if known.low <= start < known.high:
                return known
        return self.month(Month.at(EPOCH + timedelta(seconds=start), self.zone))

    def month(self, month: Month) -> MonthFrame:
        found = self._months.get(month)
        if found is None:
            low, high = (since_1970(edge) for edge in month.bounds(self.zone))
            days = month.first_day.toordinal(), month.last_day.toordinal()
            found = self._months[month] = MonthFrame(low, high, month, str(month), *days)
            self._latest.append(found)
        return found

    def rules(self, month: Month, cover: PaidBy | None) -> Prepared:
        key = (month, None, None) if cover is None else (month, cover.payer, cover.plan)
        found = self._chosen.get(key)
        if found is None:
            chosen = self.rule_book.of(month, key[1], key[2])
            found = self._chosen[key] = self._prepared(chosen)
        return found

    def _prepared(self, rules: RuleSet) -> Prepared:
        found = self._by_id.get(rules.rule_id)
        if found is None:
            counting = rules.counting
            found = self._by_id[rules.rule_id] = Prepared(
                rules, rules.rule_id, counting, Reasons(counting), {}
            )
        return found


def since_1970(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)
