"""A check-in as it is asked, and the little else a turn depends on. Pure facts: built by facts.py, read by rules.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal
from uuid import UUID

import msgspec

from messaging.conversation.copy import Language
from questionnaires import catalog
from questionnaires.instrument import Instrument
from registry.measures.rules import RunFacts
from registry.organisation.rules import AfterPositive, Item9Channel

Owner = Literal["none", "one", "shared"]
Aftermath = Literal["none", "completed", "expired"]


class RunSheet(msgspec.Struct, frozen=True):
    """One run with its standing answers: item number -> value, None = declined."""

    run: RunFacts
    instrument: Instrument
    answers: Mapping[int, int | None]

    @property
    def is_open(self) -> bool:
        return self.run.state == "open"

    @property
    def all_asked(self) -> bool:
        return all(item.number in self.answers for item in self.instrument.scored_items)


class Sheet(msgspec.Struct, frozen=True):
    """All runs of a check-in, in asking order."""

    runs: tuple[RunSheet, ...]

    @property
    def next_open(self) -> tuple[RunSheet, int] | None:
        """The first unanswered scored item of a run that is open: (run, item number)."""
        for sheet in self.runs:
            if sheet.is_open:
                for item in sheet.instrument.scored_items:
                    if item.number not in sheet.answers:
                        return sheet, item.number
        return None

    @property
    def progress(self) -> tuple[int, int]:
        """(answered or declined, all) scored items."""
        items = [(s, i.number) for s in self.runs for i in s.instrument.scored_items]
        return sum(number in sheet.answers for sheet, number in items), len(items)

    def with_answer(self, run_id: UUID, item_no: int, value: int | None) -> Sheet:
        """As it stands once this answer is recorded; a run whose last item it was counts as completed."""
        return Sheet(tuple(_answered(s, item_no, value) if s.run.id == run_id else s for s in self.runs))


def _answered(sheet: RunSheet, item_no: int, value: int | None) -> RunSheet:
    after = msgspec.structs.replace(sheet, answers={**sheet.answers, item_no: value})
    if not after.all_asked:
        return after
    return msgspec.structs.replace(after, run=msgspec.structs.replace(after.run, state="completed"))


class Item(msgspec.Struct, frozen=True):
    """One item as texted. `run` is the index of its run; `labels` the printed answers by value. `own_labels`: of
    an instrument that a clinic added, what may be written for each value in any of its languages."""

    run: int
    number: int
    risk: bool
    answered: bool
    run_open: bool
    text: str
    stem: str
    labels: tuple[tuple[int, str], ...]
    own_labels: Mapping[int, tuple[str, ...]] | None = None

    @property
    def highest(self) -> int:
        return max(value for value, _ in self.labels)

    def label(self, value: int) -> str:
        return dict(self.labels)[value]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `rules.step` needs besides the state and the event.

    `items` are those of the active check-in, none without one. `owner`: how many patients have the number.
    `has_open`: a check-in of the one owner is open, texted or by link, so that a link can be given.
    `late_item9`: the value of an item 9 that was the last thing answered in a check-in completed a short while ago.
    `stopped_at_item9`: the check-in that is open by link, or whose time is over, waits or waited for item 9.
    `no_show`: the text after a missed appointment waits for its 1 or 2.
    `stopped`: the number is opted out; `liftable`: START may undo that. `quiet`: the day's passive replies are
    used up. `confirms_stop`: nobody else confirms this STOP. `may_postpone`: a later day is left
    before the check-in ends.
    `item9_wait`: how long item 9 may wait on the secure page before a person asks it.
    """

    language: Language
    name: str
    phone: str
    hours: str
    items: tuple[Item, ...] = ()
    item9: Item9Channel = "link_only"
    bulk: bool = False
    after_positive: AfterPositive = "stop"
    contact: str | None = None
    owner: Owner = "one"
    aftermath: Aftermath = "none"
    late_item9: int | None = None
    stopped_at_item9: bool = False
    has_open: bool = False
    no_show: bool = False
    stopped: bool = False
    liftable: bool = True
    paused: bool = False
    confirms_stop: bool = False
    quiet: bool = False
    may_postpone: bool = False
    item9_wait: timedelta = timedelta(hours=24)

    def first_open(self) -> int | None:
        """The first item without an answer whose run is open, texted or not."""
        return next((i for i, item in enumerate(self.items) if item.run_open and not item.answered), None)

    def next_texted(self) -> int | None:
        """The first such item that may be asked by text. Item 9 only where the clinic texts it."""
        wanted = (i for i, item in enumerate(self.items) if item.run_open and not item.answered)
        return next((i for i in wanted if not self.items[i].risk or self.item9 == "sms"), None)

    def rest(self, at: int) -> tuple[int, ...]:
        """Texted items of the same run from `at` on that have no answer, `at` included."""
        run = self.items[at].run
        return tuple(
            index
            for index, item in enumerate(self.items)
            if item.run == run
            and (index == at or (index > at and not item.answered))
            and (not item.risk or self.item9 == "sms")
        )

    def to_item9(self, at: int) -> int | None:
        """How many items without an answer there are from `at` to the same run's item 9, both included."""
        ahead = [i for i in range(at, len(self.items)) if self.items[i].run == self.items[at].run]
        left = [self.items[i] for i in ahead if i == at or not self.items[i].answered]
        return next((count for count, item in enumerate(left, start=1) if item.risk), None)

    def previous(self, at: int) -> int | None:
        """The nearest answered item before `at` whose run is still open."""
        found = [i for i in range(at) if self.items[i].answered and self.items[i].run_open]
        return found[-1] if found else None

    def mark(self, at: int, answered: bool) -> Script:
        """As it stands once item `at` is answered or taken back."""
        items = list(self.items)
        items[at] = msgspec.structs.replace(items[at], answered=answered)
        run = [item for item in items if item.run == items[at].run]
        if answered and all(item.answered for item in run):
            items = [
                msgspec.structs.replace(i, run_open=False) if i.run == items[at].run else i for i in items
            ]
        return msgspec.structs.replace(self, items=tuple(items))

    def run_done(self, at: int) -> bool:
        return all(item.answered for item in self.items if item.run == self.items[at].run)


def items_of(sheet: Sheet, shown: tuple[Instrument, ...]) -> tuple[Item, ...]:
    """`shown[i]` is run i's instrument in the language it is asked in now."""
    return tuple(
        Item(
            run=index,
            number=item.number,
            risk=item.risk,
            answered=item.number in run.answers,
            run_open=run.is_open,
            text=item.text,
            stem=shown[index].stem,
            labels=tuple((choice.value, choice.label) for choice in item.choices),
            own_labels=_own_labels(shown[index], item.number),
        )
        for index, run in enumerate(sheet.runs)
        for item in shown[index].texted_items
    )


def _own_labels(instrument: Instrument, number: int) -> Mapping[int, tuple[str, ...]] | None:
    if catalog.is_shipped(instrument.id):
        return None
    spoken = [instrument]
    for language in catalog.languages(instrument.id):
        if instrument.version in catalog.versions(instrument.id, language):
            spoken.append(catalog.load(instrument.id, language, instrument.version))
    found: dict[int, dict[str, None]] = {}
    for one in spoken:
        for choice in one.item(number).choices:
            found.setdefault(choice.value, {})[choice.label] = None
    return {value: tuple(labels) for value, labels in found.items()}
