"""Example bodies of the mobile API: invented people, numbers that ring nowhere."""

from __future__ import annotations

from litestar.openapi.spec import Example

CODE = [Example(value={"phone": "+12065550123"})]
SESSION = [
    Example(value={"request": "r4nd0m-of-the-call-before", "code": "493027", "device_name": "My phone"})
]
REFRESH = [Example(value={"refresh_token": "r4nd0m-of-the-last-pair"})]
PUSH = [Example(value={"platform": "fcm", "token": "token-from-the-platform-000001"})]
ANSWERS = [
    Example(
        value={
            "answers": [
                {"instrument_id": "phq9", "item": 1, "value": 1},
                {"instrument_id": "phq9", "item": 2, "value": 0, "answered_at": "2026-03-02T18:04:00Z"},
            ]
        }
    )
]
MESSAGE = [Example(value={"body": "Could we talk on Thursday instead?"})]
PREFERENCES = [
    Example(
        value={"language": "en", "channel": "sms_link", "window_start": "09:00:00", "window_end": "18:00:00"}
    )
]
NUMBER = [Example(value={"phone": "+12065550124"})]
NEW_NUMBER = [
    Example(value={"request": "r4nd0m-of-the-call-before", "code": "493027", "agrees_to_texts": True})
]
SAFETY = [Example(value={"code_word": "bluebird"})]
