"""maskwise models info, pull, verify, add, remove and path."""

from __future__ import annotations

import hashlib
import http.server
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from maskwise import models
from maskwise.models import additions, entries, licences, place
from maskwise.models.fetch import over_http
from maskwise.testing.command_line import Run

ACCEPT = "insightface-models"


@pytest.fixture(autouse=True)
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (licences.ACCEPT_VARIABLE, place.OFFLINE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(over_http, "_PAUSE_S", 0.001)
    folder = home / "store"
    folder.mkdir()
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(folder))
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web(home: Path) -> Iterator[str]:
    """A server of the folder ``web``."""
    (home / "web").mkdir()
    handler = partial(_Quiet, directory=str(home / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def small(home: Path, web: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of the catalogue, free and not, are now a small file on that server."""
    data = b"small" * 100
    path = home / "web" / "small.onnx"
    path.write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    here = {"sha256": sha, "size": len(data), "urls": (f"{web}small.onnx",)}
    found = {
        name: replace(entries.catalogue()[name], **here)
        for name in ("sface", "buffalo_l/w600k_r50")
    }
    monkeypatch.setattr(entries, "catalogue", lambda: found)
    monkeypatch.setattr(entries, "packs", dict)
    return path


def onnx_file(path: Path, shape: list[int | str], *steps: str) -> None:
    """A file that puts its input of ``shape`` through the operators ``steps``."""
    names = ["x", *(f"after_{step}" for step in steps)]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None),
    ]
    nodes = [helper.make_node(step, [names[k]], [names[k + 1]]) for k, step in enumerate(steps)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


@pytest.fixture
def mine(home: Path) -> Path:
    """An encoder with insightface's contract, of three numbers."""
    onnx_file(home / "mine.onnx", ["N", 3, 112, 112], "GlobalAveragePool", "Flatten")
    return home / "mine.onnx"


class TestInfo:
    def test_a_model(self, run: Run) -> None:
        text = run("models", "info", "sface").out
        for part in (
            "128 numbers",
            "--encoder sface",
            "maskwise models pull sface",
            "also comm",
            "38,696,353 bytes",
            entries.catalogue()["sface"].sha256,
            "MobileFaceNet",
        ):
            assert part in text

    def test_one_with_a_licence(self, run: Run) -> None:
        text = run("models", "info", "buffalo_l/w600k_r50").out
        assert "--encoder buffalo_l/w600k_r50\n" in text
        assert "600,000 people" in text
        assert f"no: maskwise models accept {ACCEPT}" in text
        assert "non-commercial research alone" in text

    def test_a_pack(self, run: Run) -> None:
        (facts,) = run("models", "info", "buffalo_l", "--json").lines
        assert facts["use"] == [
            "--detector buffalo_l/det_10g",
            "--encoder buffalo_l/w600k_r50",
        ]
        assert facts["size"] == 288_621_354
        assert "raccoon_l/w600k_r50" in run("models", "info", "raccoon_l").out

    def test_whether_its_licence_was_accepted(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def told(name: str) -> tuple[str | None, bool | None]:
            (facts,) = run("models", "info", name, "--json").lines
            return facts["accept"], facts["accepted"]

        assert told("sface") == (None, None)
        assert told("buffalo_l") == told("buffalo_l/det_10g") == (ACCEPT, False)
        monkeypatch.setenv(licences.ACCEPT_VARIABLE, ACCEPT)
        assert told("buffalo_l") == told("buffalo_l/det_10g") == (ACCEPT, True)
        assert f"yes ({ACCEPT})" in run("models", "info", "buffalo_l").out

    def test_the_use_that_it_tells_is_an_address(self, run: Run) -> None:
        """Opening nothing: a backend is made, its file is read at first use."""
        from maskwise import detect, encode

        for name in models.known():
            (facts,) = run("models", "info", name, "--json").lines
            option, _, address = facts["use"].partition(" ")
            if option in ("--encoder", "--detector"):
                (encode if option == "--encoder" else detect).create(address)

    def test_every_model_and_pack(self, run: Run) -> None:
        for name in [*models.known(), *entries.packs()]:
            (facts,) = run("models", "info", name, "--json").lines
            assert facts["model"] == name
            assert facts["in_words"], name
            assert run("models", "info", name).status == 0

    def test_no_such_model(self, run: Run) -> None:
        answer = run("models", "info", "sfac")
        assert answer.status == 2
        assert "no model 'sfac'; there are: " in answer.err


class TestPull:
    def test_it_comes_and_is_known(self, run: Run, small: Path, store: Path) -> None:
        answer = run("models", "pull", "sface")
        path = store / "face_recognition_sface_2021dec.onnx"
        assert answer.status == 0
        assert answer.out == f"sface: fetched, {path}\n"
        assert "maskwise: fetching sface (0.0 MB)" in answer.err
        assert run("models", "path", "sface").out == f"{path}\n"
        (line,) = run("models", "pull", "sface", "--json").lines
        assert (line["model"], line["state"]) == ("sface", "there already")

    def test_a_licence_is_asked_for(self, run: Run, small: Path, store: Path) -> None:
        name = "buffalo_l/w600k_r50"
        nobody = run("models", "pull", name, stdin="")
        assert nobody.status == 2
        assert f"--accept {ACCEPT} does not ask" in nobody.err
        no = run("models", "pull", name, stdin="n\n")
        assert no.status == 1
        assert "non-commercial research alone" in no.err
        assert "nothing was fetched" in no.err
        assert list(store.iterdir()) == []
        yes = run("models", "pull", name, stdin="y\n")
        assert yes.status == 0
        assert licences.is_accepted(ACCEPT)
        record = Path(run("models", "accept", ACCEPT, "--yes", "--json").lines[0]["file"])
        assert "Accepted at 20" in record.read_text("utf-8")

    def test_a_licence_by_flag(self, run: Run, small: Path) -> None:
        assert run("models", "pull", "buffalo_l/w600k_r50", "--accept", ACCEPT).status == 0
        assert run("models", "pull", "sface", "--accept", "x").status == 2

    def test_offline(self, run: Run, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
        answer = run("models", "pull", "sface")
        assert answer.status == 2
        assert "MASKWISE_OFFLINE is set" in answer.err
        assert run("models", "pull", "sface", "--from", str(small)).status == 0

    def test_a_carried_folder(self, run: Run, small: Path, home: Path) -> None:
        assert run("models", "pull", "sface", "--to", "carried").status == 0
        assert run("models", "path", "sface").status == 2
        small.unlink()
        answer = run("models", "pull", "--from", "carried")
        assert answer.status == 0
        assert "sface: copied" in answer.out
        (home / "empty").mkdir()
        assert "knows" in run("models", "pull", "--from", "empty").err

    def test_errors_are_one_line_and_2(self, run: Run, small: Path, store: Path) -> None:
        small.unlink()
        Path("empty.zip").touch()
        for words, reason in (
            (["sface"], "HTTP 404"),
            (["dlib-mmod"], "ships"),
            (["nope"], "no model 'nope' to pull"),
            (["sface", "--url", "ftp://x/y"], "only https is"),
            (["sface", "--from", "no"], "no such file"),
            (["sface", "--sha256", "12"], "64 hex digits"),
            (["sface", "--from", "x", "--url", "y"], "exclude"),
            ([], "name a model"),
            (["--from", "no"], "--from no: there is no such file or folder"),
            (["sface", "--from", "a" * 300], "File name too long"),
            (["sface", "--from", "~nobody-of-that-name"], "no home folder is known"),
            (["--from", "empty.zip"], "name the model that empty.zip is"),
        ):
            answer = run("models", "pull", *words)
            assert answer.status == 2, words
            assert reason in answer.err
            assert "Traceback" not in answer.err
        assert [p.name for p in store.iterdir() if p.name != ".lock"] == []


class TestVerify:
    def test_what_ships_is_well(self, run: Run) -> None:
        lines = run("models", "verify", "--json").lines
        assert {line["model"] for line in lines} == set(models.names())
        assert all(line["ok"] for line in lines)

    def test_damage_is_named(self, run: Run, small: Path, store: Path) -> None:
        run("models", "pull", "sface")
        assert run("models", "verify").status == 0
        path = store / "face_recognition_sface_2021dec.onnx"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        answer = run("models", "verify")
        assert answer.status == 1
        assert f"model file {path} is damaged" in answer.out
        assert run("models", "pull", "sface").status == 0
        assert run("models", "verify", "sface").status == 0

    def test_what_is_not_here(self, run: Run) -> None:
        answer = run("models", "verify", "sface")
        assert answer.status == 1
        assert "maskwise models pull sface" in answer.out
        assert run("models", "verify", "no").status == 2

    def test_golden_finds_what_does_not_run(self, run: Run, home: Path, store: Path) -> None:
        onnx_file(home / "mine.onnx", [1, 3, 8, 8], "Relu")
        additions.add(store, additions.from_onnx(home / "mine.onnx", "mine", "arcface"))
        assert run("models", "verify", "mine").status == 0
        answer = run("models", "verify", "mine", "--golden", "--json")
        assert answer.status == 1
        assert "mine.onnx" in answer.lines[0]["problem"]


@pytest.mark.models
def test_golden_numbers_of_what_ships(run: Run) -> None:
    lines = {line["model"]: line for line in run("models", "verify", "--golden", "--json").lines}
    assert all(line["ok"] for line in lines.values()), lines
    assert lines["dlib-resnet-v1"]["facts"]["golden"] == "compared"
    assert lines["maskwise-v1"]["facts"]["golden"] == "compared"
    assert lines["dlib-mmod"]["facts"]["golden"] == "compared"
    assert lines["mask-state"]["facts"] == {}


@pytest.mark.models
def test_golden_numbers_that_differ_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from maskwise.cli import models_golden

    monkeypatch.setattr(models_golden, "_golden", lambda: {"dlib-mmod": {"box": [0, 0, 9, 9]}})
    answer = run("models", "verify", "dlib-mmod", "--golden")
    assert answer.status == 1
    assert "expected [0, 0, 9, 9]" in answer.out


class TestOwn:
    def test_added_listed_and_removed(self, run: Run, mine: Path, store: Path) -> None:
        answer = run(
            *("models", "add", "mine.onnx", "--name", "mine"),
            *("--backend", "arcface", "--licence", "MIT"),
        )
        assert answer.status == 0
        assert "use it with --encoder mine" in answer.out
        rows = {row["model"]: row for row in run("models", "list", "--json").lines}
        assert (rows["mine"]["state"], rows["mine"]["licence"]) == ("here", "MIT")
        assert "--encoder mine\n" in run("models", "info", "mine").out
        assert run("models", "remove", "mine").out == f"deleted {store / 'added' / 'mine'}\n"
        assert run("models", "remove", "mine").status == 2

    def test_json_tells_what_happened(self, run: Run, mine: Path, store: Path) -> None:
        words = ("add", "mine.onnx", "--name", "mine", "--backend", "arcface")
        (added,) = run("models", *words, "--json").lines
        assert (added["model"], added["state"]) == ("mine", "added")
        (removed,) = run("models", "remove", "mine", "--json").lines
        files = [str(store / "added" / "mine")]
        assert removed == {"model": "mine", "state": "removed", "files": files}

    def test_a_manifest(self, run: Run, mine: Path) -> None:
        Path("own.toml").write_text(
            'name = "own"\nfile = "mine.onnx"\nlicence = "MIT"\nsize = 112\n'
            'points = "arcface-112"\ncolor = "rgb"\nscale = 1\nmean = 127.5\nstd = 127.5\n'
        )
        answer = run("models", "add", "own.toml", "--json")
        assert answer.status == 0, answer.err
        assert (answer.lines[0]["model"], answer.lines[0]["backend"]) == ("own", "file")
        rows = {row["model"]: row for row in run("models", "list", "--json").lines}
        files = mine.stat().st_size + Path("own.toml").stat().st_size
        assert rows["own"]["size"] == files
        assert f"{files:,} bytes" in run("models", "info", "own").out
        Path("own.toml").write_text('name = "own"\nfile = "mine.onnx"\ncolour = "red"\n')
        bad = run("models", "add", "own.toml", "--name", "other")
        assert bad.status == 2
        assert "unknown key 'colour'" in bad.err

    def test_what_is_lacking_is_told(self, run: Run, mine: Path) -> None:
        for words, reason in (
            (["no.onnx"], "there is no such file"),
            (["mine.onnx"], "needs --name NAME and --backend"),
            (["mine.onnx", "--name", "a", "--backend", "b"], "no backend 'b'"),
            (["mine.onnx", "--name", "sface", "--backend", "sface"], "something else"),
        ):
            answer = run("models", "add", *words)
            assert answer.status == 2
            assert reason in answer.err

    @pytest.mark.parametrize(
        ("backend", "reason"),
        [
            ("arcface", "expected one input (N, 3, 112, 112), got (1, 3, 8, 8)"),
            ("sface", "is no file for sface"),
            ("scrfd", "is no SCRFD file"),
            ("yunet", "is no YuNet file"),
        ],
    )
    def test_what_its_backend_cannot_read_is_not_added(
        self, run: Run, home: Path, store: Path, backend: str, reason: str
    ) -> None:
        onnx_file(home / "mine.onnx", [1, 3, 8, 8], "Relu")
        answer = run("models", "add", "mine.onnx", "--name", "mine", "--backend", backend)
        assert answer.status == 2
        assert reason in answer.err
        assert list(store.iterdir()) == []


class TestAFolderThatIsNotThere:
    """MASKWISE_MODELS names it."""

    @pytest.fixture
    def absent(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = home / "of" / "mine"
        monkeypatch.setenv(place.FOLDER_VARIABLE, str(folder))
        return folder

    def test_a_pull_makes_it(self, run: Run, small: Path, absent: Path) -> None:
        answer = run("models", "pull", "sface")
        assert answer.status == 0, answer.err
        assert f"maskwise: {absent}, which MASKWISE_MODELS names, is made now\n" in answer.err
        assert (absent / "face_recognition_sface_2021dec.onnx").is_file()
        assert "is made" not in run("models", "pull", "sface").err

    def test_a_pull_to_elsewhere_or_of_nothing_does_not(
        self, run: Run, small: Path, absent: Path
    ) -> None:
        assert run("models", "pull", "sface", "--to", "carried").status == 0
        nope = run("models", "pull", "nope")
        assert nope.status == 2
        assert "no model 'nope' to pull" in nope.err
        assert not absent.exists()

    @pytest.mark.parametrize("manifest", [True, False])
    def test_an_addition_makes_it(self, run: Run, mine: Path, absent: Path, manifest: bool) -> None:
        Path("own.toml").write_text(
            'name = "own"\nfile = "mine.onnx"\nlicence = "MIT"\nsize = 112\n'
            'points = "arcface-112"\ncolor = "rgb"\nscale = 1\nmean = 127.5\nstd = 127.5\n'
        )
        words = ["own.toml"] if manifest else ["mine.onnx", "--backend", "arcface"]
        answer = run("models", "add", *words, "--name", "own")
        assert answer.status == 0, answer.err
        assert "is made now" in answer.err
        assert [path.name for path in (absent / "added").iterdir()] == ["own"]

    def test_others_do_not(self, run: Run, absent: Path) -> None:
        for words in (
            *(["list"], ["info", "sface"], ["verify"], ["path"], ["path", "sface"]),
            ["remove", "sface"],
        ):
            answer = run("models", *words)
            assert answer.status == 2, words
            assert f"MASKWISE_MODELS: '{absent}' is no folder" in answer.err
            assert len(answer.err.splitlines()) == 1
        assert not absent.exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="makes a link")
    def test_what_cannot_be_one_is_refused(
        self, run: Run, small: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("dangling").symlink_to("nowhere")
        for name, reason in (
            (str(mine), "is no folder"),
            ("dangling", "is no folder"),
            (f"{mine}/under", "cannot be written"),
            ("a" * 300, "cannot be written"),
        ):
            monkeypatch.setenv(place.FOLDER_VARIABLE, name)
            add = ("add", "mine.onnx", "--name", "mine", "--backend", "arcface")
            for words in (("pull", "sface"), add):
                answer = run("models", *words)
                assert answer.status == 2, (name, words)
                assert reason in answer.err
                assert "Traceback" not in answer.err


def test_the_path_of_the_store(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("models", "path").out == f"{store}\n"
    monkeypatch.delenv(place.FOLDER_VARIABLE)
    assert run("models", "path").out.endswith("models\n")
    assert run("models", "path", "dlib-mmod").out.endswith("dlib-mmod.onnx\n")


def test_a_model_that_is_not_here_is_an_error_that_says_how(run: Run) -> None:
    """No other command fetches anything."""
    answer = run("models", "path", "sface")
    assert answer.status == 2
    assert answer.err == (
        "maskwise: error: the model sface is not here: maskwise models pull sface\n"
    )


def test_listing_imports_no_runtime() -> None:
    code = (
        "import sys; from maskwise.cli import main\n"
        "try: main(['models', 'list'])\n"
        "except SystemExit: pass\n"
        "print(*{'onnxruntime', 'urllib.request', 'zipfile'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "onnxruntime" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_says_what_is_kept(home: Path, store: Path) -> None:
    data = b"x" * 2_000_000
    stop = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:1_000_000])
            stop.wait(60)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/m"
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dataclasses import replace; from maskwise.models import entries\n"
        "one = replace(entries.catalogue()['sface'], size=2000000)\n"
        "entries.catalogue = lambda: {'sface': one}\n"
        f"from maskwise.cli import main; main(['models', 'pull', 'sface', '--url', {url!r}])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    part = store / "face_recognition_sface_2021dec.onnx.part"
    try:
        assert child.stderr is not None
        assert "fetching sface (2.0 MB)" in child.stderr.readline()
        while not part.is_file() or part.stat().st_size < 500_000:
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    finally:
        stop.set()
        child.kill()
        server.shutdown()
        server.server_close()
    assert child.returncode == 130
    assert "what came of sface is kept; the same command goes on from there" in err
    assert "maskwise: interrupted" in err
    assert 500_000 <= part.stat().st_size < len(data)
