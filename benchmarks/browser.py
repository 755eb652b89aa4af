"""A page in headless Chromium, driven through a pipe by Chromium's own protocol; nothing else is needed.

Source: Chrome DevTools Protocol; `--remote-debugging-pipe` reads messages from descriptor 3 and writes to 4,
each ended by a zero byte.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

PATIENCE_S = 60
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the browser of this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _start(folder: str) -> tuple[int, int, int]:
    """Start Chromium with its data in a folder; return its process, where to write, where to read."""
    # copies from 10 on: none of them is 3 or 4 itself
    pipes = [*os.pipe(), *os.pipe()]
    to_read, to, from_, to_write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in pipes)
    for end in pipes:
        os.close(end)
    path = str(find_chromium())
    actions = [(os.POSIX_SPAWN_DUP2, to_read, 3), (os.POSIX_SPAWN_DUP2, to_write, 4)]
    actions += [(os.POSIX_SPAWN_OPEN, output, os.devnull, os.O_WRONLY, 0) for output in (1, 2)]
    options = [*OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    process = os.posix_spawn(path, [path, *options], os.environ, file_actions=actions)
    os.close(to_read)
    os.close(to_write)
    return process, to, from_


class Browser:
    """One page; `events` collects what the browser says of console, errors and requests.

    Parameters
    ----------
    width, height : int
        Of the window, in CSS pixels.
    dark : bool
        What the page is told that its reader prefers.
    """

    def __init__(self, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process, self._to, self._from = _start(self._folder.name)
        self._left, self._last = b"", 0
        self.events: list[dict] = []
        try:
            self._attach(width, height, dark)
        except BaseException:
            self.close()
            raise

    def _attach(self, width: int, height: int, dark: bool) -> None:
        page = self._call("Target.createTarget", session=None, url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", session=None, targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        self._call("Performance.enable", timeDomain="threadTicks")
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        os.kill(self._process, signal.SIGTERM)
        os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)
        self._folder.cleanup()

    def open(self, path: Path, until: str) -> None:
        """Load a file, and wait until an expression is true in it."""
        self._call("Page.navigate", url=path.resolve().as_uri())
        self.wait(until)

    def wait(self, until: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE_S
        while not self.value(f"Boolean({until})"):
            if time.monotonic() > end:
                raise TimeoutError(f"{until}: not within {PATIENCE_S} s; {self.problems()}")
            time.sleep(0.05)

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, plain data; a promise is awaited."""
        said = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise RuntimeError(f"{expression}: {said['exceptionDetails']}")
        return said["result"].get("value")

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self._mouse("mouseMoved", x, y)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button, move in steps, let go."""
        self._mouse("mouseMoved", *start)
        self._mouse("mousePressed", *start, buttons=1)
        for part in range(1, 11):
            at = [a + (b - a) * part / 10 for a, b in zip(start, end, strict=True)]
            self._mouse("mouseMoved", *at, buttons=1)
        self._mouse("mouseReleased", *end)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def busy_s(self) -> float:
        """Return the processor's seconds that the page's own thread took."""
        metrics = self._call("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    def problems(self) -> list[str]:
        """Return errors and warnings of the console, and exceptions."""
        found = []
        for event in self.events:
            said = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(said["exceptionDetails"].get("exception", {}).get("description", str(said)))
            elif event["method"] == "Log.entryAdded":
                found.append(said["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
                found.append(str(said["args"]))
        return found

    def requests(self) -> list[str]:
        """Return the addresses that were asked for, without data in the page itself."""
        asked = [
            e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]

    def _mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" or buttons else {}
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=buttons, **pressed)

    def _call(self, method: str, session: str | None = "", **params: Any) -> dict:
        """Send a command and return its result; events that arrive before it are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = self._session
        sent = json.dumps(message).encode() + b"\0"
        while sent:
            sent = sent[os.write(self._to, sent) :]
        while True:
            said = self._read()
            if said.get("id") == self._last:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                return said["result"]
            if "method" in said:
                self.events.append(said)

    def _read(self) -> dict:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], PATIENCE_S)
            part = os.read(self._from, 1 << 16) if ready else b""
            if not part:
                raise TimeoutError(f"{find_chromium()} says nothing")
            self._left += part
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)
