#!/usr/bin/env python3
"""Shows a real browser the cookies that Pando sets, and looks at what it sends back.

    testing/clients/browser/run.py [--pando target/debug/pando] [--browser chromium]

Pando listens on loopback, over SQLite. In front of it is a small proxy, as an application's would be: it adds the application's key to
what the application asks, writes down the cookies of each request, and serves one page. A headless
browser loads that page at `http://localhost:PORT` and tells in the page's text what its requests
gave. Ports are free ones. Standard library only; exits with 0 if all holds.
"""

import argparse
import html
import http.client
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
PATIENCE_S = 120
OVERLAPPING = 24

PAGE = """<!doctype html><title>sessions</title><pre id="told">waiting</pre><script>
(async () => {
  const told = {};
  const ask = async (method, path, body) => {
    const answer = await fetch(path, {method, body, headers: body ? {'Content-Type': 'application/json'} : {}});
    const text = await answer.text();
    return [answer.status, text ? JSON.parse(text) : null];
  };
  try {
    told.login = (await ask('POST', '/login'))[0];
    told.visible = document.cookie;
    told.current = await ask('GET', '/sessions/v1/current');
    told.rotated = await ask('POST', '/sessions/v1/current/rotate');
    told.after = (await ask('GET', '/sessions/v1/current'))[0];
    const writes = [...Array(OVERLAPPING).keys()].map(n => ask('PUT', '/kv/v1/notes/' + n, '"' + n + '"'));
    told.writes = (await Promise.all(writes)).map(answer => answer[0]);
    await ask('GET', '/kv/v1/notes/0');
    told.next = (await ask('PUT', '/kv/v1/notes/0', '"next"'))[0];
    await ask('GET', '/kv/v1/notes/0');
    told.logout = (await ask('DELETE', '/sessions/v1/current'))[0];
    told.over = (await ask('GET', '/sessions/v1/current'))[0];
  } catch (error) {
    told.error = String(error);
  }
  document.getElementById('told').textContent = 'TOLD' + JSON.stringify(told) + 'END';
})();
</script>""".replace("OVERLAPPING", str(OVERLAPPING))

FAULTS: list[str] = []


def expect(what: str, found: object, wanted: object) -> None:
    """Notes a fault where something is not as wanted."""
    if found != wanted:
        FAULTS.append(f"{what}: {found!r}, not {wanted!r}")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on, and notes their cookies."""

    protocol_version = "HTTP/1.1"
    pando = ""
    key = ""
    seen: list[tuple[str, str, dict[str, str]]] = []

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path == "/":
            return self.send(200, [("Content-Type", "text/html")], PAGE.encode())
        pairs = (self.headers.get("Cookie") or "").split("; ")
        cookies = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        Proxy.seen.append((self.command, self.path, cookies))
        names = ("cookie", "origin", "content-type", "sec-fetch-site", "sec-fetch-mode")
        headers = {name: self.headers[name] for name in names if self.headers[name]}
        # A proxy passes the name on that it was called by.
        headers["Host"] = self.headers["Host"]
        path = self.path
        if path == "/login":
            # The application has looked at a password, and begins the session itself.
            path, body = "/sessions/v1", b'{"user": "ada", "data": {"cart": [7]}}'
        if not path.startswith("/sessions/v1/current"):
            headers["Authorization"] = f"Bearer {self.key}"
        upstream = http.client.HTTPConnection(self.pando, timeout=PATIENCE_S)
        upstream.request(self.command, path, body, headers)
        reply = upstream.getresponse()
        content = reply.read()
        if self.path == "/login":
            content = b"{}"
        passed = [(n, v) for n, v in reply.getheaders() if n in ("set-cookie", "content-type")]
        upstream.close()
        self.send(reply.status, passed, content)

    def send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    do_GET = do_POST = do_PUT = do_DELETE = answer


def told_by(browser: str, url: str, profile: str) -> dict:
    """What the page tells once the browser has run it."""
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        f"--user-data-dir={profile}", "--virtual-time-budget=60000", "--dump-dom", url,
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    found = re.search(r"TOLD(\{.*\})END</pre>", shown.stdout)
    if not found:
        sys.exit(f"the page told nothing: {shown.stdout[-500:]}")
    return json.loads(html.unescape(found[1]))


def stamps(cookies: dict[str, str]) -> set[str]:
    """The names of the cookies that carry stamps."""
    return {name for name in cookies if name.startswith("__Host-pando-stamp-")}


def check(told: dict) -> None:
    """Compares what the page tells, and what was sent, with what has to be."""
    expect("error", told.get("error"), None)
    expect("login", told["login"], 201)
    expect("what scripts see of the cookies", told["visible"], "")
    status, shown = told["current"]
    expect("the session by its cookie", (status, shown.get("user"), shown.get("data")), (200, "ada", {"cart": [7]}))
    status, shown = told["rotated"]
    expect("a rotation by the cookie", (status, "token" in shown), (200, False))
    expect("the session by the new cookie", told["after"], 200)
    expect("writes that overlap", told["writes"], [201] * OVERLAPPING)
    expect("log-out, and after it", (told["next"], told["logout"], told["over"]), (204, 204, 401))

    sent = Proxy.seen
    tokens = [cookies.get("__Host-pando-session") for _, _, cookies in sent]
    expect("a token before the log-in", tokens[0], None)
    expect("tokens of one session", len({token for token in tokens if token}), 2)
    expect("a token after the log-out", tokens[-1], None)
    reads = [cookies for method, path, cookies in sent if (method, path) == ("GET", "/kv/v1/notes/0")]
    several, one = (len(stamps(cookies)) for cookies in reads)
    if not 1 <= several <= OVERLAPPING:
        FAULTS.append(f"{several} stamp cookies after {OVERLAPPING} writes")
    expect("stamp cookies after one more write", one, 1)
    print(f"{several} stamp cookies after {OVERLAPPING} writes that overlapped, {one} after the next")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pando", default=str(ROOT / "target/debug/pando"))
    parser.add_argument("--browser", default="chromium")
    args = parser.parse_args()
    browser = shutil.which(args.browser) or sys.exit(f"there is no {args.browser}: .ci/install browser")
    with tempfile.TemporaryDirectory() as folder:
        command = [args.pando, "serve", "--json", "--listen", "127.0.0.1:0"]
        settings = pathlib.Path(folder, "pando.toml")
        settings.write_text("[auth]\nrequired = true\n", encoding="utf-8")
        log = open(pathlib.Path(folder, "log"), "w", encoding="utf-8")
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            ready = json.loads(server.stdout.readline())
            Proxy.pando = ready["addresses"][0]
            Proxy.key = pathlib.Path(folder, "data/root.key").read_text(encoding="utf-8").strip()
            proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            url = f"http://localhost:{proxy.server_address[1]}/"
            check(told_by(browser, url, str(pathlib.Path(folder, "profile"))))
        finally:
            server.kill()
            server.wait()
            log.close()
    for fault in FAULTS:
        print(f"browser: {fault}", file=sys.stderr)
    print("browser:", "FAILED" if FAULTS else "passed")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
