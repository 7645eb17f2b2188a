"""`evenkeel score`: what a filled-in questionnaire comes to."""

from __future__ import annotations

import click
import msgspec

from api.commands.output import answer, json_option, refuse
from questionnaires import catalog
from questionnaires.catalog import UnknownInstrument
from questionnaires.scoring import BadAnswer, Item9, item9_state, parse_answers, score


class Scored(msgspec.Struct, frozen=True):
    """`prorated` is for display alone: it is never filed, compared or acted upon."""

    instrument: str
    version: str
    language: str
    total: int | None
    complete: bool
    prorated: int | None
    band: str | None
    band_label: str | None
    item9: Item9
    answered: int
    items: int


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("instrument")
@click.argument("answers")
@click.option("--language", default="en", show_default=True, help="Wording of the form: en or es.")
@json_option
def command(instrument: str, answers: str, language: str, as_json: bool) -> None:
    """Score ANSWERS, typed in item order as in 1,2,0,-,3 where - is a missing item.

    INSTRUMENT is phq9, gad7, phq2 or gad2.
    """
    try:
        form = catalog.load(instrument.lower().replace("-", ""), language)
        given = parse_answers(form, answers)
        result = score(form, given)
        item9 = item9_state(form, given)
    except (UnknownInstrument, BadAnswer) as error:
        refuse(str(error.args[0]))
    scored = Scored(
        instrument=form.id,
        version=form.version,
        language=form.language,
        total=result.total,
        complete=result.is_complete,
        prorated=result.prorated_total,
        band=result.band,
        band_label=result.band_label,
        item9=item9,
        answered=result.n_answered,
        items=result.n_items,
    )
    answer(scored, _words(scored), as_json=as_json)


def _words(scored: Scored) -> list[str]:
    lines = [
        f"total: {'none, the form is incomplete' if scored.total is None else scored.total}",
        f"complete: {'yes' if scored.complete else 'no'} ({scored.answered} of {scored.items} answered)",
    ]
    if scored.prorated is not None:
        lines.append(f"prorated: {scored.prorated} (an estimate for display, never filed)")
    if scored.band is not None:
        lines.append(f"band: {scored.band} ({scored.band_label})")
    return [*lines, f"item9: {scored.item9}"]
