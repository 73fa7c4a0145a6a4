"""The commands on boxes: device add | probe | list | remove, push, rollback, status."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass
from pathlib import Path
from typing import Any

from edgekiln import passwords, profiles
from edgekiln.cli.output import kilobytes
from edgekiln.cli.run import Runner
from edgekiln.core.device import (
    Contact,
    Device,
    DeviceFacts,
    DeviceStatus,
    Health,
    HostKey,
    ProbePlan,
    PushInputs,
    PushResult,
    ReadHostKeyPlan,
    Secret,
)
from edgekiln.core.devices import DeviceList
from edgekiln.core.errors import UserError
from edgekiln.core.plain import plain
from edgekiln.core.plans import DeployPlan
from edgekiln.core.text import say


def add(arguments: Namespace, run: Runner) -> int:
    """Add a box: show its fingerprint once, pin it, keep the password in the keyring."""
    profiles.load_profile(arguments.profile)
    device = Device(
        arguments.name,
        arguments.host,
        arguments.port,
        arguments.user,
        arguments.profile,
        key_file=Path(arguments.key).absolute() if arguments.key else None,
    )
    key = run.step("host-key", Contact(device), ReadHostKeyPlan(), HostKey)
    _confirm(key, arguments.fingerprint, run)
    known = DeviceList(run.root)
    known.put(device)
    device = known.pin(device.name, key)
    kept = _keep_password(arguments, run)
    run.output.result({**plain(device, run.output.words), "password_kept": kept})
    run.output.line("{name} added: {fingerprint}", name=device.name, fingerprint=key.fingerprint)
    return 0


def _confirm(key: HostKey, expected: str, run: Runner) -> None:
    if expected == key.fingerprint:
        return
    if expected:
        raise UserError(
            say("This is not the box you named."),
            say("It shows {seen}, not {expected}.", seen=key.fingerprint, expected=expected),
            say("Check the address and the fingerprint. Nothing was sent to it."),
        )
    if not sys.stdin.isatty():
        raise UserError(
            say("The box's fingerprint must be confirmed once."),
            say("It shows {seen}.", seen=key.fingerprint),
            say("Compare it with the box, then add --fingerprint {seen}", seen=key.fingerprint),
        )
    question = run.output.words("The box shows {seen}. Is it yours? [y/N] ", seen=key.fingerprint)
    run.output.end_progress()
    if input(question).strip().lower() not in ("y", "yes", "是"):
        raise UserError(
            say("The box was not added."),
            say("Its fingerprint was not confirmed."),
            say("Read it on the box with ssh-keygen -lf and compare."),
        )


def _keep_password(arguments: Namespace, run: Runner) -> bool:
    if not arguments.password_stdin:
        return False
    secret = Secret(sys.stdin.readline().rstrip("\n"))
    kept = passwords.remember(arguments.name, secret)
    if not kept:
        run.output.line("This computer has no keyring: the password is asked each time.")
    return kept


def contact(arguments: Namespace, run: Runner) -> Contact:
    """The box by name with its password: keyring, stdin, or asked."""
    device = DeviceList(run.root).get(arguments.device)
    if arguments.password_stdin:
        return Contact(device, Secret(sys.stdin.readline().rstrip("\n")))
    secret = passwords.recall(device.name)
    if secret is None and device.key_file is None and sys.stdin.isatty():
        run.output.end_progress()
        secret = Secret(
            getpass(
                run.output.words("Password of {user}@{host}: ", user=device.user, host=device.host)
            )
        )
    return Contact(device, secret)


def probe(arguments: Namespace, run: Runner) -> int:
    """Say what a box is."""
    facts = run.step("probe", contact(arguments, run), ProbePlan(), DeviceFacts)
    run.output.result(plain(facts, run.output.words))
    words = run.output.words
    rows = [
        [words("Board"), facts.board or "–"],
        [words("Architecture"), facts.arch],
        [words("System"), f"{facts.system}, {facts.kernel}, glibc {facts.glibc}"],
        ["Python", facts.python or "–"],
        [words("Runtime"), ", ".join(facts.runtimes) or "–"],
        [words("Memory"), _gigabytes(facts.memory_bytes)],
        [words("Free disk"), f"{_gigabytes(facts.disk_free_bytes)} ({facts.data_dir})"],
        [words("Profile"), facts.profile],
    ]
    run.output.table([words("Fact"), words("Value")], rows)
    for note in facts.notes:
        run.output.text(note)
    return 0


def _gigabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e9:.1f} GB"


def list_devices(_: Namespace, run: Runner) -> int:
    """The known boxes."""
    devices = DeviceList(run.root).all()
    run.output.result({"devices": plain(devices, run.output.words)})
    words = run.output.words
    rows = [
        [
            d.name,
            f"{d.user}@{d.host}:{d.port}",
            d.profile,
            d.host_key.fingerprint if d.host_key else "–",
        ]
        for d in devices
    ]
    run.output.table(
        [words("Name"), words("Address"), words("Profile"), words("Fingerprint")], rows
    )
    return 0


def remove(arguments: Namespace, run: Runner) -> int:
    """Forget a box and its password."""
    known = DeviceList(run.root)
    known.get(arguments.device)
    known.remove(arguments.device)
    passwords.forget(arguments.device)
    run.output.result({"removed": arguments.device})
    return 0


def push(arguments: Namespace, run: Runner) -> int:
    """Bring a bundle live on a box; 0 only when it is."""
    inputs = PushInputs(contact(arguments, run), Path(arguments.bundle).absolute())
    result = run.step("push", inputs, DeployPlan(arguments.app, arguments.keep), PushResult)
    run.output.result(push_json(result, run))
    _print_push(result, run)
    return 0 if result.state == "live" else 1


def push_json(result: PushResult, run: Runner) -> dict[str, Any]:
    """The contract of `push --json`."""
    data: dict[str, Any] = plain(result, run.output.words)
    return data


def _print_push(result: PushResult, run: Runner) -> None:
    out = run.output
    if result.state == "live":
        out.line(
            "{release} is live ({sent} sent, {seconds:.1f} s)",
            release=result.release,
            sent=kilobytes(result.sent_bytes),
            seconds=result.seconds,
        )
    else:
        out.line("{state}; live now: {release}", state=result.state, release=result.release or "–")
    if result.health is not None:
        print_health(result.health, run)
    if result.why is not None:
        out.text(result.why)


def print_health(health: Health, run: Runner) -> None:
    """The health check in a line."""
    error = "–" if health.max_relative_error is None else f"{health.max_relative_error:.1e}"
    ms = "–" if health.median_ms is None else f"{health.median_ms:.2f}"
    run.output.line(
        "Health: {verdict}; {runtime}, {samples} golden samples, "
        "largest difference {error}, {ms} ms",
        verdict=run.output.words("good") if health.healthy else health.reason,
        runtime=health.runtime or "–",
        samples=health.samples,
        error=error,
        ms=ms,
    )


def rollback(arguments: Namespace, run: Runner) -> int:
    """Back to the release before."""
    plan = DeployPlan(arguments.app, arguments.keep)
    status = run.step("rollback", contact(arguments, run), plan, DeviceStatus)
    _show_status(status, run)
    return 0


def show_status(arguments: Namespace, run: Runner) -> int:
    """What is on a box."""
    plan = DeployPlan(arguments.app, arguments.keep)
    _show_status(run.step("status", contact(arguments, run), plan, DeviceStatus), run)
    return 0


def _show_status(status: DeviceStatus, run: Runner) -> None:
    words = run.output.words
    run.output.result(plain(status, words))
    rows = [
        ["→" if r.current else "", r.id, r.name, r.scheme, kilobytes(r.size_bytes)]
        for r in status.releases
    ]
    run.output.table(["", words("Release"), words("Name"), words("Scheme"), words("Size")], rows)
    if status.health is not None:
        print_health(status.health, run)
    if status.locked_by:
        run.output.line("Locked by {owner}", owner=status.locked_by)
