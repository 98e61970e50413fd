#!/usr/bin/env python3
"""Runs the commands that the documents show, and compares what they print.

    testing/docs/run.py README.md README.ko.md docs/*.md

A block fenced as ```console is run: lines that begin with `$ ` are commands
(here-documents, backslashes and open quotes go on), the lines below one are what it prints, standard
error included. `…` in a line stands for any text, a line of `…` alone for any
lines. `python3` is the interpreter that runs this, with its packages, and `node` finds the packages of
`testing/clients/js`. Links and source files that a document names must exist. All blocks of one document run in one bash, in a folder of their own, with
the built `pando` on the PATH and the port 8080 replaced by a free one; what the
document leaves running is killed at its end. Standard library only.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
SOURCE = re.compile(r"`((?:crates|engines|testing|bench|examples)/[\w/.-]+)`")
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")
NODE_MODULES = ROOT / "testing" / "clients" / "js" / "node_modules"
PORT = "8080"
COMMAND_TIMEOUT_S = 120


def steps(document: str) -> list[tuple[str, str]]:
    """The commands of a document, each with what it is to print."""
    found: list[tuple[str, list[str]]] = []
    for block in FENCE.findall(document):
        open_command = False
        for line in block.splitlines():
            if open_command:
                command, expected = found[-1]
                found[-1] = (command + "\n" + line, expected)
            elif line.startswith("$ "):
                found.append((line[2:], []))
            else:
                if found:
                    found[-1][1].append(line)
                continue
            open_command = goes_on(found[-1][0])
    return [(command, "\n".join(expected).strip()) for command, expected in found]


def goes_on(command: str) -> bool:
    """Whether a command needs its next line: here-document, backslash, open quote."""
    here = HERE_DOCUMENT.search(command)
    if here:
        return here[1] not in command.splitlines()[1:]
    if command.endswith("\\"):
        return True
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is what `expected` describes."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t]*\n"
    return re.fullmatch(pattern, printed.strip() + "\n" if printed.strip() else "") is not None


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Shell:
    """One bash; a marker line after each command tells where its output ends."""

    MARK = "@@pando-docs-end@@"

    def __init__(self, folder: str, environment: dict[str, str]):
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        assert self.bash.stdin and self.bash.stdout
        self.bash.stdin.write(f"{command}\nkept=$?; echo; echo {self.MARK}; (exit $kept)\n")
        self.bash.stdin.flush()
        lines = []
        signal.alarm(COMMAND_TIMEOUT_S)
        for line in self.bash.stdout:
            if line.rstrip("\n") == self.MARK:
                break
            lines.append(line)
        signal.alarm(0)
        return "".join(lines)

    def close(self) -> None:
        os.killpg(self.bash.pid, signal.SIGKILL)
        self.bash.wait()


def check(path: pathlib.Path, pando: pathlib.Path) -> list[str]:
    port = free_port()
    faults = []
    with tempfile.TemporaryDirectory(prefix="pando-docs-") as folder:
        (pathlib.Path(folder) / "bin").mkdir()
        (pathlib.Path(folder) / "bin" / "pando").symlink_to(pando)
        (pathlib.Path(folder) / "node_modules").symlink_to(NODE_MODULES)
        programs = f"{folder}/bin:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = dict(os.environ, PATH=programs, COLUMNS="100", LANG="C.UTF-8")
        environment["PANDO__LISTEN"] = f"127.0.0.1:{port}"
        shell = Shell(folder, environment)
        try:
            for command, expected in steps(path.read_text()):
                printed = shell.run(command.replace(PORT, port)).replace(port, PORT)
                if not matches(expected, printed):
                    faults.append(f"{path}: $ {command}\n--- the document says\n{expected}\n--- it printed\n{printed.strip()}\n")
        finally:
            shell.close()
    return faults


def give_up(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"a command did not end within {COMMAND_TIMEOUT_S} s")


def missing(path: pathlib.Path) -> list[str]:
    """What a document links to, or names as a source file, and is not there."""
    text = FENCE.sub("", path.read_text())
    linked = {path.parent / target for target in LINK.findall(text)}
    named = {ROOT / target for target in SOURCE.findall(text)}
    return [f"{path} names {target}, which is not there\n" for target in sorted(linked | named) if not target.exists()]


def main() -> int:
    signal.signal(signal.SIGALRM, give_up)
    binary = os.environ.get("PANDO_BIN") or ROOT / "target" / "debug" / "pando"
    pando = pathlib.Path(binary).resolve()
    if not pando.exists():
        print(f"there is no {pando}: build it first, or name it in PANDO_BIN", file=sys.stderr)
        return 2
    if not shutil.which("curl"):
        print("curl is missing: apt-get install curl", file=sys.stderr)
        return 2
    commands, faults = 0, []
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        commands += len(steps(path.read_text()))
        faults += check(path, pando) + missing(path)
    for fault in faults:
        print(fault)
    print(f"docs: {max(commands - len(faults), 0)} passed, {len(faults)} failed")
    return 1 if faults or commands == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
