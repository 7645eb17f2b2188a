"""Sign-in in two steps. Both posts answer in the same words and time for known and unknown accounts.

Posts: `/sign-in` (email, password, next), `/sign-in/code` (code), `/sign-out`.
"""

from msgspec import Struct

from staff_console.formstate import FormState


class SignInPage(Struct, frozen=True):
    """Template `account/sign_in.html`. `next` is a path of this console, checked by the controller; `ended`
    says why a session ended ("You were signed out after 15 minutes without activity."), empty at first."""

    form: FormState
    next: str = ""
    ended: str = ""


class TotpPage(Struct, frozen=True):
    """Template `account/totp.html`. `recovery_href` leads to the recovery-code form, empty when not offered."""

    form: FormState
    recovery_href: str = ""
