"""The signature the stand-in puts on webhooks, against published vectors and against Twilio's own validator."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from tests.support.provider.segments import segments
from tests.support.provider.signing import twilio_signature

_CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
_PAGE = "https://mycompany.com/myapp.php?foo=1&bar=2"
_REPEATED = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
_SHA = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

# Source: the unit tests of Twilio's Python library (tests/unit/test_request_validator.py).
_PUBLISHED = [
    (_PAGE, _CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (_PAGE.replace(".com", ".com:443"), _CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    (_PAGE.replace("https", "http").replace(".com", ".com:80"), _CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (_PAGE.replace("https", "http").replace(".com", ".com:1234"), _CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    (_PAGE, _REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (_PAGE, [*_REPEATED, ("Digits", "1234")], "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (f"{_PAGE}&bodySHA256={_SHA}", [], "a9nBmqA0ju/hNViExpshrM61xv4="),
]

_INBOUND_URL = "https://care.example.org/webhooks/twilio/inbound"
_INBOUND = [
    ("ToCountry", "US"),
    ("SmsMessageSid", "SM00000000000000000000000000000001"),
    ("NumMedia", "0"),
    ("FromCity", ""),
    ("SmsStatus", "received"),
    ("MessageSid", "SM00000000000000000000000000000001"),
    ("AccountSid", "AC00000000000000000000000000000000"),
    ("MessagingServiceSid", "MG00000000000000000000000000000000"),
    ("From", "+15005550010"),
    ("To", "+15551234567"),
    ("NumSegments", "1"),
    ("ApiVersion", "2010-04-01"),
]
_STATUS_URL = "https://care.example.org/webhooks/twilio/status/018f3b1e-0000-7000-8000-000000000001/1"
_STATUS = [
    ("MessageSid", "SM00000000000000000000000000000002"),
    ("SmsSid", "SM00000000000000000000000000000002"),
    ("MessageStatus", "delivered"),
    ("SmsStatus", "delivered"),
    ("To", "+15005550010"),
    ("From", "+15551234567"),
    ("AccountSid", "AC00000000000000000000000000000000"),
    ("MessagingServiceSid", "MG00000000000000000000000000000000"),
    ("ApiVersion", "2010-04-01"),
]
# Computed once and accepted by Twilio's Python library 9.13.0.
_OWN = [
    (_INBOUND_URL, [*_INBOUND, ("Body", "2")], "E8S2xDYIIqo7rla/cfbiwSMC0HE="),
    (_INBOUND_URL, [*_INBOUND, ("Body", " 2️⃣ ")], "tiGNErWW6K9g/lqecU8xD0xyunY="),
    (_STATUS_URL, _STATUS, "zK4E8isia0fx+aryL3VuniAV/3I="),
]


@pytest.mark.parametrize(("url", "pairs", "signature"), _PUBLISHED)
def test_published_vectors_are_reproduced(url: str, pairs: list[tuple[str, str]], signature: str) -> None:
    assert twilio_signature("12345", url, pairs) == signature


@pytest.mark.parametrize(("url", "pairs", "signature"), _OWN)
def test_webhook_vectors_are_reproduced_and_twilio_accepts_them(
    url: str, pairs: list[tuple[str, str]], signature: str
) -> None:
    assert twilio_signature("evenkeel-test-token", url, pairs) == signature
    assert RequestValidator("evenkeel-test-token").validate(url, dict(pairs), signature)


def test_the_order_of_parameters_does_not_matter() -> None:
    assert twilio_signature("t", _STATUS_URL, _STATUS) == twilio_signature("t", _STATUS_URL, _STATUS[::-1])


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        ("é" * 160, 1),  # in the default alphabet
        ("á" * 70, 1),  # not in it: UCS-2
        ("á" * 71, 2),
        ("a" * 69 + "á", 1),
        ("á" * 134, 2),
        ("á" * 135, 3),
        ("😀" * 35, 1),  # two UTF-16 units each
        ("😀" * 36, 2),
        ("`", 1),
    ],
)
def test_parts_are_counted_as_gsm_7_or_ucs_2(body: str, parts: int) -> None:
    assert segments(body) == parts
