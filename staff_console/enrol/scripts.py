"""The words read to a patient before they agree, with the versions that are stored with the agreement.

Every change of a text gets a new version: an agreement points at the words that were used. Care: who is on the team,
that cost sharing may apply and that the patient may stop at any time (CMS, MLN909432). Texting: that texts are not
encrypted, not for emergencies, free to stop, and that care does not depend on it (45 CFR 164.522(b); 47 CFR 64.1200).
"""

from __future__ import annotations

from typing import Final

import msgspec


class Script(msgspec.Struct, frozen=True):
    version: str
    english: str
    spanish: str


CARE: Final = Script(
    "care-consent@1",
    "Your doctor works with a team here. I am the care manager: I check in with you between visits, and a psychiatrist "
    "advises your doctor without meeting you. We share what we need to know with each other. Your insurance may ask you "
    "to pay a part. You can stop at any time, and it will not change your other care. Do you agree?",
    "Su médico trabaja con un equipo aquí. Yo coordino su cuidado: me comunico con usted entre las visitas, y un "
    "psiquiatra aconseja a su médico sin verle a usted. Compartimos entre nosotros lo que necesitamos saber. Es posible "
    "que su seguro le pida pagar una parte. Puede dejarlo en cualquier momento y no cambia el resto de su atención. "
    "¿Está de acuerdo?",
)
TEXTING: Final = Script(
    "texting-consent@1",
    "May we text you check-ins and reminders at this number? Texts are not for emergencies: we read them in office "
    "hours. Message and data rates may apply. Reply STOP at any time to end them. Your care does not depend on it.",
    "¿Podemos enviarle a este número mensajes de texto con preguntas y recordatorios? No son para emergencias: los "
    "leemos en horas de oficina. Pueden aplicarse tarifas de mensajes y datos. Responda STOP en cualquier momento para "
    "terminarlos. Su atención no depende de ello.",
)
RISK: Final = Script(
    "unencrypted-texts@1",
    "If you want the questions themselves by text: texts are not encrypted, and anyone who can see your phone can read "
    "them. Is that all right with you?",
    "Si quiere recibir las preguntas mismas por mensaje de texto: los mensajes no están cifrados, y quien vea su "
    "teléfono puede leerlos. ¿Le parece bien?",
)
HANDOFF: Final = "A care manager will call you soon. You stay with us; the team helps between visits."
SAFETY_LINE: Final = "If there is urgent risk, follow the safety protocol first: a referral is read in working hours, not at once."
