"""Sign-in in two steps, the second factor, the clinic to work in, and the person's own account.

Both steps answer in the same words and time for known and unknown accounts. Posts: `/sign-in` (email, password, next),
`/sign-in/code` (code), `/sign-in/setup` (code), `/clinics` (clinic_id), `/account/password` (current, new, again),
`/account/codes` (current), `/sign-out`.
"""

from markupsafe import Markup
from msgspec import Struct

from staff_console.formstate import Choice, FormState


class SignInPage(Struct, frozen=True):
    """Template `account/sign_in.html`. `next` is a path of this console, checked by the controller; `ended`
    says why a session ended ("You were signed out after 15 minutes without activity."), empty at first."""

    form: FormState
    next: str = ""
    ended: str = ""


class TotpPage(Struct, frozen=True):
    """Template `account/totp.html`."""

    form: FormState
    next: str = ""


class TotpSetupPage(Struct, frozen=True):
    """Template `account/totp_setup.html`. `qr` is inline SVG of the otpauth:// address; `secret` the same to type, in
    groups of four."""

    form: FormState
    qr: Markup
    secret: str
    next: str = ""


class CodesPage(Struct, frozen=True):
    """Template `account/codes.html`: recovery codes, shown once."""

    codes: tuple[str, ...]
    next_href: str
    next_label: str


class ClinicsPage(Struct, frozen=True):
    """Template `account/clinics.html`."""

    form: FormState
    clinics: tuple[Choice, ...]


class AccountPage(Struct, frozen=True):
    """Template `account/account.html`. `clinics` is empty for a person of one clinic;
    `shortest` is the least length of a password."""

    name: str
    roles: str
    clinic: str
    codes_left: str
    password: FormState
    codes: FormState
    clinics: tuple[Choice, ...]
    clinic_form: FormState
    logs_time: bool
    shortest: int
