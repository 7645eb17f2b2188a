"""Laws of scoring and of change, for every shipped instrument and any answers."""

from collections.abc import Mapping

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import asdict

from questionnaires.catalog import load, shipped
from questionnaires.change import DEFINITIONS, change_pct, evaluate, partial_25, response_50
from questionnaires.instrument import Instrument
from questionnaires.scoring import (
    SEVERE_FROM,
    floor_total_reached,
    item9_state,
    parse_answers,
    score,
)

PHQ9 = load("phq9", "en")

Form = tuple[Instrument, dict[int, int | None]]

instruments = st.sampled_from(shipped())
totals = st.integers(0, 27)
phq9_or_gad7_pairs = st.one_of(
    st.tuples(st.just("phq9"), st.integers(0, 27), st.integers(0, 27)),
    st.tuples(st.just("gad7"), st.integers(0, 21), st.integers(0, 21)),
)


def filled(instrument: Instrument, answer: st.SearchStrategy[int | None]) -> st.SearchStrategy[Form]:
    numbers = [item.number for item in instrument.scored_items]
    values = st.tuples(*(answer for _ in numbers))
    return values.map(lambda chosen: (instrument, dict(zip(numbers, chosen, strict=True))))


complete_forms = instruments.flatmap(lambda i: filled(i, st.integers(0, 3)))
any_forms = instruments.flatmap(lambda i: filled(i, st.one_of(st.none(), st.integers(0, 3))))
phq9_forms = st.sampled_from([load("phq9", "en"), load("phq9", "es")]).flatmap(
    lambda i: filled(i, st.one_of(st.none(), st.integers(0, 3)))
)
severe_forms = filled(PHQ9, st.sampled_from([None, 2, 3, 3]))


def missing(least: int, most: int, forms: st.SearchStrategy[Form]) -> st.SearchStrategy[Form]:
    """The forms with `least` to `most` of their items left blank."""
    return forms.flatmap(
        lambda form: st.sets(st.sampled_from(sorted(form[1])), min_size=least, max_size=most).map(
            lambda gaps: (form[0], {n: None if n in gaps else v for n, v in form[1].items()})
        )
    )


def estimable_forms(instrument: Instrument) -> st.SearchStrategy[Form]:
    most = len(instrument.scored_items) - (instrument.proration_min_answered or 0)
    return missing(1, most, filled(instrument, st.integers(0, 3)))


prorating = st.sampled_from([i for i in shipped() if i.proration_min_answered is not None])


@given(form=any_forms, data=st.data())
def test_order_of_answers_does_not_matter(form: Form, data: st.DataObject) -> None:
    """Law 1. The answers of a form in any order of arrival give the same score."""
    instrument, answers = form
    shuffled = dict(data.draw(st.permutations(list(answers.items()))))
    assert score(instrument, shuffled) == score(instrument, answers)


@given(form=complete_forms, data=st.data())
def test_moving_answers_between_items_keeps_the_total(form: Form, data: st.DataObject) -> None:
    """Law 2. Every item weighs the same: the same answers on other items give the same total and band."""
    instrument, answers = form
    moved = dict(zip(answers, data.draw(st.permutations(list(answers.values()))), strict=True))
    assert score(instrument, moved) == score(instrument, answers)


@given(form=complete_forms)
def test_a_complete_total_is_the_plain_sum(form: Form) -> None:
    """Law 3. A complete form's total is the sum of its answers, in range, and nothing is estimated."""
    instrument, answers = form
    result = score(instrument, answers)
    assert result.is_complete
    assert result.total == result.raw_sum == sum(v for v in answers.values() if v is not None)
    assert 0 <= result.total <= instrument.max_total
    assert result.prorated_total is None


@given(form=complete_forms, data=st.data())
def test_losing_any_answer_loses_the_total(form: Form, data: st.DataObject) -> None:
    """Law 4. Take one or more answers out of a complete form, by None or by absence: no total, no band."""
    instrument, answers = form
    lost = data.draw(st.sets(st.sampled_from(sorted(answers)), min_size=1))
    blank = {number: None if number in lost else value for number, value in answers.items()}
    absent = {number: value for number, value in answers.items() if number not in lost}
    result = score(instrument, blank)
    assert result == score(instrument, absent)
    assert not result.is_complete
    assert (result.total, result.band, result.band_label) == (None, None, None)


@given(form=missing(0, 3, complete_forms))
def test_the_estimate_exists_exactly_where_it_may(form: Form) -> None:
    """Law 5. An estimate exists when the form is incomplete and enough is answered, and never otherwise."""
    instrument, answers = form
    result = score(instrument, answers)
    least = instrument.proration_min_answered
    allowed = least is not None and least <= result.n_answered < result.n_items
    assert (result.prorated_total is not None) == allowed
    assert result.total is None or result.prorated_total is None


@given(form=prorating.flatmap(estimable_forms))
def test_the_estimate_is_the_nearest_whole_number_and_at_least_the_raw_sum(form: Form) -> None:
    """Law 6. The estimate is within half a point of the mean times the number of items (the half going up),
    never below what was answered, and never above the highest total."""
    instrument, answers = form
    result = score(instrument, answers)
    estimate = result.prorated_total
    assert estimate is not None
    twice_error = 2 * (estimate * result.n_answered - result.raw_sum * result.n_items)
    assert -result.n_answered < twice_error <= result.n_answered
    assert result.raw_sum <= estimate <= instrument.max_total


@given(form=any_forms, data=st.data())
def test_raising_an_answer_never_lowers_anything(form: Form, data: st.DataObject) -> None:
    """Law 7. Raise one answer by a point: raw sum, total, estimate and the soft trigger never go down."""
    instrument, answers = form
    raisable = [number for number, value in answers.items() if value is not None and value < 3]
    assume(raisable)
    number = data.draw(st.sampled_from(raisable))
    before, after = score(instrument, answers), score(instrument, raised(answers, number))
    assert after.raw_sum == before.raw_sum + 1
    for name in ("total", "prorated_total"):
        low, high = asdict(before)[name], asdict(after)[name]
        assert (low is None) == (high is None)
        assert low is None or high >= low
    assert floor_total_reached(instrument, answers) <= floor_total_reached(
        instrument, raised(answers, number)
    )


def raised(answers: Mapping[int, int | None], number: int) -> dict[int, int | None]:
    return {n: value + 1 if n == number and value is not None else value for n, value in answers.items()}


@given(instrument=instruments, data=st.data())
def test_bands_rise_with_the_total(instrument: Instrument, data: st.DataObject) -> None:
    """Law 8. A higher total is never in a lower band, and every total is in exactly one band."""
    low = data.draw(st.integers(0, instrument.max_total))
    high = data.draw(st.integers(low, instrument.max_total))
    order = [band.id for band in instrument.bands]
    assert order.index(instrument.band_of(low).id) <= order.index(instrument.band_of(high).id)
    assert sum(band.low <= low <= band.high for band in instrument.bands) == 1


@given(form=st.one_of(any_forms, phq9_forms), declined=st.frozensets(st.integers(1, 9)))
def test_item_9_reads_as_zero_only_from_an_answered_zero(form: Form, declined: frozenset[int]) -> None:
    """Law 9. "0" is read only where "not at all" was chosen and not declined; a positive answer always shows."""
    instrument, answers = form
    state = item9_state(instrument, answers, declined)
    if not instrument.risk_item_numbers:
        assert state == "not_asked"
    elif answers[9]:
        assert state == str(answers[9])
    elif 9 in declined:
        assert state == "declined"
    else:
        assert state == ("unknown" if answers[9] is None else "0")


@given(form=st.one_of(phq9_forms, severe_forms), difficulty=st.one_of(st.none(), st.integers(0, 3)))
def test_the_difficulty_question_changes_nothing(form: Form, difficulty: int | None) -> None:
    """Law 10. Whatever PHQ-9 item 10 says, the score, item 9 and the soft trigger stay the same."""
    instrument, answers = form
    more = {**answers, 10: difficulty}
    assert score(instrument, more) == score(instrument, answers)
    assert item9_state(instrument, more) == item9_state(instrument, answers)
    assert floor_total_reached(instrument, more) == floor_total_reached(instrument, answers)


@given(form=st.one_of(any_forms, severe_forms))
def test_the_soft_trigger_never_rests_on_an_estimate(form: Form) -> None:
    """Law 11. It fires exactly when the answers given sum to the floor, so any way of completing the form
    would have reached it too."""
    instrument, answers = form
    fires = floor_total_reached(instrument, answers)
    lowest = {number: value or 0 for number, value in answers.items()}
    would_be = score(instrument, lowest).total or 0
    assert fires == (bool(instrument.risk_item_numbers) and would_be >= SEVERE_FROM)


@given(form=any_forms)
def test_typed_answers_come_back_as_given(form: Form) -> None:
    """Law 12. Writing the answers as `1,-,3` and reading them gives the same answers."""
    instrument, answers = form
    text = ",".join("-" if value is None else str(value) for value in answers.values())
    assert parse_answers(instrument, text) == answers


@given(pair=phq9_or_gad7_pairs, further=st.integers(0, 27))
def test_a_lower_last_score_never_undoes_an_outcome(pair: tuple[str, int, int], further: int) -> None:
    """Law 13. From one baseline, what is met at a score is met at every lower one; only `partial_25`, which
    ends where the full response begins, may give way, and then to the full response."""
    instrument_id, first, last = pair
    lower = min(last, further)
    for definition_id, definition in DEFINITIONS.items():
        if evaluate(definition, instrument_id, first, last).met is True:
            then = evaluate(definition, instrument_id, first, lower).met
            assert then is True or (definition_id == "partial_25" and response_50(first, lower))


@given(pair=phq9_or_gad7_pairs)
def test_meeting_the_target_is_a_response_and_an_improvement(pair: tuple[str, int, int]) -> None:
    """Law 14. `target_met` implies `response_50` and, where defined, `mhip_improved`."""
    instrument_id, first, last = pair
    if evaluate(DEFINITIONS["target_met"], instrument_id, first, last).met:
        assert response_50(first, last) is True
        assert evaluate(DEFINITIONS["mhip_improved"], instrument_id, first, last).met in (True, None)


@given(first=st.integers(1, 27), last=totals)
def test_the_shown_percentage_never_contradicts_the_outcome(first: int, last: int) -> None:
    """Law 15. Within the range of the instruments the rounded percentage reaches -50 exactly on response,
    and its sign is the direction of the change."""
    shown = change_pct(first, last)
    assert shown is not None
    assert (shown <= -50) == response_50(first, last)
    assert (shown > 0, shown < 0) == (last > first, last < first)


@given(first=st.integers(1, 27), last=totals)
def test_a_response_is_partial_or_full_but_never_both(first: int, last: int) -> None:
    """Law 16. `partial_25` and `response_50` exclude each other and together mean a fall of a quarter."""
    partial, full = partial_25(first, last), response_50(first, last)
    assert not (partial and full)
    assert bool(partial or full) == (4 * last <= 3 * first)


@given(first=st.one_of(st.none(), totals), last=st.one_of(st.none(), totals))
def test_no_outcome_is_claimed_without_both_scores(first: int | None, last: int | None) -> None:
    """Law 17. Without a last score nothing is judged; without a first one only remission is."""
    for definition_id, definition in DEFINITIONS.items():
        outcome = evaluate(definition, PHQ9.id, first, last)
        if last is None or (first is None and definition_id != "remission"):
            assert outcome.met is None
