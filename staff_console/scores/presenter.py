"""The entry of scores, with the questions as they are read out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from questionnaires.instrument import Choice as Answer
from questionnaires.instrument import Instrument, Item
from registry.organisation.rules import ClinicFacts
from registry.patients.queries import PatientPage
from staff_console import formats, words
from staff_console.care_plan.presenter import crisis_lines
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit
from staff_console.scores.forms import DECLINED, instruments
from staff_console.scores.views import ItemRow, MeasurePart, ScoresPage
from staff_console.whose import whose

SOURCES: Final = {"paper": "Paper form", "phone": "Asked by phone", "ehr": "Another record"}
SCRIPT: Final = {
    "en": "Hello, this is {name} from {clinic}. Is this a good moment to talk in private? I have the short questions "
    "about the last two weeks. I read each one with four answers; you choose one. You may skip any of them.",
    "es": "Hola, soy {name} de {clinic}. ¿Puede hablar ahora en privado? Tengo las preguntas cortas sobre las últimas dos "
    "semanas. Le leo cada una con cuatro respuestas y usted escoge una. Puede dejar las que quiera.",
}


def page(
    visit: Visit,
    patient: PatientPage,
    clinic: ClinicFacts,
    form: FormState,
    due: bool,
    added: Sequence[str] = (),
) -> ScoresPage:
    language = "es" if patient.language.startswith("es") else "en"
    return ScoresPage(
        whose=whose(patient),
        action=f"/patients/{patient.id}/scores",
        form=form,
        sources=words.choices(SOURCES),
        parts=parts(patient.language, added),
        script=SCRIPT[language].format(name=visit.actor.name, clinic=clinic.text_name),
        crisis=crisis_lines(clinic, spanish=language == "es"),
        due=due,
        phone="" if patient.phone is None else formats.phone(patient.phone.number),
    )


def start(visit: Visit, source: str) -> FormState:
    return filled("scores", taken_on=visit.today.isoformat(), source=source)


def parts(language: str, added: Sequence[str] = ()) -> tuple[MeasurePart, ...]:
    return tuple(_part(instrument) for instrument in instruments(language, added))


def _label(item: Item, choice: Answer) -> str:
    """An unscored answer has no points to read out."""
    return f"{choice.value} {choice.label}" if item.scored else choice.label


def _part(instrument: Instrument) -> MeasurePart:
    declined = Choice(DECLINED, "Declined")
    rows = tuple(
        ItemRow(
            f"{instrument.id}_{item.number}",
            item.number,
            item.text,
            (
                *(Choice(str(choice.value), _label(item, choice)) for choice in item.choices),
                declined,
            ),
        )
        for item in instrument.items
    )
    risky = next((row.choices for row in rows if row.number in instrument.risk_item_numbers), ())
    return MeasurePart(
        instrument.id,
        words.instrument(instrument.id),
        instrument.stem,
        rows,
        risky,
        instrument.credit,
        instrument.language,
    )
