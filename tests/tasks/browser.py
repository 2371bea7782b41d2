"""A real browser without a window, driven over its own protocol: Chromium, as `make slow` installs it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_PATIENCE = 60


class Browser:
    """One page in a browser.

    Attributes:
        requests: every URL that was asked for, data URIs left out.
        complaints: what the browser's console said: errors, warnings, violations of the page's policy.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last = 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, *, width: int, height: int = 900) -> None:
        """Open a file in a window of so many CSS pixels, and wait until it is there."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self._call("Page.navigate", url=path.as_uri())
        until = time.monotonic() + _PATIENCE
        while self.ask("document.readyState") != "complete" or self.ask("location.protocol") != "file:":
            assert time.monotonic() < until, "the page did not load"
            time.sleep(0.05)

    def show_as(self, *, media: str = "", scheme: str = "light") -> None:
        """Show pages as on a medium ("screen", "print"), and to a person who likes it light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page, as JSON has it."""
        result = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key such as Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = {"text": "\r"} if kind == "char" and key == "Enter" else {}
            if kind != "char" or text:
                about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
                self._call("Input.dispatchKeyEvent", type=kind, **about, **text)

    def picture(self, path: Path) -> None:
        """Save what the whole page looks like as a PNG."""
        taken = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF")["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=_PATIENCE))
            if message.get("id") == self._last:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent" and not about["request"]["url"].startswith("data:"):
            self.requests.append(about["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(about))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    program = shutil.which("chromium")
    assert program is not None, "no chromium here: `make slow` installs it (apt-get install chromium)"
    command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_page_address(profile, process), max_size=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()


def _page_address(profile: Path, process: subprocess.Popen) -> str:
    """Where the browser listens for commands to its one page."""
    from urllib.request import urlopen

    file, until = profile / "DevToolsActivePort", time.monotonic() + _PATIENCE
    while not file.exists() or not file.read_text().strip():
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < until, "chromium did not start"
        time.sleep(0.05)
    port = file.read_text().splitlines()[0]
    with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = json.loads(answer.read())
    return next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
