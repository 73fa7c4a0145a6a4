"""The one file of EdgeKiln that runs on a box: `agent.py COMMAND ARGUMENT …`, JSON on stdout.

Python 3.7 and its standard library; the health check also needs numpy and a TFLite runtime. No
shell for arguments, no network. Below the application's folder `app`:

    releases/<id>       complete releases        current   -> releases/<id>, swapped atomically
    releases/<id>.part  one being received       previous  -> the release before
    trusted_key         who may sign, pinned     lock      who is changing this box
                        at the first push

What changes `app` needs the token of its lock. Cut the power anywhere: `current` points to a
complete release before and after.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

LOCK_STALE_S = 600.0
RUNTIMES = {
    "tflite-runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "ai-edge-litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tensorflow": ("tensorflow.lite.python.interpreter", "tensorflow"),
}
TIMED_RUNS, TIMED_S = 20, 1.0
WRITE_TEST = 1 << 16
Answer = Dict[str, Any]
Point = Tuple[int, int, int, int]


class Refusal(Exception):
    """A "no" with its code and values; the laptop has the words for it."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.answer = dict(values, ok=False, code=code)  # type: Answer


# Folders and links


def stage(base: str, name: str, make: str = "make") -> Answer:
    """`app` and the free bytes there: below `base`, or below the home where the login may not write
    (nothing is made when `make` is empty; then `app` is "" before the first push). In a practice
    box $EDGEKILN_SANDBOX stands for "/"."""
    sandbox = os.environ.get("EDGEKILN_SANDBOX", "")
    base = sandbox + base if base.startswith("/") else base
    places = [os.path.join(os.path.expanduser(parent), name) for parent in (base, "~/edgekiln")]
    found = [app for app in places if os.path.isdir(os.path.join(app, "releases"))]
    if not make:
        return {"app": found[0] if found else ""}
    app = places[0]
    try:
        _make(os.path.join(app, "releases"))
    except PermissionError:
        app = places[1]
        _make(os.path.join(app, "releases"))
    disk = os.statvfs(app)
    return {"app": app, "free": disk.f_bavail * disk.f_frsize, "fell_back": app != places[0]}


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        _write(os.path.join(folder, ".write-test"), "-" * WRITE_TEST)  # full disks take empty files
        os.remove(os.path.join(folder, ".write-test"))
    except PermissionError:
        own = [
            "sudo",
            "-n",
            "install",
            "-d",
            "-o",
            str(os.getuid()),
            os.path.dirname(folder),
            folder,
        ]
        try:
            subprocess.run(own, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            raise PermissionError(folder)  # noqa: B904  (that sudo failed too says nothing)


def _folder(app: str, release: str) -> str:
    if not release or release.startswith(".") or os.path.basename(release) != release:
        raise Refusal("bad-name", release=release)
    return os.path.join(app, "releases", release)


def _target(app: str, link: str) -> str:
    try:
        return os.path.basename(os.readlink(os.path.join(app, link)))
    except OSError:
        return ""


def _point(app: str, link: str, release: str) -> None:
    """A new link renamed over the old one; no link for no release."""
    path = os.path.join(app, link)
    for old in [path + ".new"] + [path] * (not release):
        if os.path.lexists(old):
            os.remove(old)
    if release:
        os.symlink(os.path.join("releases", release), path + ".new")
        os.replace(path + ".new", path)
    _sync(app)


def _write(path: str, text: str) -> None:
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
    except OSError:
        if os.path.exists(path + ".new"):
            os.remove(path + ".new")
        raise
    _sync(os.path.dirname(path))


def _read(*path: str) -> bytes:
    try:
        with open(os.path.join(*path), "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise Refusal("missing-file", file=path[-1])  # noqa: B904


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# The lock


def lock(app: str, owner: str, token: str, dead: str = "") -> Answer:
    """Take `app`, or show that its taker is alive. A lock is stale after a reboot, after
    LOCK_STALE_S without a sign of life, or when its token is `dead`: the laptop knows that process
    to be gone. Times are this box's uptime, because its clock may jump."""
    boot, uptime = _read("/proc/sys/kernel/random/boot_id"), float(_read("/proc/uptime").split()[0])
    with _guarded(app):
        held = _lock_of(app)
        alive = held and held["boot"] == boot.decode() and uptime - held["beat"] < LOCK_STALE_S
        if alive and held["token"] not in (token, dead):
            raise Refusal("locked", owner=held["owner"], token=held["token"])
        mine = {"owner": owner, "token": token, "boot": boot.decode(), "beat": uptime}
        _write(os.path.join(app, "lock"), json.dumps(mine))
    return {}


def unlock(app: str, token: str) -> Answer:
    """Give `app` back; nothing happens when it is somebody else's by now."""
    with _guarded(app):
        if _lock_of(app).get("token") == token:
            os.remove(os.path.join(app, "lock"))
    return {}


@contextmanager
def _guarded(app: str) -> Iterator[None]:
    with open(os.path.join(app, ".guard"), "a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _lock_of(app: str) -> Answer:
    try:
        held = json.loads(_read(app, "lock").decode("utf-8"))
        return held if {"owner", "token", "boot", "beat"} <= set(held) else {}
    except (Refusal, ValueError, TypeError):
        return {}  # none, or cut off by a power failure before it was whole


def _own(app: str, token: str) -> None:
    held = _lock_of(app)
    if held.get("token") != token:
        raise Refusal("lock-lost", owner=held.get("owner", ""))


# What a release must be


def verify(app: str, folder: str) -> Answer:
    """Every file as its manifest says, and the manifest signed by the key this box trusts."""
    text, signature = _read(folder, "manifest.json"), _read(folder, "manifest.sig")
    key = _read(folder, "key.pub").decode("ascii", "replace").strip()
    trusted = os.path.join(app, "trusted_key")
    if os.path.exists(trusted) and _read(trusted).decode().strip() != key:
        raise Refusal("other-key", trusted=_read(trusted).decode()[:16], found=key[:16])
    if not signature_holds(bytes.fromhex(key), text, signature):
        raise Refusal("bad-signature")
    manifest = json.loads(text.decode("utf-8"))
    for entry in manifest["files"]:
        if hashlib.sha256(_read(folder, entry["path"])).hexdigest() != entry["sha256"]:
            raise Refusal("corrupt-file", file=entry["path"])
    about = {name: manifest[name] for name in ("release", "name", "scheme")}
    return dict(about, key=key, manifest=hashlib.sha256(text).hexdigest())


# Ed25519 by RFC 8032, section 5.1; points in extended coordinates (X, Y, Z, T)
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def signature_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` of `message` is by the owner of `key` (64 and 32 bytes): SB = R + kA."""
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r = _decompress(key), _decompress(signature[:32])
    base = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or base is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    one, two = _multiply(s, base), _add(r, _multiply(k, a))
    return all((one[i] * two[2] - two[i] * one[2]) % P == 0 for i in (0, 1))


def _decompress(data: bytes) -> Optional[Point]:
    value = int.from_bytes(data, "little")
    y, sign = value & ((1 << 255) - 1), value >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return (x, y, 1, x * y % P)


def _multiply(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        result = _add(result, point) if scalar & 1 else result
        point, scalar = _add(point, point), scalar >> 1
    return result


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


# The health check


def check(app: str, folder: str) -> Answer:
    """Verify, then compute the golden inputs here: error is max|a-b| / max|b| over an output."""
    verify(app, folder)
    manifest = json.loads(_read(folder, "manifest.json").decode("utf-8"))
    golden = manifest["golden"]
    np, (runtime, make) = load("numpy"), runtime_here(manifest["runtime"])
    with np.load(os.path.join(folder, golden["inputs"]), allow_pickle=False) as file:
        samples = [{name: file[name][i] for name in file.files} for i in range(golden["samples"])]
    about = {"runtime": runtime, "samples": len(samples)}  # type: Answer
    with np.load(os.path.join(folder, golden["outputs"]), allow_pickle=False) as file:
        wanted = {name: file[name] for name in file.files}
    try:
        found, times = compute(np, make(os.path.join(folder, manifest["model"])), samples)
        about["max_relative_error"] = max(_error(np, found[n], wanted[n]) for n in wanted)
    except (RuntimeError, ValueError, KeyError) as error:
        raise Refusal("runtime-refuses", words=" ".join(str(error).split())[:300], **about)  # noqa: B904
    about["median_ms"] = sorted(times)[len(times) // 2]
    if not about["max_relative_error"] <= golden["max_relative_error"]:
        raise Refusal("wrong-numbers", allowed=golden["max_relative_error"], **about)
    return about


def load(name: str) -> Any:
    """A module of this Python; Refusal when it does not load."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  (a wheel for another glibc fails in many ways)
        raise Refusal("no-module", module=name.split(".")[0], words=str(error)[:300])  # noqa: B904


def runtime_here(wanted: str) -> Tuple[str, Any]:
    """The runtime of a family with its release here, and what makes an interpreter of a path."""
    family = wanted.split()[0]
    if family not in RUNTIMES:
        raise Refusal("unknown-runtime", runtime=wanted)
    module, distribution = RUNTIMES[family]
    interpreter = load(module).Interpreter
    try:
        release = str(importlib.import_module("importlib.metadata").version(distribution))
    except Exception:  # noqa: BLE001  (Python 3.7, or unpacked without its metadata: unknown)
        release = "?"
    return family + " " + release, lambda path, threads=1: interpreter(
        model_path=path, num_threads=threads
    )


def compute(np: Any, net: Any, samples: List[Answer]) -> Tuple[Answer, List[float]]:
    """Outputs by name, one row a sample, and the milliseconds of each run, the repeated too."""
    ports = prepare(net)
    rows, times = [], []  # type: List[Answer], List[float]
    while len(rows) < len(samples) or (len(times) < TIMED_RUNS and sum(times) < TIMED_S * 1000):
        row, milliseconds = run_once(np, net, ports, samples[len(rows) % len(samples)])
        times.append(milliseconds)
        rows.append(row)
    return {n: np.stack([row[n] for row in rows[: len(samples)]]) for n in ports[1]}, times


def run_once(
    np: Any, net: Any, ports: Tuple[Answer, Answer], sample: Answer
) -> Tuple[Answer, float]:
    """One sample in real values; its outputs and the milliseconds of the bare invoke."""
    for name, port in ports[0].items():
        net.set_tensor(port["index"], _stored(np, sample[name], port))
    net.reset_all_variables()
    start = time.perf_counter()
    net.invoke()
    milliseconds = (time.perf_counter() - start) * 1000
    found = {n: _real(np, net.get_tensor(p["index"]), p) for n, p in ports[1].items()}
    return found, milliseconds


def prepare(net: Any) -> Tuple[Answer, Answer]:
    """Memory for its tensors; then its inputs and outputs by name."""
    net.allocate_tensors()
    inputs, outputs = (
        {d["name"]: d for d in details}
        for details in (net.get_input_details(), net.get_output_details())
    )
    for key in net.get_signature_list():
        runner = net.get_signature_runner(key)
        named = runner.get_input_details()
        if {d["index"] for d in named.values()} == {d["index"] for d in inputs.values()}:
            return named, runner.get_output_details()
    return inputs, outputs


def _stored(np: Any, value: Any, port: Answer) -> Any:
    scale, zero_point = port["quantization"]
    if np.issubdtype(port["dtype"], np.integer):
        limits = np.iinfo(port["dtype"])
        value = np.rint(value / np.float32(scale)) + zero_point if scale else value
        value = np.clip(value, limits.min, limits.max)
    return value.astype(port["dtype"]).reshape(port["shape"])


def _real(np: Any, value: Any, port: Answer) -> Any:
    scale, zero_point = port["quantization"]
    value = value[0] if value.ndim and value.shape[0] == 1 else value
    if scale and np.issubdtype(port["dtype"], np.integer):
        value = (value.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
    return np.array(value)


def _error(np: Any, found: Any, wanted: Any) -> float:
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return 1e30  # JSON has no infinity
    return float(np.abs(found - wanted).max() / (np.abs(wanted).max() or 1.0))


# Releases


def receive(app: str, release: str, token: str) -> Answer:
    """An empty releases/<id>.part to send to, or "" when the release is here and sound."""
    _own(app, token)
    folder = _folder(app, release)
    if os.path.isdir(folder):
        try:
            return dict(verify(app, folder), part="")
        except Refusal:
            if release == _target(app, "current"):
                raise
            shutil.rmtree(folder)
    os.makedirs(os.path.join(folder + ".part", "golden"))
    return {"part": folder + ".part"}


def commit(app: str, release: str, token: str) -> Answer:
    """A verified .part becomes a release: every byte on the disk, the key pinned, then renamed."""
    _own(app, token)
    folder = _folder(app, release)
    found = verify(app, folder + ".part")
    if found["release"] != release:
        raise Refusal("bad-name", release=release)
    for place, _, names in os.walk(folder + ".part"):
        for name in names:
            _sync(os.path.join(place, name))
        _sync(place)
    if not os.path.exists(os.path.join(app, "trusted_key")):
        _write(os.path.join(app, "trusted_key"), found["key"])
    os.rename(folder + ".part", folder)
    _sync(os.path.dirname(folder))
    return found


def activate(app: str, release: str, token: str) -> Answer:
    """Switch `current`, and remember what was; `take_back` undoes it."""
    _own(app, token)
    verify(app, _folder(app, release))
    was, before = _target(app, "current"), _target(app, "previous")
    if release != was:
        _point(app, "previous", was)
        _point(app, "current", release)
    return {"was": was, "before": before}


def take_back(app: str, was: str, before: str, token: str) -> Answer:
    """`current` and `previous` as they were before `activate`."""
    _own(app, token)
    _point(app, "current", was)
    _point(app, "previous", before)
    return {}


def discard(app: str, release: str, token: str) -> Answer:
    """Remove a release or a .part; never what `current` points to."""
    _own(app, token)
    folder = _folder(app, release)
    if release == _target(app, "current"):
        raise Refusal("in-use", release=release)
    shutil.rmtree(folder, ignore_errors=True)
    return {}


def prune(app: str, keep: str, token: str) -> Answer:
    """Keep the newest releases, and always `current` and `previous`."""
    _own(app, token)
    kept = {_target(app, "current"), _target(app, "previous")}
    others = [release for release in _releases(app) if release not in kept]
    removed = others[max(0, int(keep) - len(kept - {""})) :]
    for release in removed:
        shutil.rmtree(_folder(app, release))
    return {"removed": removed}


def recover(app: str, token: str) -> Answer:
    """Clear what a crash left behind, and say whether `current` is sound."""
    _own(app, token)
    parts = [n for n in os.listdir(os.path.join(app, "releases")) if n.endswith(".part")]
    for name in parts:
        shutil.rmtree(_folder(app, name))
    for name in ("current.new", "previous.new", "lock.new", "trusted_key.new"):
        if os.path.lexists(os.path.join(app, name)):
            os.remove(os.path.join(app, name))
    current = _target(app, "current")
    if current:
        verify(app, _folder(app, current))
    return {"removed": parts, "current": current}


def status(app: str) -> Answer:
    """The releases, newest first, what is live, what was before, and who holds the lock."""
    found = []
    for release in _releases(app):
        folder = _folder(app, release)
        try:
            manifest = json.loads(_read(folder, "manifest.json").decode("utf-8"))
        except (Refusal, ValueError):
            manifest = {}
        sizes = [
            os.path.getsize(os.path.join(p, n)) for p, _, names in os.walk(folder) for n in names
        ]
        about = {name: manifest.get(name, "") for name in ("name", "scheme", "runtime")}
        found.append(dict(about, id=release, size_bytes=sum(sizes)))
    links = {link: _target(app, link) for link in ("current", "previous")}
    return dict(links, releases=found, locked_by=_lock_of(app).get("owner", ""))


def _releases(app: str) -> List[str]:
    names = os.listdir(os.path.join(app, "releases"))
    return sorted((n for n in names if not n.endswith(".part") and n[0] != "."), reverse=True)


COMMANDS = [stage, lock, unlock, verify, check, receive, commit]  # type: List[Any]
COMMANDS += [activate, take_back, discard, prune, recover, status]


def main(arguments: List[str]) -> int:
    """Run one command; its answer, or why not, is the last line of stdout."""
    try:
        command = {command.__name__: command for command in COMMANDS}[arguments[0]]
        answer = dict({"ok": True}, **command(*arguments[1:]))
    except Refusal as refusal:
        answer = refusal.answer
    except OSError as error:
        answer = {"ok": False, "code": "os-error", "errno": error.errno, "words": str(error)}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        answer = {"ok": False, "code": "malformed", "words": repr(error)[:300]}
    print(json.dumps(answer))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
