"""maskwise gallery encrypt, decrypt and key, and every other command on an encrypted gallery."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from maskwise.gallery.encryption import keys
from maskwise.gallery.encryption.envelope import Cost
from maskwise.testing.command_line import RED, Run, photo

G = ("--gallery", "g.db")
K = ("--key-file", "keys/k")
PHRASE = "five random words in a row"


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COST", Cost(16, 8, 1))
    Path("keys").mkdir()
    assert run("gallery", "key", "new", "keys/k").status == 0
    assert run("enrol", "people", *G, "--keep", "faces").status == 0


def encrypt(run: Run) -> None:
    assert run("gallery", "encrypt", *G, *K).status == 0


def test_a_new_key(run: Run) -> None:
    assert stat.S_IMODE(Path("keys/k").stat().st_mode) == 0o600
    answer = run("gallery", "key", "new", "keys/k")
    assert answer.status == 2
    assert "never written over" in answer.err
    told = run("gallery", "key", "new", "keys/l", "--json").lines[0]
    assert list(told) == ["file", "fingerprint"]
    assert told["fingerprint"] not in Path("keys/l").read_text()


def test_encrypt_tells_what_it_did(run: Run) -> None:
    assert run("gallery", "key", "status", *G).out == "g.db is not encrypted\n"
    assert run("gallery", "key", "status", *G, "--json").lines == [
        {"gallery": "g.db", "encrypted": False}
    ]
    answer = run("gallery", "encrypt", *G, *K, "--actor", "Ada")
    assert answer.status == 0
    assert "opens with the key file" in answer.out
    status = run("gallery", "key", "status", *G, "--json").lines[0]
    assert (status["encrypted"], status["opens_with"], status["pending"]) == (True, "file", 0)
    assert status["sealed"] > 0
    shown = run("gallery", "key", "status", *G).out
    assert status["fingerprint"] in shown
    entry = run("audit", "show", *G, *K, "--json").lines[-1]
    assert (entry["actor"], entry["action"]) == ("Ada", "encrypt")
    assert entry["details"]["key"] == status["data_key"]
    stats = run("gallery", "stats", *G, *K, "--json").lines[0]
    assert stats["data_key"] == status["data_key"]
    assert status["data_key"] in run("gallery", "stats", *G, *K).out
    again = run("gallery", "encrypt", *G, *K)
    assert again.status == 2
    assert "encrypted already" in again.err


def test_encrypt_names_what_is_still_in_clear(run: Run) -> None:
    Path("g.db.before-20260101-000000.db").write_bytes(Path("g.db").read_bytes())
    Path("g.db.index").write_bytes(b"templates")
    answer = run("gallery", "encrypt", *G, *K, "--json")
    assert answer.status == 1
    assert "still in clear: g.db.before-20260101-000000.db" in answer.err
    assert answer.lines[0]["still_in_clear"] == ["g.db.before-20260101-000000.db"]
    assert not Path("g.db.index").exists()


def test_a_key_beside_the_gallery_is_told(run: Run) -> None:
    assert run("gallery", "key", "new", "k").status == 0
    answer = run("gallery", "encrypt", *G, "--key-file", "k")
    assert "k lies beside the gallery" in answer.err


def test_encrypt_wants_a_key_and_a_gallery(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("g.db").read_bytes()
    answer = run("gallery", "encrypt", *G)
    assert answer.status == 2
    assert "name a key: --key-file FILE or --key-env NAME" in answer.err
    answer = run("gallery", "encrypt", *G, *K, "--key-env", "STAFF")
    assert answer.status == 2
    assert "two keys" in answer.err
    answer = run("gallery", "encrypt", *G, "--key-env", "STAFF")
    assert answer.status == 2
    assert "STAFF holds no key" in answer.err
    monkeypatch.setenv("STAFF", "too short")
    answer = run("gallery", "encrypt", *G, "--key-env", "STAFF")
    assert answer.status == 2
    assert "12 characters or more" in answer.err
    assert Path("g.db").read_bytes() == before
    answer = run("gallery", "encrypt", "--gallery", "none.db", *K)
    assert answer.status == 2
    assert not Path("none.db").exists()
    assert run("gallery", "encrypt", *G, "--key-file", "").status == 2


@pytest.mark.parametrize(
    "command",
    [
        ("gallery", "list"),
        ("gallery", "show", "Ruby"),
        ("gallery", "rename", "Ruby", "Red"),
        ("gallery", "stats"),
        ("gallery", "check"),
        ("gallery", "delete", "Ruby", "--yes"),
        ("gallery", "retention", "--days", "30"),
        ("audit", "show"),
        ("audit", "verify"),
        ("identify", "people/Ruby/1.png"),
        ("enrol", "people"),
        ("gallery", "key", "rotate"),
    ],
    ids=" ".join,
)
def test_every_command_wants_the_key_and_takes_it(
    run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypt(run)
    before = Path("g.db").read_bytes()
    answer = run(*command, *G)
    assert answer.status == 2
    assert "g.db is encrypted, and opens with the key file" in answer.err
    assert "Traceback" not in answer.err
    assert run("gallery", "key", "new", "keys/other").status == 0
    answer = run(*command, *G, "--key-file", "keys/other")
    assert answer.status == 2
    assert "not with the key file" in answer.err
    assert Path("g.db").read_bytes() == before
    monkeypatch.setenv("MASKWISE_KEY_FILE", "keys/k")
    assert run(*command, *G).status == 0
    assert os.environ["MASKWISE_KEY_FILE"] == "keys/k"


def test_a_key_holds_for_one_command(run: Run) -> None:
    encrypt(run)
    assert run("gallery", "list", *G, *K).status == 0
    assert "MASKWISE_KEY_FILE" not in os.environ
    assert run("gallery", "list", *G).status == 2


def test_a_gallery_made_with_a_key_is_encrypted(run: Run) -> None:
    assert run("enrol", "people", "--gallery", "new.db", *K).status == 0
    assert run("gallery", "key", "status", "--gallery", "new.db", "--json").lines[0]["encrypted"]
    photo("again.png", RED)
    found = run("identify", "again.png", "--gallery", "new.db", *K, "--json").lines[0]
    assert found["candidates"][0]["subject"] == "Ruby"


def test_a_key_for_a_gallery_in_clear_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run("gallery", "list", *G, *K)
    assert answer.status == 2
    assert "is not encrypted, and a key was given" in answer.err
    monkeypatch.setenv("MASKWISE_KEY_FILE", "keys/k")
    answer = run("gallery", "list", *G)
    assert answer.status == 0
    assert "is not encrypted, though" in answer.err


@pytest.mark.parametrize("late", [False, True])
def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    from maskwise.gallery.encryption import care

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(care, "_rewritten" if late else "with_key", interrupt)
        answer = run("gallery", "encrypt", *G, *K)
    assert answer.status == 130
    assert ("may still hold faces in clear" in answer.err) == late
    status = run("gallery", "key", "status", *G, "--json").lines[0]
    assert status["encrypted"] == late
    assert status.get("residue", False) == late
    if late:
        assert "`encrypt` wipes it" in run("gallery", "key", "status", *G).out
        checks = run("doctor", *G, "--json").lines[0]["checks"]
        assert [c["state"] for c in checks if c["name"] == "encryption"] == ["wrong"]
    encrypt(run)
    assert run("gallery", "key", "status", *G, "--json").lines[0]["residue"] is False


def test_a_server_is_not_encrypted(run: Run) -> None:
    answer = run("gallery", "encrypt", "--gallery", "postgresql://u:secret@nowhere.invalid/x", *K)
    assert answer.status == 2
    assert "only galleries in files are encrypted" in answer.err
    assert "secret" not in answer.err


def test_another_owners_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt(run)
    monkeypatch.setenv("STAFF", PHRASE)
    answer = run("gallery", "key", "change", *G, *K, "--new-key-env", "STAFF", "--json")
    assert answer.status == 0
    assert answer.lines[0]["opens_with"] == "phrase"
    assert run("gallery", "list", *G, *K).status == 2
    assert run("gallery", "list", *G, "--key-env", "STAFF").status == 0
    answer = run("gallery", "key", "change", *G, "--key-env", "STAFF", "--new-key-file", "keys/k")
    assert "opens with the key file" in answer.out
    assert run("gallery", "list", *G, *K).status == 0
    assert run("gallery", "key", "change", *G, *K).status == 2  # nobody to type one


def test_a_phrase_is_asked_for_at_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAFF", PHRASE)
    assert run("gallery", "encrypt", *G, "--key-env", "STAFF").status == 0
    from maskwise.cli import key_options

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(key_options.sys, "stdin", Terminal(), raising=False)
    asked: list[str] = []

    def prompt(text: str, **_: object) -> str:
        asked.append(text)
        return PHRASE

    monkeypatch.setattr(key_options.click, "prompt", prompt)
    assert key_options.key_for("g.db").secret(key_options.state_of("g.db").lock)  # type: ignore[union-attr]
    assert asked == ["pass phrase of g.db"]


def test_rotate(run: Run) -> None:
    encrypt(run)
    before = run("gallery", "key", "status", *G, "--json").lines[0]["data_key"]
    answer = run("gallery", "key", "rotate", *G, *K, "--json")
    assert answer.status == 0
    assert answer.lines[0]["data_key"] != before
    assert answer.lines[0]["wiped"] is True
    assert run("gallery", "check", *G, *K).out == "sound\n"


def test_decrypt_asks(run: Run) -> None:
    encrypt(run)
    assert run("gallery", "decrypt", *G, *K, stdin="n\n").status == 1
    assert run("gallery", "key", "status", *G, "--json").lines[0]["encrypted"] is True
    answer = run("gallery", "decrypt", *G, *K, "--yes", "--json")
    assert answer.status == 0
    assert run("gallery", "list", *G).status == 0
    assert run("gallery", "decrypt", *G, "--yes").status == 2


def test_an_export_in_clear_must_be_asked_for(run: Run) -> None:
    encrypt(run)
    answer = run("gallery", "export", "g.db", "x.jsonl", *K)
    assert answer.status == 2
    assert "--in-clear" in answer.err
    assert not Path("x.jsonl").exists()
    assert run("gallery", "export", "g.db", "x.jsonl", *K, "--in-clear").status == 0
    assert run("gallery", "import", "x.jsonl", "--gallery", "back.db", *K).status == 0
    assert run("gallery", "key", "status", "--gallery", "back.db", "--json").lines[0]["encrypted"]


def test_copies_and_backups_keep_the_encryption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt(run)
    assert run("gallery", "copy", "g.db", "h.db", *K).status == 0
    assert run("gallery", "backup", "g.db", "b.db", *K).status == 0
    for name in ("h.db", "b.db"):
        assert run("gallery", "list", "--gallery", name).status == 2
        assert run("gallery", "check", "--gallery", name, *K).status == 0
    monkeypatch.setenv("STAFF", PHRASE)
    assert run("gallery", "copy", "g.db", "i.db", *K, "--to-key-env", "STAFF").status == 0
    assert run("gallery", "list", "--gallery", "i.db", "--key-env", "STAFF").status == 0
    assert run("gallery", "copy", "g.db", "j.db", *K, "--in-clear").status == 0
    assert run("gallery", "list", "--gallery", "j.db").status == 0
    answer = run("gallery", "copy", "g.db", "j.db", *K)
    assert answer.status == 2
    assert "is not encrypted" in answer.err
    answer = run("gallery", "copy", "g.db", "postgresql://u@nowhere.invalid/x", *K)
    assert answer.status == 2
    assert "would not be; if that is wanted: --in-clear" in answer.err
    both = ("--to-key-env", "STAFF", "--in-clear")
    assert run("gallery", "copy", "g.db", "k.db", *K, *both).status == 2
    # From clear into a gallery with a key.
    assert run("gallery", "copy", "j.db", "l.db", "--to-key-file", "keys/k").status == 0
    assert run("gallery", "list", "--gallery", "l.db", *K).status == 0


def test_there_is_no_index(run: Run) -> None:
    encrypt(run)
    for command in ("status", "build", "drop"):
        answer = run("gallery", "index", command, *G, *K)
        assert answer.status == 2
        assert "would hold its templates in clear" in answer.err


def test_the_doctor_tells(run: Run) -> None:
    encrypt(run)
    checks = run("doctor", *G, "--json").lines[0]["checks"]
    (told,) = [c for c in checks if c["name"] == "encryption"]
    assert told["state"] == "ok"
    assert "opens with the key file" in told["says"]
