import pytest

from messaging.delivery.errors import ERROR_CODES, classify, meaning

TABLE = [
    (14107, "loop"),
    (14109, "loop"),
    (20003, "halt"),
    (20429, "backoff"),
    (20500, "unknown_outcome"),
    (21211, "bad_contact"),
    (21408, "config"),
    (21603, "config"),
    (21606, "config"),
    (21610, "opt_out"),
    (21611, "backoff"),
    (21614, "bad_contact"),
    (21635, "bad_contact"),
    (21712, "config"),
    (30001, "not_sent"),
    (30002, "halt"),
    (30003, "soft"),
    (30004, "soft_opt_out"),
    (30005, "bad_contact"),
    (30006, "bad_contact"),
    (30007, "content"),
    (30008, "soft"),
    (30022, "throttle"),
    (30029, "config"),
    (30032, "config"),
    (30034, "config"),
    (30036, "not_sent"),
    (30039, "unknown"),
    (30410, "soft"),
    (30450, "soft"),
    (30610, "config"),
    (30640, "config"),
    (35114, "config"),
    (35115, "config"),
    (35117, "config"),
    (63018, "backoff"),
    (63038, "pause"),
]


@pytest.mark.parametrize(("code", "expected"), TABLE)
def test_each_code_has_its_class_in_a_callback_and_in_a_refusal(code, expected):
    assert classify(None, code) == expected
    assert classify(400, code) == expected


def test_the_table_above_is_the_whole_table():
    assert [code for code, _ in TABLE] == sorted(ERROR_CODES)


@pytest.mark.parametrize(
    ("http_status", "code", "expected"),
    [
        (429, None, "backoff"),
        (429, 20429, "backoff"),
        (429, 63038, "pause"),  # a spent daily cap is answered with 429: the cap is the reason
        (429, 99999, "backoff"),
        (401, None, "halt"),
        (401, 20003, "halt"),
        (400, None, "unknown"),
        (404, 20404, "unknown"),
        (400, 99999, "unknown"),
        (None, 99999, "unknown"),
        (None, None, "unknown"),
        # proves nothing, whatever the code says
        (500, None, "unknown_outcome"),
        (503, 20003, "unknown_outcome"),
        (502, 20429, "unknown_outcome"),
        (408, None, "unknown_outcome"),
        (302, None, "unknown_outcome"),
        (200, None, "unknown_outcome"),
        (0, None, "unknown_outcome"),
    ],
)
def test_http_statuses(http_status, code, expected):
    assert classify(http_status, code) == expected


def test_staff_read_a_reason_for_every_code():
    assert meaning(30005) == "the number is unknown or no longer in use"
    assert meaning(99999) == "a code this version does not know (99999)"
    assert meaning(None) == "no reason was given"
