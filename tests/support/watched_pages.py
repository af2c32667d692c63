"""Pages of a browser that note whatever goes wrong in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

LOOPBACK = "127.0.0.1"
# Chromium's own pages and data of a page's own making leave nothing.
_INSIDE = ("about", "blob", "data")


@dataclass
class Watch:
    """What went wrong in a browser's pages: on the console, in scripts, in requests that leave loopback.

    Attributes
    ----------
    faults : list of str
        One for each; policies of content that are broken are on the console.
    expected : list of str
        Patterns of faults that the test brings about on purpose.
    requests : list of str
        Every URL that was asked for.
    """

    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("page", self._follow_page)
        context.on("request", self._request)

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(p, fault) for p in self.expected)]

    def _follow_page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("crash", lambda _: self.faults.append("the page crashed"))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _dialog(self, dialog: object) -> None:
        # A name that ran as a script, say.
        self.faults.append(f"a dialog came up: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in _INSIDE and parts.hostname != LOOPBACK:
            self.faults.append(f"a request left this machine: {request.url}")
