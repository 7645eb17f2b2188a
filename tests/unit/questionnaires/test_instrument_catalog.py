import subprocess
import sys
from pathlib import Path

import pytest

from questionnaires import catalog
from questionnaires.catalog import (
    InvalidContent,
    UnknownInstrument,
    answer_labels,
    languages,
    load,
    parse,
    versions,
)

FOLDER = Path(catalog.__file__).parent / "instruments"
PHQ2_BYTES = (FOLDER / "phq2.en.1.json").read_bytes()


def test_the_newest_version_is_loaded_unless_one_is_named() -> None:
    assert load("phq9", "en") == load("phq9", "en", "1")
    assert (load("phq9", "es").id, load("phq9", "es").language, load("phq9", "es").version) == (
        "phq9",
        "es",
        "1",
    )
    assert versions("phq9", "en") == ("1",)
    assert languages("gad2") == ("en", "es")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("phq8", "en", None), "there is no instrument 'phq8'; there is phq9, gad7, phq2, gad2"),
        (("", "en", None), "there is no instrument ''; there is phq9, gad7, phq2, gad2"),
        (("../phq9", "en", None), "there is no instrument '../phq9'; there is phq9, gad7, phq2, gad2"),
        (("phq9", "fr", None), "phq9 is not available in 'fr'; there is en, es"),
        (("phq9", "../en", None), "phq9 is not available in '../en'; there is en, es"),
        (("phq9", "en", "7"), "phq9 in 'en' has no version '7'; there is 1"),
        (("phq9", "en", ""), "phq9 in 'en' has no version ''; there is 1"),
    ],
)
def test_what_is_unknown_is_named_beside_what_exists(
    asked: tuple[str, str, str | None], message: str
) -> None:
    with pytest.raises(UnknownInstrument) as error:
        load(*asked)
    assert str(error.value) == message


def test_the_listed_instruments_are_the_files_that_ship() -> None:
    assert {path.name.split(".")[0] for path in FOLDER.glob("*.json")} == set(catalog.INSTRUMENT_IDS)


def test_both_languages_give_the_accepted_labels() -> None:
    assert answer_labels() == {
        0: ("Not at all", "Ningún día", "Nunca"),
        1: ("Several days", "Varios días"),
        2: ("More than half the days", "Más de la mitad de los días"),
        3: ("Nearly every day", "Casi todos los días"),
    }


def test_changing_a_returned_table_of_labels_changes_nothing_else() -> None:
    answer_labels().clear()
    assert sorted(answer_labels()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("file_name", "old", "new", "problem"),
    [
        ("phq2.en.1.json", b'"max_total": 6', b'"max_total": 7', "max_total must be 6"),
        ("phq2.en.1.json", b'"max_total": 6', b'"max_total": "6"', "Expected `int`"),
        ("phq2.en.1.json", b'"max_total"', b'"maximum"', "unknown field `maximum`"),
        ("phq2.en.1.json", b'"answer_list": "LL358-3"', b'"answer_list": "LL9-9"', "unknown answer list"),
        ("phq2.es.1.json", b"{", b"{", "not named after its id, language and version"),
        ("phq2.en.2.json", b"{", b"{", "not named after its id, language and version"),
        ("phq2.json", b"{", b"{", "named <id>.<language>.<version>.json"),
        ("phq2.en.1.json", b"{", b"{,", "malformed"),
        ("phq2.en.1.json", b"Little", b"\xff\xfe", "utf-8"),
    ],
)
def test_a_damaged_content_file_is_refused_with_the_reason(
    file_name: str, old: bytes, new: bytes, problem: str
) -> None:
    assert old in PHQ2_BYTES
    with pytest.raises(InvalidContent, match=problem):
        parse(file_name, PHQ2_BYTES.replace(old, new, 1))


def test_the_file_parses_under_its_own_name() -> None:
    assert parse("phq2.en.1.json", PHQ2_BYTES) == load("phq2", "en")


def test_importing_the_catalogue_opens_no_content_file() -> None:
    script = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import questionnaires.catalog\n"
        "sys.exit(any('.json' in name for name in opened))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=FOLDER.parent.parent, check=False, timeout=30)
    assert done.returncode == 0


def test_the_loinc_notice_ships_beside_the_codes() -> None:
    notice = (FOLDER / "LOINC-NOTICE.txt").read_text(encoding="utf-8")
    assert "http://loinc.org/license" in notice
    for instrument in catalog.shipped():
        for code in (instrument.panel_code, instrument.total_code, *(item.code for item in instrument.items)):
            assert code is None or code in notice
