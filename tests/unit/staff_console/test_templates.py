"""What must hold for every page: no inline script or style, a token in every form, a label on every field."""

import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from api.portal.copy import COPY
from tests.support.clinical_screens import CLINICAL_SCREENS, PATIENT
from tests.support.policy_screens import POLICY_SCREENS
from tests.support.portal_screens import PHONE, portal_pages, portal_shell
from tests.support.programme_screens import PROGRAMME_SCREENS
from tests.support.screens import SCREENS, environment, shell

CONSOLE = SCREENS | CLINICAL_SCREENS | POLICY_SCREENS | PROGRAMME_SCREENS
ENVIRONMENT = environment()


def console(name: str) -> str:
    template, frame, page = CONSOLE[name]
    return ENVIRONMENT.get_template(template).render(shell=frame, page=page, csrf_token="token-1")


def portal(language: str, name: str) -> str:
    template, page = portal_pages(language)[name]  # type: ignore[arg-type]
    return ENVIRONMENT.get_template(f"portal/templates/{template}").render(
        shell=portal_shell(language),  # type: ignore[arg-type]
        copy=COPY[language],  # type: ignore[index]
        page=page,
        csrf_token="token-1",
    )


def every_page() -> dict[str, str]:
    pages = {name: console(name) for name in CONSOLE}
    pages |= {f"portal-{lang}-{name}": portal(lang, name) for lang in COPY for name in portal_pages(lang)}
    pages["phone"] = ENVIRONMENT.get_template("demo/templates/phone.html").render(
        page=PHONE, csrf_token="token-1"
    )
    return pages


PAGES = every_page()
pages = pytest.mark.parametrize("html", PAGES.values(), ids=PAGES.keys())


class Outline(HTMLParser):
    """Collects tags with their attributes, ids, label targets, and the hidden token of each form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[dict[str, object]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "form":
            self.forms.append({"method": found.get("method", "get"), "tokens": []})
        if tag == "input" and found.get("name") == "_csrf":
            self.forms[-1]["tokens"].append(found["value"])  # type: ignore[attr-defined]

    def having(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.tags if attribute in attrs]


@pages
def test_a_page_has_no_inline_style_script_or_handler(html: str) -> None:
    outline = Outline(html)
    assert outline.having("style") == []
    assert not any(tag == "style" for tag, _ in outline.tags)
    assert all("src" in attrs for tag, attrs in outline.tags if tag == "script")
    assert not any(name.startswith("on") for _, attrs in outline.tags for name in attrs)


@pages
def test_every_asset_comes_from_this_server(html: str) -> None:
    outline = Outline(html)
    sources = outline.having("src") + [str(a["href"]) for tag, a in outline.tags if tag == "link"]
    assert sources
    assert all(source.startswith("/static/") for source in sources)


@pages
def test_every_post_form_carries_the_token_once(html: str) -> None:
    posts = [form for form in Outline(html).forms if form["method"] == "post"]
    assert all(form["tokens"] == ["token-1"] for form in posts)


@pages
def test_ids_are_unique(html: str) -> None:
    repeated = [name for name, times in Counter(Outline(html).having("id")).items() if times > 1]
    assert repeated == []


@pages
def test_every_reference_between_elements_leads_somewhere(html: str) -> None:
    outline = Outline(html)
    ids = set(outline.having("id"))
    named = " ".join(
        outline.having("aria-describedby") + outline.having("aria-labelledby") + outline.having("for")
    )
    assert set(named.split()) <= ids
    anchors = {href[1:] for href in outline.having("href") if re.match(r"#[a-z]", href)}
    assert anchors <= ids


@pages
def test_every_field_has_a_label(html: str) -> None:
    outline = Outline(html)
    labelled = set(outline.having("for"))
    fields = [
        attrs
        for tag, attrs in outline.tags
        if tag in {"input", "select", "textarea"}
        and attrs.get("type") != "hidden"
        and "data-keys-on" not in attrs
    ]
    assert [field.get("name") for field in fields if field.get("id") not in labelled] == []


@pages
def test_a_page_has_one_heading_of_the_first_level(html: str) -> None:
    assert sum(tag == "h1" for tag, _ in Outline(html).tags) == 1


@pytest.mark.parametrize("name", ["patient", "event_acknowledge"])
def test_the_title_of_a_patients_page_names_nobody(name: str) -> None:
    title = re.search(r"<title>([^<]*)</title>", console(name))
    assert title is not None
    assert "ALDERCOTT" not in title.group(1)


def test_a_page_without_its_token_does_not_render() -> None:
    template = ENVIRONMENT.get_template("patient/patient.html")
    with pytest.raises(UndefinedError, match="csrf_token"):
        template.render(shell=shell("registry"), page=PATIENT)


def test_a_text_that_looks_like_markup_stays_text() -> None:
    html = ENVIRONMENT.from_string(
        '{% import "templates/macros/thread.html" as t %}{{ t.thread(days) }}'
    ).render(days=_hostile_thread())
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def _hostile_thread() -> object:
    from staff_console.thread import by_day, received
    from tests.support.screens import NOW

    return by_day([received('"><img onerror=x>', "<script>alert(1)</script>", NOW)])


def test_refused_values_are_shown_again_with_the_error_at_the_field() -> None:
    html = console("referral")
    assert 'value="206-555-01"' in html
    assert re.search(
        r'id="refer-phone"[^>]*aria-describedby="refer-phone-error"[^>]*aria-invalid="true"', html
    )
    assert 'href="#refer-phone"' in html


def test_only_the_step_that_is_due_can_be_posted() -> None:
    for step, path in (("acknowledge", "acknowledge"), ("attempt", "attempts"), ("confirm", "close")):
        actions = [
            a for a in Outline(console(f"event_{step}")).having("action") if a.startswith("/safety/e1/")
        ]
        assert actions == [f"/safety/e1/{path}"]
    assert "/safety/e1/" not in " ".join(Outline(console("event_blocked")).having("action"))


def test_vendored_files_match_their_list() -> None:
    folder = Path("staff_console/static/vendor")
    listed = json.loads((folder / "VENDOR.json").read_text())
    for entry in listed:
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        assert (folder / entry["licence_file"]).exists()
    files = {path.name for path in folder.iterdir()} - {"VENDOR.json"}
    assert files == {entry[key] for entry in listed for key in ("file", "licence_file")}


@pytest.mark.parametrize(
    "path", ["staff_console/static/console.css", "api/portal/static/portal.css", "api/demo/static/phone.css"]
)
def test_our_style_sheets_load_nothing_from_elsewhere(path: str) -> None:
    css = Path(path).read_text()
    assert "@import" not in css
    assert all(target.startswith("img/") for target in re.findall(r'url\("?([^")]*)', css))


@pytest.mark.parametrize("language", list(COPY))
def test_the_first_patient_page_weighs_under_30_kb(language: str) -> None:
    css = Path("api/portal/static/portal.css").stat().st_size
    assert len(portal(language, "start").encode()) + css < 30_000
