"""The words read to a patient before they agree, with the versions that are stored with the agreement.

Every change of a text gets a new version: an agreement points at the words that were used. Care: who is on the team,
that cost sharing may apply and that the patient may stop at any time (CMS, MLN909432).
"""

from __future__ import annotations

from typing import Final

import msgspec

from messaging.consent.scripts import Name, script


class Script(msgspec.Struct, frozen=True):
    version: str
    english: str
    spanish: str


CARE: Final = Script(
    "care-consent@2",
    "Your doctor works with a team here and stays in charge of your care. I am the care manager: I check in with you "
    "between visits and keep track of how you feel with short questions. A psychiatrist advises your doctor and me; you "
    "usually do not meet them. We share with each other what we need to know. Much of this work happens when you are not "
    "in the room, by phone, by message and when the team talks about your care. Your insurance may ask you to pay a part "
    "of it, also for that time. Only one practice can bill for this in a month. You can stop at any time, at the end of "
    "the month at the latest, and it will not change your other care. Do you agree?",
    "Su médico trabaja con un equipo aquí y sigue a cargo de su cuidado. Yo coordino su cuidado: me comunico con usted "
    "entre las visitas y sigo cómo se siente con preguntas cortas. Un psiquiatra nos aconseja a su médico y a mí; por lo "
    "general usted no lo ve. Compartimos entre nosotros lo que necesitamos saber. Mucho de este trabajo se hace cuando "
    "usted no está presente, por teléfono, por mensajes y cuando el equipo habla de su cuidado. Es posible que su seguro "
    "le pida pagar una parte, también por ese tiempo. Solo una clínica puede cobrar por esto en un mes. Puede dejarlo en "
    "cualquier momento, a más tardar al fin del mes, y no cambia el resto de su atención. ¿Está de acuerdo?",
)
# Words of earlier agreements: their versions are stored with them.
EARLIER: Final = (
    Script(
        "care-consent@1",
        "Your doctor works with a team here. I am the care manager: I check in with you between visits, and a psychiatrist "
        "advises your doctor without meeting you. We share what we need to know with each other. Your insurance may ask you "
        "to pay a part. You can stop at any time, and it will not change your other care. Do you agree?",
        "Su médico trabaja con un equipo aquí. Yo coordino su cuidado: me comunico con usted entre las visitas, y un "
        "psiquiatra aconseja a su médico sin verle a usted. Compartimos entre nosotros lo que necesitamos saber. Es posible "
        "que su seguro le pida pagar una parte. Puede dejarlo en cualquier momento y no cambia el resto de su atención. "
        "¿Está de acuerdo?",
    ),
)


def _texting(name: Name) -> Script:
    """The words messaging answers for: a key of the API and the demo store the same versions."""
    english, spanish = script(name, "en"), script(name, "es")
    return Script(english.version, english.text, spanish.text)


TEXTING: Final = _texting("texting")
RISK: Final = _texting("items_by_sms")
HANDOFF: Final = "A care manager will call you soon. You stay with us; the team helps between visits."
SAFETY_LINE: Final = "If there is urgent risk, follow the safety protocol first: a referral is read in working hours, not at once."


def care_words(version: str, language: str) -> str | None:
    """The words of an agreement to care by the version stored with it; None for a version not held here."""
    found = next((script for script in (CARE, *EARLIER) if script.version == version), None)
    if found is None:
        return None
    return found.spanish if language == "es" else found.english
