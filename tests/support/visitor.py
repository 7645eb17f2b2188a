"""A patient in front of a check-in page: reads what the page says, fills in the page's own form, follows redirects."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx


class PageReader(HTMLParser):
    """Title, visible text, hidden fields, radio values, submit buttons and links of one page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.radios: list[str] = []
        self.checked: list[str] = []
        self.buttons: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.forms = 0
        self.language = ""
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        if tag == "html":
            self.language = given.get("lang", "")
        elif tag == "form":
            self.forms += 1
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given["value"]
        elif tag == "input" and given.get("type") == "radio":
            self.radios.append(given["value"])
            if "checked" in given:
                self.checked.append(given["value"])
        elif tag == "button":
            self.buttons.append(given.get("value", ""))
        elif tag == "a":
            self.links.append(given["href"])
        self._silent += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Visitor:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.path = ""
        self.status = 0
        self.html = ""

    @property
    def page(self) -> PageReader:
        return PageReader(self.html)

    @property
    def text(self) -> str:
        return self.page.text

    async def opens(self, path: str) -> Visitor:
        return await self._follow(await self.client.get(path), path)

    async def presses(self, go: str = "", answer: str | int | None = None, **more: str) -> Visitor:
        """Submits the page's form as a browser without scripts does: to the address it was shown at."""
        page = self.page
        assert page.forms == 1, f"{page.forms} forms on {self.path}"
        fields = {**page.hidden, **({"go": go} if go else {}), **more}
        if answer is not None:
            fields["answer"] = str(answer)
        return await self._follow(await self.client.post(self.path, data=fields), self.path)

    async def posts(self, path: str, answer: int, **fields: str) -> Visitor:
        """An answer from a form that was opened earlier; the page's own token unless another is given."""
        sent = {**self.page.hidden, "answer": str(answer), "go": "next", **fields}
        return await self._follow(await self.client.post(path, data=sent), path)

    async def answers(self, *values: int) -> Visitor:
        for value in values:
            assert str(value) in self.page.radios, f"{value} is not offered on {self.path}"
            await self.presses("next", value)
        return self

    async def _follow(self, response: httpx.Response, path: str) -> Visitor:
        while response.status_code in (302, 303):
            path = response.headers["location"]
            response = await self.client.get(path)
        self.path, self.status, self.html = path, response.status_code, response.text
        return self
