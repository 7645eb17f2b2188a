"""What the text provider's error codes mean for us.

Codes: twilio.com/docs/api/errors/<code>. New ones are added without notice, so one that is not listed is
`unknown`: no automatic retry, and staff see it.
"""

from typing import Final, Literal

import msgspec

ErrorClass = Literal[
    "backoff",  # never processed: the same row again, later
    "unknown_outcome",  # may have been accepted: reconcile
    "halt",  # our account cannot send: stop the dispatcher and page
    "bad_contact",  # this number cannot be texted: stop, staff verify it
    "config",  # our set-up is wrong: alert, no retry
    "opt_out",  # the recipient opted out at the carrier or provider
    "loop",  # two machines seem to be answering each other
    "not_sent",  # the provider gave up before sending
    "soft",  # may pass by itself: one further try, then it counts against the number
    "soft_opt_out",  # the recipient or carrier seems to block us: staff review
    "content",  # filtered for what it says: alert, no retry
    "throttle",  # too fast: slow down
    "pause",  # daily cap reached: pause until it resets
    "unknown",
]
Where = Literal["http", "create", "delivery", "both", "inbound"]

TOO_MANY_REQUESTS: Final = 429
UNAUTHORIZED: Final = 401
REQUEST_TIMEOUT: Final = 408


class ErrorCode(msgspec.Struct, frozen=True):
    """`where` it shows: the HTTP answer in general, creating a message, its delivery, or an inbound text."""

    class_: ErrorClass
    where: Where
    meaning: str


ERROR_CODES: Final[dict[int, ErrorCode]] = {
    14107: ErrorCode("loop", "delivery", "more than 30 quick replies between two numbers; blocked for 30 s"),
    14109: ErrorCode("loop", "inbound", "more than 10 markup replies to one inbound text"),
    20003: ErrorCode("halt", "http", "our credentials were refused"),
    20429: ErrorCode("backoff", "http", "too many requests at once; this one was not processed"),
    20500: ErrorCode("unknown_outcome", "http", "the provider failed; the text may have been accepted"),
    21211: ErrorCode("bad_contact", "create", "not a valid number"),
    21408: ErrorCode("config", "create", "our account may not text this region"),
    21603: ErrorCode("config", "create", "no sender was given"),
    21606: ErrorCode("config", "create", "the sender is not ours or cannot text this number"),
    21610: ErrorCode("opt_out", "both", "the recipient has opted out of this sender"),
    21611: ErrorCode("backoff", "create", "this sender's queue is full (over 10 hours)"),
    21614: ErrorCode("bad_contact", "create", "the number cannot receive texts"),
    21635: ErrorCode("bad_contact", "create", "the number is a landline"),
    21712: ErrorCode("config", "create", "the messaging service has no sender"),
    30001: ErrorCode("not_sent", "delivery", "the queue overflowed before the text left"),
    30002: ErrorCode("halt", "delivery", "our account is suspended"),
    30003: ErrorCode("soft", "delivery", "the phone is off or out of reach"),
    30004: ErrorCode("soft_opt_out", "delivery", "the recipient or carrier blocked the text"),
    30005: ErrorCode("bad_contact", "delivery", "the number is unknown or no longer in use"),
    30006: ErrorCode("bad_contact", "delivery", "a landline, or a carrier that cannot be reached"),
    30007: ErrorCode("content", "delivery", "filtered by the carrier or the provider"),
    30008: ErrorCode("soft", "delivery", "failed without a known reason"),
    30022: ErrorCode("throttle", "delivery", "over the campaign's rate, or too many to one number"),
    30029: ErrorCode("config", "create", "address redaction is not enabled on our account"),
    30032: ErrorCode("config", "delivery", "our toll-free number is not verified"),
    30034: ErrorCode("config", "both", "our number is not registered for application texts"),
    30036: ErrorCode("not_sent", "delivery", "its validity ended before it could leave"),
    30039: ErrorCode("unknown", "inbound", "an inbound text looked machine-made and was not passed on"),
    30410: ErrorCode("soft", "delivery", "the carrier did not answer in time"),
    30450: ErrorCode("soft", "delivery", "blocked by the protection against message pumping"),
    30610: ErrorCode("config", "both", "blocked by the provider's own quiet hours, which must be off"),
    30640: ErrorCode("config", "both", "blocked by the provider's litigator list, which must be off"),
    35114: ErrorCode("config", "create", "the scheduled moment is not acceptable"),
    35115: ErrorCode("config", "create", "the scheduled moment is too near or too far"),
    35117: ErrorCode("config", "create", "the scheduled moment is not acceptable"),
    63018: ErrorCode("backoff", "both", "throttled"),
    63038: ErrorCode("pause", "both", "our account's cap for 24 hours is used up"),
}


def classify(http_status: int | None, code: int | None) -> ErrorClass:
    """Class of a refused or failed text.

    `http_status` is that of the create answer, None for a status callback; `code` the provider's code, if any.
    An answer of 5xx, 408, or anything that is neither success nor refusal proves nothing, whatever its code. A
    known code outranks the status 429, since a spent daily cap is answered with 429 too.
    """
    if http_status is not None and not _refused(http_status):
        return "unknown_outcome"
    if code is not None and code in ERROR_CODES:
        return ERROR_CODES[code].class_
    if http_status == TOO_MANY_REQUESTS:
        return "backoff"
    if http_status == UNAUTHORIZED:
        return "halt"
    return "unknown"


def meaning(code: int | None) -> str:
    """One line for staff."""
    known = None if code is None else ERROR_CODES.get(code)
    if known is not None:
        return known.meaning
    return "no reason was given" if code is None else f"a code this version does not know ({code})"


def _refused(http_status: int) -> bool:
    return 400 <= http_status < 500 and http_status != REQUEST_TIMEOUT
