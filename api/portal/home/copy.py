"""Words of the signed-in pages, in English and Spanish, at about a grade-6 reading level. `{...}` are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from api.portal.copy import Language


class HomeCopy(Struct, frozen=True):
    sign_in: str
    sign_in_lede: str
    phone: str
    send_code: str
    phone_error: str
    code_title: str
    code_lede: str
    code: str
    code_error: str
    code_again: str
    home: str
    next_contact: str
    no_contact: str
    with_person: str
    calendar: str
    event: str
    check_ins: str
    check_in_waits: str
    answered: str
    start: str
    none_waiting: str
    plan: str
    goals: str
    skill: str
    rhythm: str
    medications: str
    treatments: str
    no_plan: str
    measures: str
    measure_line: str
    answers: str
    answers_hidden: str
    no_answers: str
    out_of: str
    incomplete: str
    declined: str
    messages: str
    messages_lede: str
    by_you: str
    by_team: str
    your_message: str
    send: str
    sent: str
    no_messages: str
    length_error: str
    too_many: str
    not_taken: str
    wishes: str
    language: str
    english: str
    spanish: str
    other_language: str
    other_language_hint: str
    channel: str
    sms_link: str
    sms_items: str
    portal: str
    phone_call: str
    no_channel: str
    hours_from: str
    hours_to: str
    save: str
    saved: str
    number: str
    number_lede: str
    new_number: str
    agree_new: str
    number_unusable: str
    texts: str
    texts_on: str
    texts_off: str
    texts_stopped: str
    stop_texts: str
    stop_warning: str
    agree: str
    safety: str
    safety_lede: str
    code_word: str
    code_word_hint: str
    unsafe: str
    unsafe_hint: str
    people: str
    people_lede: str
    no_people: str
    may_contacts: str
    may_plan: str
    may_messages: str
    until: str
    end_person: str
    only_clinic: str
    sign_out: str
    signed_out: str
    back_home: str
    not_allowed: str


ENGLISH: Final = HomeCopy(
    sign_in="Sign in",
    sign_in_lede="Enter your mobile number. If it is on file, we text you a code. If no code comes, call the clinic.",
    phone="Mobile number",
    send_code="Text me a code",
    phone_error="Enter a mobile number with area code, like (206) 555-0123.",
    code_title="Enter the code",
    code_lede="If the number is on file, a text with six digits is on its way. It works for 10 minutes.",
    code="Code",
    code_error="That code does not fit, or it is too old. Check it, or ask for a new one.",
    code_again="Ask for a new code",
    home="Your page",
    next_contact="Your next contact",
    no_contact="No contact is planned yet. Your care team will be in touch.",
    with_person="With {name}.",
    calendar="Add to my calendar",
    event="Contact with {clinic}",
    check_ins="Questions for you",
    check_in_waits="{answered} of {total} answered. Open until {until}.",
    answered="Answered: {answered} of {total}",
    start="Go to the questions",
    none_waiting="No questions wait for you.",
    plan="Goals and plan",
    goals="My goals",
    skill="What I practise",
    rhythm="How often we talk",
    medications="My medicines",
    treatments="Other care",
    no_plan="Your plan is not written yet. You and your care team write it together.",
    measures="Questions we ask",
    measure_line="Every {days} days at {time}. Next: {when}.",
    answers="My past answers",
    answers_hidden="Your clinic does not show past answers here. Ask your care team.",
    no_answers="There are no past answers yet.",
    out_of="{total} of {highest}",
    incomplete="Not all questions were answered",
    declined="Not answered",
    messages="Messages",
    messages_lede="Your care team reads messages {hours}, not around the clock. A person reads yours the same working day.",
    by_you="You",
    by_team="Care team",
    your_message="Your message",
    send="Send",
    sent="Your message was sent.",
    no_messages="No messages yet.",
    length_error="Write 1 to 2000 characters.",
    too_many="That is the most for one day. Please call the clinic.",
    not_taken="We could not take your message. Please call the clinic.",
    wishes="How we reach you",
    language="Language",
    english="English",
    spanish="Español",
    other_language="Another language",
    other_language_hint="We call you with an interpreter. Write the language code, like vi or zh.",
    channel="How we ask our questions",
    sms_link="A text with a link",
    sms_items="Question by question by text",
    portal="On this page only",
    phone_call="By phone",
    no_channel="Not at all",
    hours_from="Texts from",
    hours_to="Texts until",
    save="Save",
    saved="Saved.",
    number="Change my number",
    number_lede="We text a code to the new number. Your number now ends in {ends}.",
    new_number="New mobile number",
    agree_new="Texts may go to the new number",
    number_unusable="This number can not be used here. Please call the clinic.",
    texts="Texts from us",
    texts_on="We may send texts to the number that ends in {ends}.",
    texts_off="We send no texts to the number that ends in {ends}.",
    texts_stopped="This number has stopped texts. To get them again, text START from your phone to the number that texted you.",
    stop_texts="Stop all texts",
    stop_warning="Codes to sign in stop too. Your care team will ask you how to reach you.",
    agree="I agree to texts",
    safety="Privacy and safety",
    safety_lede="If somebody else may see your phone, tell us here. Each page has a link to leave it fast.",
    code_word="Code word",
    code_word_hint="When we call, we say this word first, so you know it is us. Leave it empty for none.",
    unsafe="Somebody else may read my texts",
    unsafe_hint="We stop texts and codes to this number at once. You will be signed out. Your care team will call you.",
    people="People who help me",
    people_lede="They see only what is listed. They never see your answers, scores or messages.",
    no_people="Nobody. Your care team can add somebody with you.",
    may_contacts="sees the next contact",
    may_plan="sees goals and plan",
    may_messages="may write to the care team",
    until="Until {when}",
    end_person="End this",
    only_clinic="Only the clinic can end this.",
    sign_out="Sign out",
    signed_out="You are signed out.",
    back_home="Back to your page",
    not_allowed="This part is only for the patient.",
)

SPANISH: Final = HomeCopy(
    sign_in="Entrar",
    sign_in_lede="Escriba su número de celular. Si lo tenemos, le enviamos un código por texto. Si no llega, llame a la clínica.",
    phone="Número de celular",
    send_code="Enviarme un código",
    phone_error="Escriba un número de celular con código de área, como (206) 555-0123.",
    code_title="Escriba el código",
    code_lede="Si tenemos el número, va en camino un texto con seis cifras. Sirve por 10 minutos.",
    code="Código",
    code_error="Ese código no coincide o es muy antiguo. Revíselo o pida uno nuevo.",
    code_again="Pedir otro código",
    home="Su página",
    next_contact="Su próximo contacto",
    no_contact="Todavía no hay un contacto planeado. Su equipo le avisará.",
    with_person="Con {name}.",
    calendar="Agregar a mi calendario",
    event="Contacto con {clinic}",
    check_ins="Preguntas para usted",
    check_in_waits="{answered} de {total} contestadas. Abiertas hasta {until}.",
    answered="Contestadas: {answered} de {total}",
    start="Ir a las preguntas",
    none_waiting="No hay preguntas por contestar.",
    plan="Metas y plan",
    goals="Mis metas",
    skill="Lo que practico",
    rhythm="Cada cuánto nos hablamos",
    medications="Mis medicinas",
    treatments="Otros cuidados",
    no_plan="Su plan todavía no está escrito. Lo escriben usted y su equipo.",
    measures="Preguntas que hacemos",
    measure_line="Cada {days} días a las {time}. Próxima vez: {when}.",
    answers="Mis respuestas anteriores",
    answers_hidden="Su clínica no muestra aquí las respuestas anteriores. Pregunte a su equipo.",
    no_answers="Todavía no hay respuestas.",
    out_of="{total} de {highest}",
    incomplete="No se contestaron todas las preguntas",
    declined="Sin respuesta",
    messages="Mensajes",
    messages_lede="Su equipo lee los mensajes {hours}, no las 24 horas. Una persona lee el suyo el mismo día de trabajo.",
    by_you="Usted",
    by_team="Equipo",
    your_message="Su mensaje",
    send="Enviar",
    sent="Su mensaje fue enviado.",
    no_messages="Todavía no hay mensajes.",
    length_error="Escriba de 1 a 2000 letras.",
    too_many="Es lo máximo por un día. Llame a la clínica, por favor.",
    not_taken="No pudimos recibir su mensaje. Llame a la clínica, por favor.",
    wishes="Cómo le contactamos",
    language="Idioma",
    english="English",
    spanish="Español",
    other_language="Otro idioma",
    other_language_hint="Le llamamos con un intérprete. Escriba el código del idioma, como vi o zh.",
    channel="Cómo le hacemos las preguntas",
    sms_link="Un texto con un enlace",
    sms_items="Pregunta por pregunta por texto",
    portal="Solo en esta página",
    phone_call="Por teléfono",
    no_channel="De ninguna forma",
    hours_from="Textos desde las",
    hours_to="Textos hasta las",
    save="Guardar",
    saved="Guardado.",
    number="Cambiar mi número",
    number_lede="Enviamos un código al número nuevo. Su número actual termina en {ends}.",
    new_number="Número de celular nuevo",
    agree_new="Pueden enviar textos al número nuevo",
    number_unusable="Este número no se puede usar aquí. Llame a la clínica, por favor.",
    texts="Nuestros textos",
    texts_on="Podemos enviar textos al número que termina en {ends}.",
    texts_off="No enviamos textos al número que termina en {ends}.",
    texts_stopped="Este número paró los textos. Para recibirlos otra vez, envíe START desde su teléfono al número que le escribió.",
    stop_texts="Parar todos los textos",
    stop_warning="También paran los códigos para entrar. Su equipo le preguntará cómo contactarle.",
    agree="Acepto recibir textos",
    safety="Privacidad y seguridad",
    safety_lede="Si otra persona puede ver su teléfono, díganos aquí. Cada página tiene un enlace para salir rápido.",
    code_word="Palabra clave",
    code_word_hint="Al llamarle, decimos primero esta palabra, para que sepa que somos nosotros. Déjela vacía si no quiere.",
    unsafe="Otra persona puede leer mis textos",
    unsafe_hint="Paramos enseguida los textos y códigos a este número. Se cerrará su sesión. Su equipo le llamará.",
    people="Personas que me ayudan",
    people_lede="Ven solo lo que dice la lista. Nunca ven sus respuestas, puntajes ni mensajes.",
    no_people="Nadie. Su equipo puede agregar a alguien con usted.",
    may_contacts="ve el próximo contacto",
    may_plan="ve metas y plan",
    may_messages="puede escribir al equipo",
    until="Hasta {when}",
    end_person="Terminar",
    only_clinic="Solo la clínica puede terminar esto.",
    sign_out="Salir",
    signed_out="Ya salió.",
    back_home="Volver a su página",
    not_allowed="Esta parte es solo para el paciente.",
)

WORDS: Final[Mapping[Language, HomeCopy]] = {"en": ENGLISH, "es": SPANISH}
