"""What each answer of the provider leads to: sent, tried again, ended, or looked up in the provider's own list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import func, select

from kernel.db import Database
from messaging.consent.tables import NumberStop
from messaging.delivery.pause import paused
from messaging.delivery.reports import apply_status
from messaging.delivery.tables import MessageStatusEvent, Outbox
from messaging.schedule.tables import CheckIn
from registry.patients.tables import PatientPhone
from tests.support.clock import FakeClock
from tests.support.faults import callbacks
from tests.support.postroom import Postroom, opened
from tests.support.provider.faults import Entry
from tests.support.provider_client import Provider


@pytest.fixture
async def room(database: Database, provider: Provider, clock: FakeClock) -> AsyncIterator[Postroom]:
    async with opened(database, provider, clock) as postroom:
        yield postroom


async def report(room: Postroom, row: UUID, sid: str, status: str, code: str | None = None) -> bool:
    async with room.database.begin() as tx:
        return await apply_status(tx, row, sid, status, code, now=room.clock.now())


# --- proven never processed: the same row again ----------------------------------------------------------------------


async def test_told_to_come_back_later_it_comes_back_later(room: Postroom) -> None:
    await room.provider.script("429(30)")
    row = await room.queue()
    await room.tick()
    assert await room.state(row) == ("pending", "not_sent")
    await room.passes(seconds=29)
    await room.tick()
    assert await room.sent() == []
    await room.passes(seconds=1)
    await room.tick()
    assert len(await room.sent()) == 1
    assert (await room.row(row)).attempt == 2


async def test_without_a_connection_nothing_was_sent(room: Postroom) -> None:
    row = await room.queue()
    room.provider.kill()
    await room.dispatcher().tick(room.clock.now())
    assert await room.state(row) == ("pending", "not_sent")
    room.provider.start()
    await room.passes(seconds=10)
    await room.tick()
    assert len(await room.sent()) == 1


async def test_a_text_is_not_tried_again_past_its_time(room: Postroom) -> None:
    await room.provider.script("429(120)")
    row = await room.queue(not_after=room.clock.now() + timedelta(minutes=2))
    await room.tick()
    assert await room.state(row) == ("expired", "not_sent")


# --- nobody knows: reconcile -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["500_after_accept", "timeout_after_accept", "reset_mid_response", "malformed_json", "slow(1)"]
)
async def test_a_text_taken_without_a_usable_answer_is_adopted_not_repeated(
    room: Postroom, fault: str
) -> None:
    await room.provider.script(fault)
    row = await room.queue()
    await room.tick()
    assert (await room.state(row))[0] == "unknown"
    await room.passes(seconds=31)
    await room.reconciles()
    [sent] = await room.sent()
    stored = await room.row(row)
    assert (stored.state, stored.reason, stored.provider_sid) == ("accepted", "adopted", sent.sid)
    assert stored.accepted_at == stored.attempted_at  # an answer that came in between counts
    await room.tick()
    assert len(await room.sent()) == 1


@pytest.mark.parametrize("fault", ["500_before_accept", "timeout_before", "reset_before"])
async def test_a_text_proven_not_taken_is_sent_once_more(room: Postroom, fault: str) -> None:
    await room.provider.script(fault)
    row = await room.queue()
    await room.tick()
    assert (await room.state(row))[0] == "unknown"
    for minutes in (0.6, 2, 8):
        await room.passes(minutes=minutes)
        await room.reconciles()
    assert await room.state(row) == ("pending", "proven_not_sent")
    await room.tick()
    assert len(await room.sent()) == 1
    assert (await room.state(row))[0] == "accepted"


async def test_nothing_is_proven_before_ten_minutes_of_healthy_reads(room: Postroom) -> None:
    await room.provider.script("timeout_before")
    row = await room.queue()
    await room.tick()
    for minutes in (0.6, 2, 7):
        await room.passes(minutes=minutes)
        await room.reconciles()
        assert (await room.state(row))[0] == "unknown"


async def test_a_refusal_before_does_not_use_up_the_second_chance(room: Postroom) -> None:
    await room.provider.script("429(1)", "timeout_before")
    row = await room.queue()
    await room.tick()
    await room.passes(seconds=10)
    await room.tick()
    for minutes in (0.6, 2, 8):
        await room.passes(minutes=minutes)
        await room.reconciles()
    assert await room.state(row) == ("pending", "proven_not_sent")


async def test_a_text_is_put_back_only_once(room: Postroom) -> None:
    await room.provider.script("timeout_before", "timeout_before")
    row = await room.queue()
    for _ in range(2):
        await room.tick()
        for minutes in (0.6, 2, 8):
            await room.passes(minutes=minutes)
            await room.reconciles()
    assert await room.state(row) == ("expired", "proven_not_sent")
    assert await room.sent() == []


async def test_a_list_that_lags_adopts_late_and_never_repeats(room: Postroom) -> None:
    await room.provider.configure(visibility_lag=100)
    await room.provider.script("timeout_after_accept")
    row = await room.queue()
    await room.tick()
    await room.passes(seconds=31)
    await room.reconciles()
    assert (await room.state(row))[0] == "unknown"
    await room.passes(seconds=90)
    await room.reconciles()
    assert (await room.state(row))[0] == "accepted"
    assert len(await room.sent()) == 1


async def test_a_list_that_cannot_be_read_proves_nothing(room: Postroom) -> None:
    await room.provider.script("timeout_before", "outage(7200)")
    row, other = await room.queue(), await room.queue(whom=await room.patient())
    await room.tick(at_once=1)
    for _ in range(61):
        await room.passes(minutes=1)
        await room.reconciles()
    assert await room.state(row) == ("expired", "not_provable")
    assert (await room.state(other))[0] in ("unknown", "expired")
    await room.tick()
    assert await room.sent() == []


async def test_a_redacted_list_still_settles_by_number_and_time(room: Postroom) -> None:
    await room.provider.configure(redaction=True)
    await room.provider.script("timeout_after_accept")
    row = await room.queue()
    await room.tick()
    await room.passes(seconds=31)
    await room.reconciles()
    assert (await room.state(row))[0] == "accepted"


async def test_an_older_text_with_the_same_words_is_not_taken_for_this_one(room: Postroom) -> None:
    await room.queue(body="Same words")
    await room.tick()
    await room.passes(minutes=10)
    await room.provider.script("timeout_before")
    row = await room.queue(body="Same words")
    await room.tick()
    for minutes in (0.6, 2, 8):
        await room.passes(minutes=minutes)
        await room.reconciles()
    assert await room.state(row) == ("pending", "proven_not_sent")


async def test_a_doubled_text_is_counted_and_adopted_once(room: Postroom) -> None:
    await room.provider.script("accept_twice")
    row = await room.queue()
    await room.tick()
    first, second = await room.sent()
    assert second.duplicate_of == first.sid
    assert (await room.row(row)).provider_sid == first.sid
    assert await report(room, row, second.sid, "delivered")
    assert (await room.row(row)).provider_sid == first.sid
    assert (await room.row(row)).provider_status == "queued"


async def test_one_hanging_call_does_not_hold_up_the_readings_of_others(room: Postroom) -> None:
    """A hundred unknown rows must not take a hundred deadlines."""
    patients = [await room.patient() for _ in range(12)]
    await room.provider.chance(1, {"timeout_after_accept": 1.0})
    for patient in patients:
        await room.queue(whom=patient)
    await room.tick()
    await room.passes(seconds=31)
    await room.provider.script(Entry("slow(0.3)", on="list", times=12))
    done = await room.reconciles()
    assert done == {"unknown": 12, "settled": 12}
    async with room.database.begin() as tx:
        assert (
            await tx.scalar(select(func.count()).select_from(Outbox).where(Outbox.state == "accepted")) == 12
        )


# --- safety replies and alerts ---------------------------------------------------------------------------------------


async def test_a_safety_reply_of_unknown_fate_is_sent_again_and_at_most_three_times(room: Postroom) -> None:
    await room.provider.chance(1, {"timeout_before": 1.0})
    await room.queue("crisis")
    for _ in range(40):
        await room.tick()
        await room.passes(seconds=15)
        await room.reconciles()
    calls = [call for call in await room.provider.calls("create") if call.to == room.ana.phone]
    assert len(calls) == 3


async def test_a_copy_that_was_taken_ends_the_copies(room: Postroom) -> None:
    await room.provider.script("timeout_before")
    await room.queue("crisis")
    for _ in range(20):
        await room.tick()
        await room.passes(seconds=15)
        await room.reconciles()
    assert len(await room.sent()) == 1


async def test_a_safety_reply_that_the_list_shows_is_not_copied(room: Postroom) -> None:
    await room.provider.script("timeout_after_accept")
    await room.queue("crisis")
    for _ in range(20):
        await room.tick()
        await room.passes(seconds=15)
        await room.reconciles()
    assert len(await room.sent()) == 1


async def test_a_mail_of_unknown_fate_ends_since_no_list_can_be_asked(room: Postroom) -> None:
    from messaging.delivery.outcomes import Unknown

    room.mail.outcome = Unknown()
    row = await room.alert("cm@harbor.example", "email")
    await room.tick()
    await room.passes(seconds=31)
    await room.reconciles()
    assert await room.state(row) == ("expired", "not_provable")


# --- refused -----------------------------------------------------------------------------------------------------------


async def test_the_providers_opt_out_counts_as_stop(room: Postroom) -> None:
    await room.provider.script("400(21610)")
    check_in = await room.check_in(room.ana)
    row = await room.queue(check_in_id=check_in)
    later = await room.queue()
    await room.tick()
    assert await room.state(row) == ("failed", "opt_out")
    assert await room.state(later) == ("suppressed", "opted_out")
    async with room.database.begin() as tx:
        assert await tx.scalar(select(NumberStop.kind)) == "carrier_opt_out"
        assert await tx.scalar(select(CheckIn.state).where(CheckIn.id == check_in)) == "opted_out"
    assert "opted_out" in await room.tasks()


async def test_a_number_that_cannot_be_texted_is_unreachable_and_a_person_asks(room: Postroom) -> None:
    await room.provider.script("400(21211)")
    row = await room.queue()
    await room.tick()
    assert await room.state(row) == ("failed", "bad_contact")
    async with room.database.begin() as tx:
        where = PatientPhone.patient_id == room.ana.id
        assert await tx.scalar(select(PatientPhone.state).where(where)) == "unreachable"
    assert "contact_invalid" in await room.tasks()


async def test_refused_credentials_stop_the_dispatcher_and_lose_nothing(room: Postroom) -> None:
    await room.provider.script("400(20003)")
    row = await room.queue()
    await room.tick()
    await room.queue(whom=await room.patient())
    async with room.database.begin() as tx:
        assert await paused(tx, now=room.clock.now()) == "halted"
    await room.tick()
    assert await room.provider.sent() == []
    await room.passes(minutes=6)
    await room.tick()
    assert len(await room.provider.sent()) == 2
    assert (await room.state(row))[0] == "accepted"


async def test_a_spent_daily_cap_pauses_though_it_comes_as_too_many_requests(room: Postroom) -> None:
    from messaging.delivery.outcomes import Rejected
    from messaging.gateways import twilio

    class Capped:
        status_code = 429
        headers = {"Retry-After": "1"}
        text = '{"code": 63038, "message": "cap", "status": 429}'

    assert twilio.refused_for_now(Capped()) == Rejected(429, 63038)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [99999, 30007])
async def test_an_unforeseen_refusal_is_not_repeated(room: Postroom, code: int) -> None:
    await room.provider.script(f"400({code})")
    row = await room.queue()
    await room.tick()
    await room.passes(minutes=30)
    await room.tick()
    assert (await room.state(row))[0] == "failed"
    assert await room.sent() == []
    assert (await room.row(row)).error_code == str(code)


# --- reports -------------------------------------------------------------------------------------------------------------


async def test_a_report_that_beats_the_answer_adopts_the_row(room: Postroom) -> None:
    async with callbacks(room):
        await room.provider.script("callback_before_response")
        row = await room.queue()
        await room.tick()
    stored = await room.row(row)
    [sent] = await room.sent()
    assert (stored.state, stored.provider_sid, stored.provider_status) == ("accepted", sent.sid, "delivered")


async def test_a_report_settles_a_row_whose_answer_never_came(room: Postroom) -> None:
    await room.provider.script("timeout_after_accept")
    row = await room.queue()
    await room.tick()
    [sent] = await room.sent()
    assert await report(room, row, sent.sid, "sent")
    assert (await room.state(row)) == ("accepted", "adopted")


async def test_reports_in_any_order_and_number_end_the_same(room: Postroom) -> None:
    ends = set()
    for order in permutations(["queued", "sent", "delivered"]):
        row = await room.queue(whom=await room.patient())
        await room.tick()
        sid = (await room.row(row)).provider_sid
        for status in order * 2:
            assert await report(room, row, sid, status)
        stored = await room.row(row)
        ends.add((stored.state, stored.provider_status, stored.status_rank, stored.next_at))
    assert ends == {("accepted", "delivered", 5, None)}
    async with room.database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(MessageStatusEvent)) == 18


async def test_an_unknown_status_is_kept_and_changes_nothing(room: Postroom) -> None:
    row = await room.queue()
    await room.tick()
    sid = (await room.row(row)).provider_sid
    assert await report(room, row, sid, "teleported")
    assert (await room.row(row)).provider_status == "queued"


async def test_two_different_ends_keep_the_first_and_tell_staff(room: Postroom) -> None:
    row = await room.queue()
    await room.tick()
    sid = (await room.row(row)).provider_sid
    await report(room, row, sid, "delivered")
    await report(room, row, sid, "undelivered", "30003")
    assert (await room.row(row)).provider_status == "delivered"
    assert "delivery_problem" in await room.tasks()


async def test_a_report_about_nothing_of_ours_changes_nothing(room: Postroom) -> None:
    async with room.database.begin() as tx:
        assert not await apply_status(tx, None, "SM" + "0" * 32, "delivered", None, now=room.clock.now())


async def test_a_late_report_shows_that_the_patient_has_a_text_we_gave_up(room: Postroom) -> None:
    """The row stays ended, but the patient may answer it: the answer's question counts as accepted."""
    await room.provider.script("timeout_after_accept", Entry("429", on="list", times=100))
    thread = await room.thread(room.ana)
    row = await room.queue(thread_id=thread, turn=1)
    await room.tick()
    for _ in range(61):
        await room.passes(minutes=1)
        await room.reconciles()
    assert await room.state(row) == ("expired", "not_provable")
    [sent] = await room.sent()
    await report(room, row, sent.sid, "delivered")
    stored = await room.row(row)
    assert (stored.state, stored.provider_status) == ("expired", "delivered")
    assert stored.accepted_at == stored.attempted_at


async def test_a_second_undelivered_text_in_a_row_asks_a_person_to_check_the_number(room: Postroom) -> None:
    for status, tasks in (("undelivered", 0), ("failed", 1)):
        row = await room.queue()
        await room.tick()
        await report(room, row, (await room.row(row)).provider_sid, status, "30003")
        assert (await room.tasks()).count("contact_invalid") == tasks
        await room.passes(minutes=1)


async def test_an_undelivered_invitation_pulls_the_reminder_forward(room: Postroom) -> None:
    check_in = await room.check_in(room.ana)
    row = await room.queue("invitation", check_in_id=check_in)
    await room.tick()
    await report(room, row, (await room.row(row)).provider_sid, "undelivered", "30003")
    async with room.database.begin() as tx:
        next_at = await tx.scalar(select(CheckIn.next_at).where(CheckIn.id == check_in))
    assert next_at == room.clock.now() + timedelta(hours=2)


# --- polls -----------------------------------------------------------------------------------------------------------------


async def poll_times(room: Postroom, hours: float) -> list[float]:
    """Minutes after which the provider was asked about the text, while `hours` pass."""
    start = room.clock.now()
    for _ in range(int(hours * 12)):
        await room.passes(minutes=5)
        await room.upkeep.poll(room.clock.now())
    return [(call.at - start) / timedelta(minutes=1) for call in await room.provider.calls("fetch")]


async def test_a_silent_text_is_asked_about_and_then_presumed_sent_never_delivered(room: Postroom) -> None:
    row = await room.queue()
    await room.tick()
    assert await poll_times(room, 30) == [5, 15, 60, 360, 1440]
    stored = await room.row(row)
    assert (stored.provider_status, stored.next_at) == ("presumed_sent", None)
    await report(room, row, stored.provider_sid, "delivered")
    assert (await room.row(row)).provider_status == "delivered"


async def test_a_poll_that_finds_the_end_is_the_last(room: Postroom) -> None:
    row = await room.queue()
    await room.tick()
    await room.provider.configure(routes={"https://clinic.example": "http://127.0.0.1:9"})
    await room.provider.expect("connect")
    await room.provider.deliver((await room.row(row)).provider_sid, drop=["queued", "sent", "delivered"])
    assert await poll_times(room, 2) == [5]
    assert (await room.row(row)).provider_status == "delivered"


# --- the lease -----------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """Stands for SIGKILL: nothing after it runs, not even an `except Exception`."""


def die() -> None:
    raise Died


@pytest.mark.parametrize(
    ("point", "texts_before", "texts_after"),
    [
        ("outbox.before_claim_commit", 0, 1),  # K1
        ("outbox.after_claim_commit", 0, 1),  # K2
        ("outbox.before_post", 0, 1),
        ("outbox.after_post", 1, 1),  # K3
        ("outbox.after_record_commit", 1, 1),  # K4
    ],
)
async def test_a_dispatcher_that_dies_anywhere_sends_the_text_exactly_once(
    room: Postroom, point: str, texts_before: int, texts_after: int
) -> None:
    row = await room.queue()
    room.probes[point] = die
    with pytest.raises(Died):
        await room.tick()
    room.probes.clear()
    assert len(await room.sent()) == texts_before
    for _ in range(80):
        await room.passes(seconds=15)
        await room.reconciles()
        await room.tick()
    assert len(await room.sent()) == texts_after
    assert (await room.state(row))[0] == "accepted"
