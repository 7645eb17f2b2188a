"""The portal's own words, in English and Spanish, at about a grade-6 reading level.

Item texts and answer labels are not here: they come from the instrument's registered content. Words that only
an open check-in may show are kept neutral: nothing names a condition, a score, a medicine or a kind of clinic.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Final, Literal

from msgspec import Struct

Language = Literal["en", "es"]


class Copy(Struct, frozen=True):
    """One language. `{...}` marks are filled with `str.format` in the templates."""

    other_language: str
    other_language_code: Language
    skip_to_page: str
    leave: str
    help_title: str
    help_line: str
    help_988: str
    help_911: str
    help_clinic: str
    demo: str
    start_title: str
    start_lede: str
    start_private: str
    start_watch: str
    start_button: str
    start_expires: str
    birth_title: str
    birth_lede: str
    birth_month: str
    birth_day: str
    birth_year: str
    birth_not_me: str
    birth_unreadable: str
    birth_other: str
    next: str
    back: str
    skip: str
    question_of: str
    saved: str
    choose_error: str
    problem: str
    error_prefix: str
    crisis_title: str
    crisis_text: str
    crisis_call: str
    crisis_text_988: str
    crisis_spanish: str
    crisis_911: str
    crisis_clinic: str
    crisis_watch: str
    crisis_continue: str
    thanks_title: str
    thanks_text: str
    thanks_next: str
    thanks_no_next: str
    thanks_close: str
    invalid_title: str
    invalid_text: str
    invalid_what: str
    error_title: str
    error_text: str
    error_reference: str
    busy_title: str
    busy_text: str


ENGLISH = Copy(
    other_language="Español",
    other_language_code="es",
    skip_to_page="Skip to the page",
    leave="Leave this page",
    help_title="Need help now?",
    help_line="Help line",
    help_988="Call or text 988",
    help_911="Call 911",
    help_clinic="Clinic {phone}",
    demo="Demo. Made-up people. Nothing is sent.",
    start_title="Your check-in is ready",
    start_lede="A few short questions. It takes about {minutes} minutes.",
    start_private="Your answers go to your care team. You can stop at any time and come back with the same link.",
    start_watch="This is not for emergencies. Your team reads answers {hours}, not around the clock.",
    start_button="Start",
    start_expires="This link works until {until}.",
    birth_title="Is this for you?",
    birth_lede="Please enter your date of birth, so we know this reached the right person.",
    birth_month="Month",
    birth_day="Day",
    birth_year="Year",
    birth_not_me="This is not for me",
    birth_unreadable="Enter the month, day and year in numbers, like 4 12 1987.",
    birth_other="That is not the date we have. Please check it, or call the clinic.",
    next="Next",
    back="Back",
    skip="Skip this question",
    question_of="Question {number} of {total}",
    saved="Each answer is saved when you press Next.",
    choose_error="Choose an answer, or skip this question.",
    problem="Please check this",
    error_prefix="Error:",
    crisis_title="Talk to someone now",
    crisis_text="Thank you for telling us. You do not have to be alone with this. A trained person can listen right now, for free, day or night.",
    crisis_call="Call 988",
    crisis_text_988="Text 988",
    crisis_spanish="In Spanish: call 988 and press 2, or text AYUDA to 988.",
    crisis_911="Call 911 if someone is in danger",
    crisis_clinic="Call the clinic {phone}",
    crisis_watch="We have told your care team. They read messages {hours}, not around the clock.",
    crisis_continue="Go on with the check-in",
    thanks_title="Thank you",
    thanks_text="Your answers are with your care team.",
    thanks_next="Your next contact: {when}. {topic}",
    thanks_no_next="Your care team will be in touch about your next contact.",
    thanks_close="You can close this page.",
    invalid_title="This link does not work",
    invalid_text="It may be too old, or the check-in may already be done.",
    invalid_what="If you were sent a newer message, open the link in that one. Or call the clinic.",
    error_title="Something went wrong on our side",
    error_text="The answers you sent before are saved. Please go back and try again, or call the clinic.",
    error_reference="If you call, say this code: {reference}",
    busy_title="Please wait a moment",
    busy_text="There were too many tries from your network. Please wait a minute and open the link again, or call the clinic.",
)

SPANISH = Copy(
    other_language="English",
    other_language_code="en",
    skip_to_page="Ir al contenido",
    leave="Salir de esta página",
    help_title="¿Necesita ayuda ahora?",
    help_line="Línea de ayuda",
    help_988="Llame o escriba al 988",
    help_911="Llame al 911",
    help_clinic="Clínica {phone}",
    demo="Demostración. Personas inventadas. No se envía nada.",
    start_title="Sus preguntas están listas",
    start_lede="Son pocas preguntas cortas. Toma unos {minutes} minutos.",
    start_private="Sus respuestas llegan a su equipo de atención. Puede parar cuando quiera y volver con el mismo enlace.",
    start_watch="Esto no es para emergencias. Su equipo lee las respuestas {hours}, no las 24 horas.",
    start_button="Empezar",
    start_expires="Este enlace funciona hasta {until}.",
    birth_title="¿Esto es para usted?",
    birth_lede="Escriba su fecha de nacimiento, para saber que llegó a la persona correcta.",
    birth_month="Mes",
    birth_day="Día",
    birth_year="Año",
    birth_not_me="Esto no es para mí",
    birth_unreadable="Escriba el mes, el día y el año con números, por ejemplo 4 12 1987.",
    birth_other="No es la fecha que tenemos. Revísela, por favor, o llame a la clínica.",
    next="Siguiente",
    back="Atrás",
    skip="Saltar esta pregunta",
    question_of="Pregunta {number} de {total}",
    saved="Cada respuesta se guarda al presionar Siguiente.",
    choose_error="Elija una respuesta o salte esta pregunta.",
    problem="Revise esto, por favor",
    error_prefix="Error:",
    crisis_title="Hable con alguien ahora",
    crisis_text="Gracias por decirnos. No tiene que pasar por esto a solas. Una persona preparada puede escucharle ahora mismo, gratis, de día o de noche.",
    crisis_call="Llamar al 988",
    crisis_text_988="Enviar AYUDA al 988",
    crisis_spanish="En español: llame al 988 y oprima 2, o envíe AYUDA al 988.",
    crisis_911="Llame al 911 si alguien está en peligro",
    crisis_clinic="Llamar a la clínica {phone}",
    crisis_watch="Hemos avisado a su equipo de atención. Leen los mensajes {hours}, no las 24 horas.",
    crisis_continue="Seguir con las preguntas",
    thanks_title="Gracias",
    thanks_text="Su equipo de atención ya tiene sus respuestas.",
    thanks_next="Su próximo contacto: {when}. {topic}",
    thanks_no_next="Su equipo le avisará de su próximo contacto.",
    thanks_close="Ya puede cerrar esta página.",
    invalid_title="Este enlace no funciona",
    invalid_text="Puede ser muy antiguo, o las preguntas ya fueron contestadas.",
    invalid_what="Si recibió un mensaje más nuevo, abra el enlace de ese mensaje. O llame a la clínica.",
    error_title="Algo falló de nuestro lado",
    error_text="Las respuestas que ya envió están guardadas. Vuelva atrás e intente otra vez, o llame a la clínica.",
    error_reference="Si llama, diga este código: {reference}",
    busy_title="Espere un momento, por favor",
    busy_text="Hubo demasiados intentos desde su red. Espere un minuto y abra el enlace otra vez, o llame a la clínica.",
)

COPY: Mapping[Language, Copy] = {"en": ENGLISH, "es": SPANISH}

_DAYS: Mapping[Language, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
_MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "es": (
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ),
}  # fmt: skip


def long_date(value: date, language: Language) -> str:
    """`Thursday, December 3` or `jueves 3 de diciembre`: the day of the week is what people remember."""
    day, month = _DAYS[language][value.weekday()], _MONTHS[language][value.month - 1]
    return f"{day}, {month} {value.day}" if language == "en" else f"{day} {value.day} de {month}"


def clock_time(value: time, language: Language) -> str:
    """`2:30 PM` or `2:30 p. m.`"""
    hour = value.hour % 12 or 12
    half = ("AM", "PM") if language == "en" else ("a. m.", "p. m.")
    return f"{hour}:{value.minute:02d} {half[value.hour >= 12]}"


_MODES: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "phone": "A phone call.",
        "video": "A video visit.",
        "in_person": "A visit in person.",
        "portal": "A message online.",
    },
    "es": {
        "phone": "Una llamada telefónica.",
        "video": "Una visita por video.",
        "in_person": "Una visita en persona.",
        "portal": "Un mensaje en línea.",
    },
}


def contact_mode(language: Language, mode: str) -> str:
    """How a contact takes place, as a sentence; empty for one that has no words."""
    return _MODES[language].get(mode, "")
