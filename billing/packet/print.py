"""The packet on paper, in the order in which an auditor asks."""

from __future__ import annotations

from billing.close.rules import Frozen
from billing.export.pdf import Pages
from billing.packet.archive import Manifest
from billing.packet.contents import Record
from billing.statement.rules import StatementRow


def printed(manifest: Manifest, frozen: Frozen, record: Record) -> bytes:
    """The same three give the same bytes, so whoever holds a packet can print it again and compare."""
    facts = frozen.row.facts
    pages = Pages(f"Audit packet {manifest.month}, version {manifest.version}", manifest.made_at)
    pages.heading(f"Audit packet: {facts.family_name}, {facts.given_name}, {manifest.month}")
    pages.paragraph(
        f"{manifest.clinic}. Record number {facts.mrn or 'none'}. Version {manifest.version}, closed "
        f"{manifest.closed_at:%Y-%m-%d %H:%M} UTC by {manifest.closed_by}.\n"
        f"Content SHA-256: {manifest.content_sha256}\nMonth SHA-256: {manifest.month_sha256}"
    )
    _line(pages, record)
    _behind(pages, frozen.row, record)
    _care(pages, record)
    _minutes(pages, record)
    _rules(pages, frozen)
    return pages.content()


def _line(pages: Pages, record: Record) -> None:
    derived = record.derivation
    pages.heading("The line", size=11)
    pages.paragraph(
        f"{' + '.join(derived.lines) or 'No line'} ({derived.status.replace('_', ' ')}), {derived.minutes} counted "
        f"minutes from {derived.counted_seconds} seconds, month type {derived.month_type}: "
        f"{derived.month_type_reason} Date of service {derived.date_of_service or 'none'}. Rule set {derived.rule_set}."
    )
    _list(pages, "Rules applied", derived.steps)
    _list(pages, "Required elements", derived.elements)
    _list(pages, "Open holds", derived.holds)
    _list(pages, "Released by a person", derived.released)


def _behind(pages: Pages, row: StatementRow, record: Record) -> None:
    visit = row.facts.initiating_visit
    pages.heading("Consent, visit, diagnosis, scores", size=11)
    for consent in record.consents:
        pages.paragraph(
            f"Consent {consent.kind}, {consent.method}, {consent.given_at:%Y-%m-%d %H:%M} UTC, recorded by "
            f"{consent.recorded_by}, wording {consent.wording_version} ({consent.language}){_mark(record, consent.id)}:\n"
            f"{consent.words or 'The words of this version are not held here.'}"
        )
    pages.paragraph(
        f"Initiating visit: {f'{visit.on} {visit.code or str()}' if visit else 'none on record'}. "
        f"Diagnoses: {_diagnoses(row) or 'none on record'}."
    )
    pages.table(
        ("Measure", "Taken", "Total", "Band"),
        [
            (each.instrument, f"{each.taken_at:%Y-%m-%d}", "incomplete" if each.total is None else str(each.total),
             (each.band or "") + _mark(record, each.id))
            for each in record.scores
        ],
        (2, 2, 1, 2),
    )  # fmt: skip


def _diagnoses(row: StatementRow) -> str:
    return ", ".join(
        f"{each.code} (suspected)" if each.suspected else each.code for each in row.facts.diagnoses
    )


def _care(pages: Pages, record: Record) -> None:
    pages.heading("Plans and what changed in them", size=11)
    for plan in record.plans:
        signed = f", signed {plan.signed_at:%Y-%m-%d}" if plan.signed_at else ""
        pages.paragraph(
            f"{plan.kind}, version {plan.version}, {plan.written_at:%Y-%m-%d} by {plan.written_by}{signed}"
            f"{_mark(record, plan.id)}"
        )
        _list(pages, "", tuple(f"{field}: {text}" for field, text in plan.lines))
    _list(
        pages,
        "Differences",
        tuple(
            f"{each.kind} {each.from_version} to {each.to_version}, {each.field}: "
            f"{each.before or '(nothing)'} -> {each.after or '(nothing)'}"
            for each in record.plan_differences
        ),
    )
    pages.heading("Contacts", size=11)
    _list(pages, "", tuple(
        f"{each.at:%Y-%m-%d %H:%M} UTC, {each.kind}, {each.outcome}, {each.by}: {each.note}"
        + (f" Next: {each.next_contact_at:%Y-%m-%d} {each.next_contact_mode}, {each.next_contact_purpose}"
           if each.next_contact_at else "")
        + _mark(record, each.id)
        for each in record.contacts
    ))  # fmt: skip
    pages.heading("Reviews, advice and changes of treatment", size=11)
    _list(pages, "", tuple(
        f"{each.at:%Y-%m-%d}, {each.by}: {each.words}{_mark(record, each.id)}" + "".join(f"\n    {step}" for step in each.steps)
        for each in record.reviews
    ))  # fmt: skip
    _list(pages, "", tuple(
        f"{each.on}, {each.kind}: {each.words} ({each.recorded_by})" + (" - withdrawn" if each.withdrawn else "")
        for each in record.treatment_changes
    ))  # fmt: skip


def _minutes(pages: Pages, record: Record) -> None:
    pages.heading("Time log", size=11)
    pages.table(
        ("Started", "Seconds", "Counted", "Who", "Activity", "Not counted"),
        [
            (entry.started, str(entry.seconds), str(entry.counted_seconds), f"{entry.staff}, {entry.role}",
             entry.activity, "; ".join(f"{each.seconds} s: {each.words}" for each in entry.not_counted))
            for entry in record.time_log
        ],
        (5, 2, 2, 4, 4, 6),
    )  # fmt: skip


def _rules(pages: Pages, frozen: Frozen) -> None:
    rules = frozen.inputs.rule_set
    pages.heading(f"Rule set {rules.rule_id}: {rules.title}", size=11)
    pages.paragraph(f"Source: {rules.source}. Author: {rules.author}.")
    shown = [f"{name} = {getattr(rules, name)}" for name in rules.__struct_fields__]
    pages.paragraph("; ".join(shown), size=7)


def _mark(record: Record, row_id: str) -> str:
    return " [not among the evidence of the close]" if row_id in record.not_in_close else ""


def _list(pages: Pages, title: str, items: tuple[str, ...]) -> None:
    if items:
        pages.paragraph((f"{title}:\n" if title else "") + "\n".join(f"- {item}" for item in items), size=8)
