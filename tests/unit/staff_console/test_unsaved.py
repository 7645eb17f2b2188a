"""What a page no longer shows of a refused form, and what a form remembers of the page it stood on."""

from __future__ import annotations

import pytest

from staff_console import seen, unsaved
from staff_console.formstate import FormState, filled

TYPED = [
    ("_csrf", "token"),
    ("version", "3"),
    ("decision", "declined"),
    ("reason", "Patient's <own> wish\r\nand mine"),
    ("recipient_id", "01a22011-4cbd-710f-a7b7-33a3fdc79a62"),
    ("password", "never shown"),
    ("read_back", "on"),
    ("note", "  "),
]


def test_typed_text_has_each_field_under_its_name_and_no_secret() -> None:
    text = unsaved.typed_text(TYPED, {"reason": "Why", "decision": "Decision", "password": "Password"})
    assert text == "Why:\nPatient's <own> wish\r\nand mine\nDecision: declined"


def test_without_labels_everything_that_can_have_been_typed_is_given_back() -> None:
    text = unsaved.typed_text(TYPED, {})
    assert text.splitlines()[0] == "Decision: declined"
    assert text.endswith("Read back: yes")
    assert "never shown" not in text and "token" not in text and "01a22011" not in text


@pytest.mark.parametrize(
    ("page", "there"),
    [
        ('<textarea name="reason">\nPatient&#39;s &lt;own&gt; wish\r\nand mine</textarea>', True),
        ('<input name="reason" value="Patient&#39;s &lt;own&gt; wish\r\nand mine">', True),
        ("<p>Patient&#39;s &lt;own&gt; wish\r\nand mine</p>", False),
        ("", False),
    ],
)
def test_a_field_is_drawn_when_a_control_holds_it(page: str, there: bool) -> None:
    assert unsaved.drawn(page, TYPED, {"reason": "Why"}) is there


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("activity", "outreach"), ("minutes", "10")], False),
        ([("_csrf", "a b"), ("password", "two words")], False),
        ([("note", "two words")], True),
    ],
)
def test_only_a_text_is_worth_a_page_of_its_own(fields: list[tuple[str, str]], words: bool) -> None:
    assert unsaved.has_words(fields) is words


def test_the_fingerprint_is_that_of_the_values_and_of_what_stands_beside() -> None:
    form = seen.sealed(filled("f", plan="Gold", member=""))
    assert seen.sealed(form) == form
    assert seen.sealed(filled("g", plan="Gold")).value("seen") == form.value("seen")
    assert seen.sealed(filled("f", plan="Silver")).value("seen") != form.value("seen")
    assert seen.sealed(FormState("f"), [("A", 1)]).value("seen") != seen.sealed(
        FormState("f"), [("A", 2)]
    ).value("seen")
    roles = [seen.sealed(FormState("r", {"roles": order})) for order in (("a", "b"), ("b", "a"))]
    assert roles[0].value("seen") == roles[1].value("seen")


def test_after_a_stale_save_the_form_has_what_was_typed_and_says_what_is_stored() -> None:
    labels = {"plan": "Plan", "holder": "Holder", "channel": "Channel", "kept": "Kept"}
    now = seen.sealed(
        filled("f", plan="Gold", holder="01a22011-4cbd-710f-a7b7-33a3fdc79a62", channel="link_only", kept="x")
    )
    typed = FormState("f", {"plan": ("Silver",), "kept": ("x",), "seen": ("old",)}, problem="Changed.")
    form = seen.after_stale(typed, now, labels)
    assert form.value("plan") == "Silver" and form.value("seen") == now.value("seen")
    assert form.problem == (
        f"Changed. {seen.TYPED_STAYS} On record now: Plan: Gold; Holder: another choice; Channel: link only."
    )
