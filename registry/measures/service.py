"""Asking, answering, scoring, entering and correcting. Answers and results are append-only: what changes is a new
revision beside the old one."""

from __future__ import annotations

from registry.measures.answers import add_unscored, record_answer, withdraw_answer
from registry.measures.entry import correct_items, correct_total, enter_items, enter_total
from registry.measures.results import close_partial, complete_run, open_run
from registry.measures.rules import ItemsForm, Recorded, ResultFacts, RunFacts, TotalForm

__all__ = [
    "ItemsForm",
    "Recorded",
    "ResultFacts",
    "RunFacts",
    "TotalForm",
    "add_unscored",
    "close_partial",
    "complete_run",
    "correct_items",
    "correct_total",
    "enter_items",
    "enter_total",
    "open_run",
    "record_answer",
    "withdraw_answer",
]
