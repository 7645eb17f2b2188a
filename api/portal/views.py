"""What each patient page needs. Every template gets `shell`, `copy`, `csrf_token` and `page`.

No struct here can hold a name, a score, an earlier answer or a kind of clinic: a link opened by the wrong
person must show none of them. Forms have no action: each posts to the address it was shown at.
"""

from typing import Literal

from msgspec import Struct

from api.portal.copy import Language


class PortalShell(Struct, frozen=True):
    """`clinic` is the neutral public name. `hours` completes "reads answers ..." in the page's language.
    `exit_href` is an ordinary page of another site for the leave link. `language_href` is this page in the
    other language. `phone` is empty when no one clinic's number can be shown."""

    language: Language
    clinic: str
    phone: str
    phone_href: str
    hours: str
    exit_href: str
    language_href: str
    demo: bool = False


class StartPage(Struct, frozen=True):
    """Template `portal/templates/start.html`. Opening it changes nothing; its button exchanges the link."""

    minutes: int
    until: str


class BirthPage(Struct, frozen=True):
    """Template `portal/templates/birth.html`. Posts month, day, year, or go=not_me. A check against
    misdelivery, not a sign-in: typed values are not shown again."""

    error: str = ""


class AnswerOption(Struct, frozen=True):
    value: str
    label: str
    chosen: bool = False


class QuestionPage(Struct, frozen=True):
    """Template `portal/templates/question.html`. Posts answer and go (next, back or skip).

    `stem` and `text` are the instrument's own words. `options` may be marked as chosen only from answers
    given in this visit. `may_go_back` is False on the first question of the visit."""

    number: int
    total: int
    stem: str
    text: str
    options: tuple[AnswerOption, ...]
    language: Language
    may_go_back: bool = False
    may_skip: bool = True
    error: str = ""


class CrisisPage(Struct, frozen=True):
    """Template `portal/templates/crisis.html`, shown at once after an answer that opens a safety event; the
    answer is already stored. Posts go=next."""

    more_questions: bool


class ThanksPage(Struct, frozen=True):
    """Template `portal/templates/thanks.html`. `when` and `topic` are empty when no contact is planned."""

    when: str
    topic: str
    crisis: bool = False


class MessagePage(Struct, frozen=True):
    """Template `portal/templates/message.html`: the same page, status and timing for a link that is unknown,
    expired or used (`kind="invalid"`), too many tries (`busy`), or our own fault with its request id (`error`)."""

    kind: Literal["invalid", "busy", "error"]
    reference: str = ""
