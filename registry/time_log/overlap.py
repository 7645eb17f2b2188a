"""Decides the time two entries share: overlap, joint case review, the consultant alone."""

from collections.abc import Sequence

from registry.time_log import activities
from registry.time_log.entries import CountingPolicy, Entry
from registry.time_log.exclusions import Piece, span
from registry.time_log.intervals import Interval, add, divided, merged
from registry.time_log.reasons import Reason


def settle(pieces: Sequence[Piece], entries: Sequence[Entry], policy: CountingPolicy) -> list[Piece]:
    """Decides the pieces that depend on other entries: overlap, joint review, the consultant alone."""
    settled = [piece for piece in pieces if piece.reason is not None]
    alone = [piece for piece in pieces if piece.reason is None and _needs_company(piece.entry, policy)]
    candidates = [
        piece for piece in pieces if piece.reason is None and not _needs_company(piece.entry, policy)
    ]
    counted, lost = _first_come(candidates, _run_order(entries))
    settled += counted
    settled += _not_counted(lost, candidates, "overlap")
    settled += _not_counted(alone, candidates, "consultant_alone")
    return settled


def _needs_company(entry: Entry, policy: CountingPolicy) -> bool:
    return entry.role == "consultant" and not policy.count_consultant_solo


def _run_order(entries: Sequence[Entry]) -> dict[str, tuple[int, str]]:
    """(start, smallest id) of the run each entry belongs to, by entry id. `entries` come sorted by start."""
    alike: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        key = (
            entry.staff_id,
            entry.role,
            entry.activity,
            entry.separately_reported,
            entry.superseded,
            entry.modality,
        )
        alike.setdefault(key, []).append(entry)
    order: dict[str, tuple[int, str]] = {}
    for group in alike.values():
        for run in _runs(group):
            first = (span(run[0])[0], min(entry.id for entry in run))
            order.update((entry.id, first) for entry in run)
    return order


def _runs(group: Sequence[Entry]) -> list[list[Entry]]:
    runs: list[list[Entry]] = []
    reach = 0
    for entry in group:
        start, end = span(entry)
        if runs and start <= reach:
            runs[-1].append(entry)
            reach = max(reach, end)
        else:
            runs.append([entry])
            reach = end
    return runs


def _first_come(
    candidates: Sequence[Piece], order: dict[str, tuple[int, str]]
) -> tuple[list[Piece], list[Piece]]:
    """Hands each second to the first run in order; returns what is kept and what another entry kept."""
    kept: list[Piece] = []
    lost: list[Piece] = []
    taken: list[Interval] = []
    for piece in sorted(
        candidates,
        key=lambda piece: (*order[piece.entry.id], piece.entry.started_at, piece.entry.id, piece.start),
    ):
        for start, end, inside in divided((piece.start, piece.end), taken):
            (lost if inside else kept).append(Piece(piece.entry, start, end, None))
        add(taken, (piece.start, piece.end))
    return kept, lost


def _not_counted(pieces: Sequence[Piece], candidates: Sequence[Piece], reason: Reason) -> list[Piece]:
    """Gives `reason`, except where someone of another role counts for the same case review."""
    joint = [piece for piece in candidates if _is_joint(piece.entry)]
    others = {
        role: merged((piece.start, piece.end) for piece in joint if piece.entry.role != role)
        for role in {piece.entry.role for piece in pieces}
    }
    return [
        Piece(piece.entry, start, end, "joint_counted_once" if together else reason)
        for piece in pieces
        for start, end, together in divided(
            (piece.start, piece.end), others[piece.entry.role] if _is_joint(piece.entry) else []
        )
    ]


def _is_joint(entry: Entry) -> bool:
    activity = activities.find(entry.activity)
    return activity is not None and activity.kind == "joint_review"
