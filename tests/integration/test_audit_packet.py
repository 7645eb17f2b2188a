"""The audit packet: made from a closed month, verified from itself alone."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from pypdf import PdfReader
from sqlalchemy import insert, select, update

from api.commands.billing import command
from billing.close import service
from billing.close.rules import Frozen
from billing.packet import archive
from billing.packet.archive import Manifest
from billing.packet.contents import Record
from billing.packet.print import printed
from billing.packet.service import packet, taken
from billing.packet.verify import verify
from billing.statement.derivation import derive
from billing.statement.service import month_inputs
from kernel.audit import AuditEvent
from kernel.errors import Forbidden, NotFound
from registry.care_plans.tables import CarePlan
from registry.contacts.tables import Contact
from registry.measures.tables import MeasureResult, MeasureRun
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.review.tables import CaseReview, ReviewItem
from registry.time_log.months import Month
from tests.support import month as months

MARCH = Month(2026, 3)
DURING = datetime(2026, 3, 20, 18, tzinfo=UTC)
AFTER = datetime(2026, 4, 2, 18, tzinfo=UTC)
ENROLLED = date(2026, 3, 3)
WORDS = "We work as a team. You can stop at any time."


def words(version: str, language: str) -> str | None:
    return WORDS if (version, language) == ("care-consent@1", "en") else None


async def closed(database):
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED, mrn="00417")
        await months.full_month(tx, made, ana, ENROLLED, 90)
        await months.worked(tx, made, ana, date(2026, 3, 12), 15, activity="clerical", hour=15)
        await chart(tx, made, ana)
        await reviewed(tx, made, ana)
        await service.close_month(tx, made.actor("biller"), MARCH, now=AFTER)
    return made, ana


async def chart(tx, made, ana):
    for version, goal in ((1, "Sleep"), (2, "Sleep and walk")):
        content = msgspec.json.encode({"goals": [{"goal": goal}], "ready": version}).decode()
        await tx.execute(
            insert(CarePlan),
            {
                "id": tx.new_id(), "clinic_id": made.id, "patient_id": ana.id, "episode_id": ana.episode_id,
                "kind": "care", "version": version, "content_sealed": tx.vault.seal(content), "agreed_on": None,
                "created_at": DURING.replace(day=5 + version), "created_by_id": made.care_manager,
                "signed_at": None, "signed_by_id": None, "sign_note_sealed": None,
            },
        )  # fmt: skip
    run_id = tx.new_id()
    shared = {
        "clinic_id": made.id,
        "patient_id": ana.id,
        "episode_id": ana.episode_id,
        "instrument_id": "phq9",
    }
    await tx.execute(
        insert(MeasureRun),
        shared
        | {
            "id": run_id, "check_in_id": None, "instrument_version": "1", "language": "en", "position": 1,
            "state": "completed", "source": "staff_items", "entry_source": "paper", "created_at": DURING,
            "closed_at": DURING,
        },
    )  # fmt: skip
    await tx.execute(
        insert(MeasureResult),
        shared
        | {
            "id": tx.new_id(), "run_id": run_id, "taken_at": DURING, "raw_sum": 17, "n_answered": 9, "n_items": 9,
            "is_complete": True, "total": 17, "prorated_total": None, "band": "moderately_severe", "item9": "0",
            "channel": "staff", "scoring_version": "1", "filed_at": DURING, "replaced_at": None,
            "replaced_reason_sealed": None,
        },
    )  # fmt: skip
    await tx.execute(
        insert(Contact),
        {
            "id": tx.new_id(), "clinic_id": made.id, "patient_id": ana.id, "episode_id": ana.episode_id,
            "kind": "phone", "outcome": "reached", "channel": "phone", "spoken": True, "occurred_at": DURING,
            "recorded_at": DURING, "staff_id": made.care_manager, "recorded_by_id": made.care_manager,
            "identity_checked": True, "note_sealed": tx.vault.seal("Slept better; walks twice a week."),
            "discuss": False, "source": "console",
        },
    )  # fmt: skip


async def reviewed(tx, made, ana):
    review_id, advice_id = tx.new_id(), tx.new_id()
    await tx.execute(
        insert(CaseReview),
        {
            "id": review_id, "clinic_id": made.id, "starts_at": DURING, "minutes": 30,
            "consultant_id": made.consultant, "state": "closed", "created_at": DURING, "version": 1,
        },
    )  # fmt: skip
    shared = {"clinic_id": made.id, "patient_id": ana.id, "episode_id": ana.episode_id, "version": 1}
    await tx.execute(
        insert(ReviewItem),
        shared
        | {
            "id": tx.new_id(), "review_id": review_id, "position": 1, "group": "not_improving", "because": [],
            "offered": True,
            "state": "discussed", "changed_sealed": tx.vault.seal("Dose raised after four weeks"),
            "people": [str(made.consultant), str(made.care_manager)], "discussed_at": DURING.replace(hour=17),
            "by_id": made.consultant,
        },
    )  # fmt: skip
    parts = msgspec.json.encode([{"kind": "medication", "text": "Raise to 100 mg"}]).decode()
    await tx.execute(
        insert(Recommendation),
        shared
        | {
            "id": advice_id, "author_id": made.consultant, "recipient_id": made.clinician,
            "parts_sealed": tx.vault.seal(parts), "urgency": "routine", "stage": "accepted",
            "stage_since": DURING, "created_at": DURING,
        },
    )  # fmt: skip
    await tx.execute(
        insert(RecommendationStep),
        {
            "id": tx.new_id(), "clinic_id": made.id, "recommendation_id": advice_id, "step": "accepted",
            "at": DURING, "by_id": made.clinician, "read_back": False, "text_sealed": tx.vault.seal("Agreed"),
        },
    )  # fmt: skip


async def made_packet(database, made, ana, role="biller") -> bytes:
    async with database.begin(made.id) as tx:
        found = await packet(tx, made.actor(role), MARCH, ana.episode_id, words=words, now=AFTER)
    return found.content


async def test_a_packet_holds_the_line_and_everything_behind_it_and_verifies_without_a_database(database):
    made, ana = await closed(database)
    content = await made_packet(database, made, ana)
    verdict = verify(content)
    assert (verdict.true, verdict.differences) == (True, ())
    assert (verdict.lines, verdict.minutes, verdict.rule_set) == ("99492x1;99494x1", 90, "cpt_midpoint@1")
    members = archive.read(content)
    record = msgspec.json.decode(members[archive.RECORD])
    assert [consent["words"] for consent in record["consents"]] == [WORDS]
    assert [(score["instrument"], score["total"]) for score in record["scores"]] == [("phq9", 17)]
    assert record["plan_differences"][0]["before"] == "Sleep"
    assert record["plan_differences"][0]["after"] == "Sleep and walk"
    assert record["contacts"][0]["note"] == "Slept better; walks twice a week."
    assert "What changed: Dose raised after four weeks." in record["reviews"][0]["words"]
    assert "Took part: Parker Sung, Casey Moore." in record["reviews"][0]["words"]
    assert record["reviews"][1]["words"] == "Recommendation. medication: Raise to 100 mg."
    assert record["reviews"][1]["steps"] == ["2026-03-20 18:00 UTC accepted, Dana Clark: Agreed"]
    by_activity = {entry["activity"]: entry for entry in record["time_log"]}
    assert by_activity["clerical"]["not_counted"][0]["reason"] == "clerical"
    assert by_activity["patient_contact"]["counted_seconds"] == 5400
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(members[archive.PDF])).pages)
    assert "99492" in text and "Slept better" in text and WORDS in text
    assert "item9" not in members[archive.RECORD].decode()


async def test_a_case_review_without_a_psychiatric_consultant_is_no_consultants_review(database):
    async with database.begin() as tx:
        made = await months.clinic(tx, DURING)
        ana = await months.patient(tx, made, ENROLLED)
        await months.worked(tx, made, ana, date(2026, 3, 9), 90)
        await reviewed(tx, made, ana)

    async def review() -> str:
        async with database.begin(made.id) as tx:
            [inputs] = await month_inputs(tx, made.id, MARCH, now=AFTER, prepared_by="Billie Ross")
        found = {element.id: element for element in derive(inputs).row.elements}
        return found["consultant_review"].state

    assert await review() == "passed"
    async with database.begin(made.id) as tx:
        await tx.execute(update(ReviewItem).values(people=[str(made.care_manager), str(made.clinician)]))
    assert await review() == "failed"


async def test_whoever_takes_a_packet_is_on_the_patients_trail_and_others_are_refused(database):
    made, ana = await closed(database)
    await made_packet(database, made, ana)
    async with database.begin(made.id) as tx:
        actions = await tx.all(select(AuditEvent.action).where(AuditEvent.patient_id == ana.id))
        assert "packet.exported" in {row.action for row in actions}
        with pytest.raises(Forbidden):
            await packet(tx, made.actor("care_manager"), MARCH, ana.episode_id, words=words, now=AFTER)
        with pytest.raises(NotFound):
            await packet(tx, made.actor("biller"), Month(2026, 2), ana.episode_id, words=words, now=AFTER)
        with pytest.raises(NotFound):
            await packet(tx, made.actor("biller"), MARCH, UUID(int=7), words=words, now=AFTER)


async def test_every_kind_of_change_to_a_packet_is_found(database, tmp_path):
    made, ana = await closed(database)
    content = await made_packet(database, made, ana)
    step = max(1, len(content) // 150)
    for place in range(0, len(content), step):
        changed = bytearray(content)
        changed[place] ^= 1
        assert not verify(bytes(changed)).true, place
    assert not verify(content + b"x").true
    assert not verify(content[:-30]).true
    members = archive.read(content)
    closed_as = msgspec.json.decode(members[archive.CLOSED])
    closed_as["inputs"]["entries"][0]["seconds"] += 3600
    forged = msgspec.json.encode(closed_as)
    summed = archive.written({**members, archive.CLOSED: forged})
    verdict = verify(summed)
    assert any("counted_seconds" in difference for difference in verdict.differences)
    assert any("content hash" in difference for difference in verdict.differences)
    assert not verify(content, expected_sha256="0" * 64).true
    told_otherwise = archive.read(content)
    record = msgspec.json.decode(told_otherwise[archive.RECORD])
    record["time_log"][0]["counted_seconds"] = 1
    told_otherwise[archive.RECORD] = msgspec.json.encode(record)
    assert "record.json: the time log differs from the one derived" in (
        verify(archive.written(told_otherwise)).differences
    )
    path = tmp_path / "packet.zip"
    path.write_bytes(content)
    good = CliRunner().invoke(command, ["verify", str(path)])
    assert (good.exit_code, good.output.splitlines()[0]) == (0, "true")
    path.write_bytes(summed)
    bad = CliRunner().invoke(command, ["verify", "--json", str(path)])
    assert (bad.exit_code, msgspec.json.decode(bad.output)["true"]) == (1, False)


async def test_a_packet_written_anew_is_found_by_its_evidence_its_pages_or_the_hash_on_the_clinics_page(
    database, tmp_path
):
    made, ana = await closed(database)
    content = await made_packet(database, made, ana)
    async with database.begin(made.id) as tx:
        [kept] = await taken(tx, made.actor("biller"), ana.id, MARCH)
    assert verify(content, packet_sha256=kept.sha256).held_against_hash
    members = archive.read(content)
    record = msgspec.json.decode(members[archive.RECORD], type=Record)
    manifest = msgspec.json.decode(members[archive.MANIFEST], type=Manifest)
    frozen = msgspec.json.decode(members[archive.CLOSED], type=Frozen)

    def anew(**changes):
        told = msgspec.structs.replace(record, **changes)
        pages = printed(manifest, frozen, told)
        forged = {**members, archive.RECORD: msgspec.json.encode(told), archive.PDF: pages}
        return archive.written(forged)

    [consent], [score] = record.consents, record.scores
    later = msgspec.structs.replace(score, taken_at=score.taken_at + timedelta(days=2))
    invented = msgspec.structs.replace(score, id=str(UUID(int=9)))
    for forged, words in (
        (archive.written({**members, archive.PDF: b"%PDF-1.3 another"}), "packet.pdf is not"),
        (anew(consents=()), "a consent that the closed month rests on is missing"),
        (anew(consents=(msgspec.structs.replace(consent, method="written"),)), "the consent differs"),
        (anew(scores=(later,)), "a score is of another kind or day"),
        (anew(scores=(score, invented)), "passes for its evidence"),
        (anew(reviews=record.reviews[1:]), "a review that the closed month rests on is missing"),
        (anew(contacts=()), "a contact that the closed month rests on is missing"),
        (anew(plans=record.plans[1:]), "a plan that the closed month rests on is missing"),
    ):
        assert any(words in difference for difference in verify(forged).differences), words
    raised = anew(scores=(msgspec.structs.replace(score, total=5, band="mild"),))
    assert verify(
        raised
    ).true  # no total is in the closed month: it agrees with itself, and is not the one taken
    path = tmp_path / "packet.zip"
    path.write_bytes(raised)
    found = CliRunner().invoke(command, ["verify", "--packet-hash", kept.sha256, str(path)])
    assert (found.exit_code, "packet's SHA-256 differs" in found.output) == (1, True)


async def test_what_came_after_the_close_is_in_the_packet_marked_as_such(database):
    made, ana = await closed(database)
    async with database.begin(made.id) as tx:
        await tx.execute(update(MeasureResult).values(replaced_at=AFTER))
        await reviewed(tx, made, ana)
    content = await made_packet(database, made, ana)
    assert verify(content).differences == ()
    members = archive.read(content)
    record = msgspec.json.decode(members[archive.RECORD], type=Record)
    assert (len(record.scores), len(record.reviews), len(record.not_in_close)) == (1, 4, 2)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(members[archive.PDF])).pages)
    assert "".join(text.split()).count("[notamongtheevidenceoftheclose]") == 2


def zipped(names: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as made:
        for name, content in names.items():
            made.writestr(name, content)
    return target.getvalue()


WHOLE = dict.fromkeys(archive.ORDER, b"{}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a readable ZIP"),
        (b"PK\x05\x06" + b"\0" * 18, "lacks"),
        (zipped({"../../etc/passwd": b"x", **WHOLE}), "no packet has"),
        (zipped({"/etc/passwd": b"x", **WHOLE}), "no packet has"),
        (zipped(dict.fromkeys(archive.ORDER[1:], b"{}")), "lacks README.txt"),
        (zipped({**WHOLE, archive.PDF: b"\0" * 10_000_000}, zipfile.ZIP_DEFLATED), "compressed"),
        (zipped({**WHOLE, archive.PDF: b"\0" * (archive.LARGEST_MEMBER + 1)}), "larger"),
        (b"\0" * (archive.LARGEST_PACKET + 1), "larger than a packet"),
        (zipped(WHOLE), "can't be read as a packet's"),
        (zipped({**WHOLE, archive.MANIFEST: b"[" * 100_000}), "can't be read as a packet's"),
    ],
    ids=["empty", "bare", "slip", "absolute", "lacking", "bomb", "large", "huge", "hollow", "deep"],
)  # fmt: skip
def test_a_hostile_archive_is_refused_in_words(content, words):
    verdict = verify(content)
    assert not verdict.true
    assert words in verdict.differences[0]
