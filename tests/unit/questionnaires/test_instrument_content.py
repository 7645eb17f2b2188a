"""What patients read, word for word. English items and answers are the LOINC display text of panels 44249-1,
55757-9 and 69737-5 and of lists LL358-3 and LL359-1 (November 2026), save two GAD-7 items whose LOINC names
differ from the instrument; Spanish is the US form as widely published."""

import pytest

from questionnaires.catalog import INSTRUMENT_IDS, load, shipped
from questionnaires.instrument import Instrument, check

PHQ9_ITEMS = {
    "44250-9": "Little interest or pleasure in doing things",
    "44255-8": "Feeling down, depressed, or hopeless",
    "44259-0": "Trouble falling or staying asleep, or sleeping too much",
    "44254-1": "Feeling tired or having little energy",
    "44251-7": "Poor appetite or overeating",
    "44258-2": "Feeling bad about yourself - or that you are a failure or have let yourself or your family down",
    "44252-5": "Trouble concentrating on things, such as reading the newspaper or watching television",
    "44253-3": "Moving or speaking so slowly that other people could have noticed. Or the opposite - being so "
    "fidgety or restless that you have been moving around a lot more than usual",
    "44260-8": "Thoughts that you would be better off dead, or of hurting yourself in some way",
    "69722-7": "If you checked off any problems, how difficult have these problems made it for you to do your "
    "work, take care of things at home, or get along with other people?",
}
GAD7_ITEMS = {
    "69725-0": "Feeling nervous, anxious, or on edge",
    "68509-9": "Not being able to stop or control worrying",
    "69733-4": "Worrying too much about different things",
    "69734-2": "Trouble relaxing",
    "69735-9": "Being so restless that it is hard to sit still",
    "69689-8": "Becoming easily annoyed or irritable",
    "69736-7": "Feeling afraid as if something awful might happen",
}
PHQ9_ITEMS_ES = [
    "Poco interés o placer en hacer cosas",
    "Se ha sentido decaído(a), deprimido(a) o sin esperanzas",
    "Ha tenido dificultad para quedarse o permanecer dormido(a), o ha dormido demasiado",
    "Se ha sentido cansado(a) o con poca energía",
    "Sin apetito o ha comido en exceso",
    "Se ha sentido mal con usted mismo(a) – o que es un fracaso o que ha quedado mal con usted mismo(a) o con su "
    "familia",
    "Ha tenido dificultad para concentrarse en ciertas actividades, tales como leer el periódico o ver la televisión",
    "¿Se ha movido o hablado tan lento que otras personas podrían haberlo notado? o lo contrario – muy inquieto(a) o "
    "agitado(a) que ha estado moviéndose mucho más de lo normal",
    "Pensamientos de que estaría mejor muerto(a) o de lastimarse de alguna manera",
    "Si marcó cualquiera de los problemas, ¿qué tanta dificultad le han dado estos problemas para hacer su trabajo, "
    "encargarse de las tareas del hogar, o llevarse bien con otras personas?",
]
GAD7_ITEMS_ES = [
    "Sentirse nervioso/a, intranquilo/a o con los nervios de punta",
    "No poder dejar de preocuparse o no poder controlar la preocupación",
    "Preocuparse demasiado por diferentes cosas",
    "Dificultad para relajarse",
    "Estar tan inquieto/a que es difícil permanecer sentado/a tranquilamente",
    "Molestarse o ponerse irritable fácilmente",
    "Sentir miedo como si algo terrible pudiera pasar",
]
STEMS = {
    (
        "phq9",
        "en",
    ): "Over the last 2 weeks, how often have you been bothered by any of the following problems?",
    (
        "phq2",
        "en",
    ): "Over the last 2 weeks, how often have you been bothered by any of the following problems?",
    ("gad7", "en"): "Over the last 2 weeks, how often have you been bothered by the following problems?",
    ("gad2", "en"): "Over the last 2 weeks, how often have you been bothered by the following problems?",
    (
        "phq9",
        "es",
    ): "Durante las últimas 2 semanas, ¿qué tan seguido ha tenido molestias debido a los siguientes "
    "problemas?",
    (
        "phq2",
        "es",
    ): "Durante las últimas 2 semanas, ¿qué tan seguido ha tenido molestias debido a los siguientes "
    "problemas?",
    (
        "gad7",
        "es",
    ): "Durante las últimas 2 semanas, ¿con qué frecuencia le han molestado los siguientes problemas?",
    (
        "gad2",
        "es",
    ): "Durante las últimas 2 semanas, ¿con qué frecuencia le han molestado los siguientes problemas?",
}
LABELS = {
    ("phq", "en"): ["Not at all", "Several days", "More than half the days", "Nearly every day"],
    ("gad", "en"): ["Not at all", "Several days", "More than half the days", "Nearly every day"],
    ("phq", "es"): ["Ningún día", "Varios días", "Más de la mitad de los días", "Casi todos los días"],
    ("gad", "es"): ["Nunca", "Varios días", "Más de la mitad de los días", "Casi todos los días"],
}
DIFFICULTY = {
    "en": ["Not difficult at all", "Somewhat difficult", "Very difficult", "Extremely difficult"],
    "es": ["No ha sido difícil", "Un poco difícil", "Muy difícil", "Extremadamente difícil"],
}
CODES = {
    "phq9": ("44249-1", "44261-6"),
    "gad7": ("69737-5", "70274-6"),
    "phq2": ("55757-9", "55758-7"),
    "gad2": (None, None),  # LOINC codes for the GAD-2 are not known, and none is guessed
}
BANDS = {
    "phq9": [
        (0, 4, "minimal"),
        (5, 9, "mild"),
        (10, 14, "moderate"),
        (15, 19, "moderately_severe"),
        (20, 27, "severe"),
    ],
    "gad7": [(0, 4, "minimal"), (5, 9, "mild"), (10, 14, "moderate"), (15, 21, "severe")],
    "phq2": [(0, 2, "negative"), (3, 6, "positive")],
    "gad2": [(0, 2, "negative"), (3, 6, "positive")],
}
EVERY = pytest.mark.parametrize("instrument", shipped(), ids=lambda i: f"{i.id}-{i.language}-{i.version}")


@EVERY
def test_every_shipped_file_passes_the_check(instrument: Instrument) -> None:
    assert check(instrument) == []


def test_each_instrument_ships_in_english_and_spanish() -> None:
    assert {(i.id, i.language) for i in shipped()} == {
        (id_, lang) for id_ in INSTRUMENT_IDS for lang in ("en", "es")
    }


@pytest.mark.parametrize(("instrument_id", "expected"), [("phq9", PHQ9_ITEMS), ("gad7", GAD7_ITEMS)])
def test_english_items_carry_the_registered_code_and_text(
    instrument_id: str, expected: dict[str, str]
) -> None:
    assert [(item.code, item.text) for item in load(instrument_id, "en").items] == list(expected.items())


@pytest.mark.parametrize(("instrument_id", "expected"), [("phq9", PHQ9_ITEMS_ES), ("gad7", GAD7_ITEMS_ES)])
def test_spanish_items_are_the_published_wording(instrument_id: str, expected: list[str]) -> None:
    assert [item.text for item in load(instrument_id, "es").items] == expected


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("short", "full"), [("phq2", "phq9"), ("gad2", "gad7")])
def test_the_short_forms_are_the_first_two_items_unchanged(short: str, full: str, language: str) -> None:
    assert load(short, language).items == load(full, language).items[:2]
    assert load(short, language).stem == load(full, language).stem


@pytest.mark.parametrize("instrument_id", INSTRUMENT_IDS)
def test_translations_share_codes_scores_and_bands(instrument_id: str) -> None:
    def shape(instrument: Instrument) -> list[object]:
        items = [
            (
                i.number,
                i.code,
                i.other_codes,
                i.scored,
                i.risk,
                i.answer_list,
                [(c.value, c.code) for c in i.choices],
            )
            for i in instrument.items
        ]
        bands = [(b.low, b.high, b.id) for b in instrument.bands]
        return [items, bands, instrument.max_total, instrument.proration_min_answered]

    assert shape(load(instrument_id, "en")) == shape(load(instrument_id, "es"))


@EVERY
def test_the_stem_is_the_registered_one(instrument: Instrument) -> None:
    assert instrument.stem == STEMS[instrument.id, instrument.language]


@EVERY
def test_answers_score_by_the_answer_list_and_not_by_code_order(instrument: Instrument) -> None:
    for item in instrument.scored_items:
        assert item.answer_list == "LL358-3"
        assert [choice.label for choice in item.choices] == LABELS[instrument.id[:3], instrument.language]
        assert [(choice.value, choice.code) for choice in item.choices] == [
            (0, "LA6568-5"),
            (1, "LA6569-3"),
            (2, "LA6570-1"),
            (3, "LA6571-9"),
        ]


@pytest.mark.parametrize("language", ["en", "es"])
def test_very_difficult_comes_before_extremely_difficult_whatever_their_codes(language: str) -> None:
    item = load("phq9", language).item(10)
    assert not item.scored
    assert item.answer_list == "LL359-1"
    assert [choice.label for choice in item.choices] == DIFFICULTY[language]
    assert [choice.code for choice in item.choices] == ["LA6572-7", "LA6573-5", "LA6575-0", "LA6574-3"]


@EVERY
def test_panel_total_and_band_codes_are_registered_or_absent(instrument: Instrument) -> None:
    assert (instrument.panel_code, instrument.total_code) == CODES[instrument.id]
    assert [(band.low, band.high, band.id) for band in instrument.bands] == BANDS[instrument.id]


@EVERY
def test_the_credit_line_names_the_authors_and_the_permission(instrument: Instrument) -> None:
    assert "Robert L. Spitzer, Janet B.W. Williams, Kurt Kroenke" in instrument.credit
    assert {"en": "No permission required", "es": "No se requiere permiso"}[
        instrument.language
    ] in instrument.credit


@EVERY
def test_spanish_awaits_a_named_persons_confirmation(instrument: Instrument) -> None:
    if instrument.language == "es":
        assert instrument.awaits_confirmation
        assert instrument.validation == "to be confirmed by the clinical lead against the official copy"
    else:
        assert not instrument.awaits_confirmation


@EVERY
def test_known_misprints_of_example_questionnaires_are_absent(instrument: Instrument) -> None:
    """Each of these is in circulation: HL7 examples, US Core's LOINC suffix, a GAD-7 with another word."""
    shown = " ".join([instrument.stem, *(item.text for item in instrument.items)])
    for misprint in ("could gave", "[Reported", "irritated", "4 weeks"):
        assert misprint not in shown
