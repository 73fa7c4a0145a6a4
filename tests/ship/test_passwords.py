"""Passwords go to a safe keyring or nowhere."""

from __future__ import annotations

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from edgekiln import passwords
from edgekiln.core.device import Secret


class InMemory(KeyringBackend):
    """A keyring as a program: it keeps, or raises as a locked one does."""

    priority = 0.1  # type: ignore[assignment]

    def __init__(self, locked: bool = False) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = locked

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]

    def _open(self) -> None:
        if self.locked:
            raise RuntimeError("org.freedesktop.Secret.Error.IsLocked")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    before = keyring.get_keyring()

    def chosen(backend: KeyringBackend, module: str = "keyring.backends.SecretService") -> None:
        monkeypatch.setattr(type(backend), "__module__", module)
        keyring.set_keyring(backend)

    yield chosen
    keyring.set_keyring(before)


def test_kept_and_forgotten(use) -> None:
    use(InMemory())
    assert passwords.recall("box") is None
    assert passwords.remember("box", Secret("sunrise"))
    assert passwords.recall("box") == Secret("sunrise")
    passwords.forget("box")
    passwords.forget("box")
    assert passwords.recall("box") is None


def test_never_in_plain_text(use) -> None:
    backend = InMemory()
    use(backend, "keyrings.alt.file")
    assert not passwords.remember("box", Secret("sunrise"))
    assert backend.kept == {}
    assert passwords.recall("box") is None


def test_without_a_keyring(use) -> None:
    keyring.set_keyring(fail.Keyring())
    assert not passwords.remember("box", Secret("sunrise"))
    assert passwords.recall("box") is None
    passwords.forget("box")


def test_a_locked_keyring_is_said_and_survived(use, capsys: pytest.CaptureFixture[str]) -> None:
    use(InMemory(locked=True))
    assert not passwords.remember("box", Secret("sunrise"))
    assert passwords.recall("box") is None
    said = capsys.readouterr().err
    assert "IsLocked" in said
    assert "sunrise" not in said


def test_a_secret_shows_nowhere() -> None:
    assert "sunrise" not in repr(Secret("sunrise"))
