"""A member of staff in front of the console: reads pages, fills in the page's own forms, follows redirects."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import pyotp

from api.wiring import Deps
from kernel.audit import Role, system
from registry.organisation import accounts
from tests.support.app import Clinic

PASSWORD = "harbour lanterns swing at dusk"


class Form:
    def __init__(self, action: str, method: str) -> None:
        self.action, self.method = action, method
        self.fields: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self.required: set[str] = set()

    def filled(self, changes: dict[str, Any]) -> list[tuple[str, str]]:
        """What a browser would send: the page's values, changed as a person would; a list chooses several."""
        unknown = set(changes) - self.names
        assert not unknown, f"{self.action} has no field {', '.join(sorted(unknown))}"
        kept = [(name, value) for name, value in self.fields if name not in changes]
        for name, value in changes.items():
            values = value if isinstance(value, list) else [] if value is None else [value]
            kept += [(name, str(one)) for one in values]
        return kept


class FormReader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self._form: Form | None = None
        self._select = ""
        self._first: str | None = None
        self._chosen: str | None = None
        self._area: str | None = None
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        self.tags.append((tag, given))
        if tag in ("script", "style"):
            self._silent += 1
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        if self._form is None:
            return
        name = given.get("name")
        if tag in ("input", "select", "textarea") and name:
            self._form.names.add(name)
            if "required" in given:
                self._form.required.add(name)
        match tag:
            case "input" if name:
                boxes = given.get("type") in ("radio", "checkbox")
                if not boxes or "checked" in given:
                    self._form.fields.append((name, given.get("value") or ""))
            case "select":
                self._select, self._first, self._chosen = name or "", None, None
            case "option" if self._select:
                value = given.get("value") or ""
                self._first = value if self._first is None else self._first
                if "selected" in given:
                    self._chosen = value
            case "textarea":
                self._area = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent -= 1
        if tag == "form":
            self._form = None
        elif tag == "select" and self._form is not None:
            self._form.fields.append(
                (self._select, self._chosen if self._chosen is not None else self._first or "")
            )
            self._select = ""
        elif tag == "textarea" and self._form is not None:
            name = next(a["name"] for t, a in reversed(self.tags) if t == "textarea")
            self._form.fields.append((name, (self._area or "").lstrip("\n")))
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area += data
        if not self._silent:
            self.words.append(data)


class Colleague:
    """`path` is where the browser is, redirects followed; `said` what a status message on the page says."""

    def __init__(self, client: httpx.AsyncClient, deps: Deps) -> None:
        self.client, self.deps = client, deps
        self.path, self.status, self.html = "", 0, ""
        self.authenticator: pyotp.TOTP | None = None

    @property
    def page(self) -> FormReader:
        return FormReader(self.html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.page.words).split())

    @property
    def errors(self) -> list[str]:
        """The problems of a refused form, in the order of the page."""
        summary = re.search(r"data-error-summary>(.*?)</div>", self.html, re.S)
        if summary is None:
            return []
        return [
            " ".join(FormReader(part).words)
            for part in re.findall(r"<(?:li|p)>(.*?)</(?:li|p)>", summary[1], re.S)
        ]

    @property
    def said(self) -> str:
        found = re.search(
            r'<div id="flashes"[^>]*>(.*?)<h1|<div id="flashes"[^>]*>(.*?)</div>\s*</div>', self.html, re.S
        )
        return "" if found is None else " ".join(" ".join(FormReader(found[0]).words).split())

    def form(self, action: str) -> Form:
        found = [form for form in self.page.forms if form.action == action]
        assert found, f"no form for {action} on {self.path}; there are {[f.action for f in self.page.forms]}"
        return found[0]

    async def opens(self, path: str) -> Colleague:
        return await self._follow(await self.client.get(path), path)

    async def submits(self, action: str, **changes: Any) -> Colleague:
        """Fills in the page's own form for `action` and sends it."""
        form = self.form(action)
        fields = form.filled(changes)
        if form.method == "get":
            return await self.opens(f"{action}?{httpx.QueryParams(fields)}")
        return await self._follow(await self.client.post(action, **_body(fields)), action)

    async def posts(self, path: str, fields: list[tuple[str, str]]) -> Colleague:
        return await self._follow(await self.client.post(path, **_body(fields)), path)

    async def signs_in(self, clinic: Clinic, role: Role = "care_manager") -> Colleague:
        """By password and the authenticator, which is set up at the first time."""
        await self.gives_password(f"{role}@{clinic.slug}.example")
        if self.path.startswith("/sign-in/setup"):
            await self.sets_up_authenticator()
            await self.opens(self.links("Go on")[0])
        else:
            await self.submits("/sign-in/code", code=self.code())
        return self

    async def gives_password(self, email: str, password: str = PASSWORD) -> Colleague:
        await self.opens("/sign-in")
        return await self.submits("/sign-in", email=email, password=password)

    async def sets_up_authenticator(self) -> Colleague:
        secret = re.search(r'ek-key"[^>]*>([^<]+)<', self.html)
        assert secret is not None
        self.authenticator = pyotp.TOTP(secret[1].replace(" ", ""))
        return await self.submits("/sign-in/setup", code=self.code())

    async def works_for(self, minutes: int) -> Colleague:
        """Time passes, with a look at a page now and then, so that the session doesn't end."""
        clock: Any = self.deps.clock
        for _ in range(minutes // 10):
            clock.advance(minutes=10)
            await self.opens("/time")
        return self

    def code(self) -> str:
        assert self.authenticator is not None
        now: datetime = self.deps.clock.now()
        return self.authenticator.at(int(now.timestamp()))

    def links(self, label: str) -> list[str]:
        return [
            href
            for href, text in re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', self.html)
            if label in text
        ]

    async def _follow(self, response: httpx.Response, path: str) -> Colleague:
        while response.status_code in (302, 303):
            path = response.headers["location"]
            response = await self.client.get(path)
        self.path, self.status, self.html = path, response.status_code, response.text
        return self


def _body(fields: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "content": str(httpx.QueryParams(fields)),
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    }


async def give_passwords(clinic: Clinic) -> None:
    """Everybody of the clinic gets the same password."""
    async with clinic.deps.system_db.begin() as tx:
        for staff_id in clinic.staff.values():
            await accounts.set_password(
                tx,
                system(None, "test"),
                staff_id,
                PASSWORD,
                passwords=clinic.deps.passwords,
                now=clinic.deps.clock.now(),
            )
