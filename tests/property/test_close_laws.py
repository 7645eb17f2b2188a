"""Laws of a closed patient-month: it can be stored, read, derived again and compared without a difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.close.rules import decoded, deltas, encoded, freeze, month_hash
from billing.export.claims import ClaimFacts
from billing.packet import archive
from billing.statement.derivation import Inputs, derive
from kernel.errors import Invalid
from registry.time_log.activities import ACTIVITIES
from registry.time_log.rules import Entry, Stay, Window
from tests.unit.billing.test_statement import FACTS, NOVEMBER, RULES, TODAY

FIRST = datetime(2026, 10, 31, tzinfo=UTC)
MOMENTS = st.integers(0, 31 * 24 * 3600).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@st.composite
def entries(draw: st.DrawFn) -> tuple[Entry, ...]:
    chosen = draw(
        st.lists(st.tuples(MOMENTS, st.integers(1, 4 * 3600), st.sampled_from(ACTIVITIES)), max_size=8)
    )
    return tuple(
        Entry(
            id=f"t{nth}", patient_id="p1", staff_id=f"s{nth % 2}", role=activity.roles[0], activity=activity.id,
            started_at=start, seconds=seconds, created_at=start,
        )
        for nth, (start, seconds, activity) in enumerate(chosen)
    )  # fmt: skip


@st.composite
def months(draw: st.DrawFn) -> Inputs:
    opened = draw(MOMENTS)
    stay = draw(st.none() | MOMENTS)
    window = Window(
        consent_at=draw(st.none() | MOMENTS),
        enrolled_at=opened,
        ended_at=draw(st.none() | MOMENTS),
        stays=() if stay is None else (Stay(stay, stay + timedelta(days=2)),),
    )
    return Inputs(
        month=NOVEMBER, zone="America/New_York", today=TODAY, prepared_by="Tom", rule_set=RULES, facts=FACTS,
        window=window, entries=draw(entries()),
    )  # fmt: skip


@given(months())
@settings(deadline=None)
def test_what_was_closed_is_derived_again_from_its_own_bytes(inputs: Inputs) -> None:
    frozen = freeze(inputs, ClaimFacts())
    again = decoded(encoded(frozen).content)
    assert again == frozen
    assert derive(again.inputs).row == frozen.row
    assert encoded(again) == encoded(frozen)


@given(months(), months())
@settings(deadline=None, max_examples=50)
def test_closing_twice_is_once_and_a_delta_is_empty_only_between_equals(one: Inputs, other: Inputs) -> None:
    first, second = freeze(one, ClaimFacts()), freeze(other, ClaimFacts())
    assert deltas([first], [freeze(one, ClaimFacts())]) == ()
    there, back = deltas([first], [second]), deltas([second], [first])
    assert [(c.field, c.before, c.after) for d in there for c in d.fields] == [
        (c.field, c.after, c.before) for d in back for c in d.fields
    ]
    if first.row.lines != second.row.lines:
        assert there


@given(
    st.dictionaries(
        st.text("abcdef0123456789", min_size=1), st.text("0123456789abcdef", min_size=1), max_size=5
    )
)
def test_a_months_hash_does_not_depend_on_the_order_of_its_patients(hashes: dict[str, str]) -> None:
    assert month_hash(hashes) == month_hash(dict(reversed(hashes.items())))
    for episode in hashes:
        assert month_hash(hashes) != month_hash(hashes | {episode: hashes[episode] + "0"})


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_of_packets_fail_in_another_way(content: bytes) -> None:
    try:
        archive.read(content)
    except Invalid as refused:
        assert refused.problems


def test_a_changed_input_changes_the_hash() -> None:
    whole = Inputs(
        month=NOVEMBER, zone="America/New_York", today=TODAY, prepared_by="Tom", rule_set=RULES, facts=FACTS,
        window=Window(consent_at=FIRST, enrolled_at=FIRST), entries=(),
    )  # fmt: skip
    other = msgspec.structs.replace(whole, zone="America/Chicago")
    assert encoded(freeze(whole, ClaimFacts())).sha256 != encoded(freeze(other, ClaimFacts())).sha256
