"""The command line: which command, which options, which exit code."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from edgekiln import __version__, assets
from edgekiln.child import StepFailed
from edgekiln.cli import boxes, candidates, data, models, runtimes
from edgekiln.cli.output import Output
from edgekiln.cli.report import report as write_report
from edgekiln.cli.run import Runner, refused
from edgekiln.core.artifact import SCHEMES, SPECIAL_SCHEMES
from edgekiln.core.data import PRESETS, SOUND_PRESETS
from edgekiln.core.errors import UserError
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.plans import Goal
from edgekiln.core.reporting import FORMATS
from edgekiln.core.task import Decoder, Task
from edgekiln.core.workspace import Workspace, default_root

Command = Callable[[argparse.Namespace, Runner], int]
if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
FAILED, INTERRUPTED = 1, 130
_ENDINGS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def main(argv: Sequence[str]) -> int:
    """Run one command; 0 only on success."""
    arguments = parser().parse_args(argv)
    _widen(arguments.json)
    output = Output(assets.words(arguments.language), arguments.json)
    for number in _ENDINGS:
        signal.signal(number, signal.default_int_handler)  # tidied up as after Ctrl-C
    try:
        code = _run(arguments, output)
        sys.stdout.flush()
        return code
    except UserError as error:
        output.error(error)
    except StepFailed as failed:
        output.bug(failed)
    except BrokenPipeError:
        # the reader (head, less) has seen enough; nothing may be flushed into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        output.error(refused(error))
    except KeyboardInterrupt:
        output.end_progress()
        return INTERRUPTED
    return FAILED


def _widen(as_json: bool) -> None:
    """JSON is UTF-8 everywhere; for people a sign their terminal does not have becomes "?"."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
            if as_json and stream is sys.stdout:
                stream.reconfigure(encoding="utf-8")


def _run(arguments: argparse.Namespace, output: Output) -> int:
    root = (Path(arguments.workspace) if arguments.workspace else default_root()).absolute()
    Workspace(root)
    command: Command = arguments.command
    return command(arguments, Runner(root, output))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    top = argparse.ArgumentParser(
        prog="edgekiln",
        description="Trained TensorFlow models onto edge boxes, proven on the runtime the box has. "
        "Without a command the window opens.",
    )
    _add_common(top)
    top.set_defaults(json=False, workspace="", language=assets.system_language())
    top.add_argument("--version", action="version", version=f"edgekiln {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_conversions(commands, common)
    _add_quantize(commands, common)
    _add_measures(commands, common)
    _add_results(commands, common)
    _add_runtimes(commands, common)
    _add_boxes(commands, common)
    _add_demo(commands, common)
    return top


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Options that may stand before or after the command."""
    parser.add_argument("--json", action="store_true", help="pure JSON on stdout")
    parser.add_argument("--workspace", metavar="FOLDER", help="where results are kept")
    parser.add_argument("--language", choices=assets.LANGUAGES)


def _command(
    commands: Subparsers, common: argparse.ArgumentParser, name: str, help_: str, run: Command
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, parents=[common], help=help_, description=help_)
    command.set_defaults(command=run)
    return command


def _pass_options(parser: argparse.ArgumentParser) -> None:
    asked = ", ".join(info.name for info in FUSION_PASSES if info.asked)
    parser.add_argument("--skip", nargs="+", action="extend", default=[], metavar="PASS")
    parser.add_argument(
        "--with",
        nargs="+",
        action="extend",
        default=[],
        metavar="PASS",
        dest="extra",
        help=f"passes that are off unless asked for: {asked}",
    )
    parser.add_argument(
        "--leave",
        nargs="+",
        action="extend",
        default=[],
        metavar="PASS@TENSOR",
        help="single places to leave as they are, named as “fuse --groups” lists them",
    )


def _add_conversions(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    inspect = _command(commands, common, "inspect", "say what a model is", models.inspect)
    inspect.add_argument("model", metavar="MODEL")

    fuse = _command(commands, common, "fuse", "convert and fuse, proven equal", models.fuse)
    _model_options(fuse, "model", "MODEL")
    fuse.add_argument("-o", "--out", required=True, metavar="OUT.tflite")
    fuse.add_argument("--data", metavar="D", help="samples to prove equality on")
    _pass_options(fuse)
    fuse.add_argument("--groups", action="store_true", help="list each place and its state")
    fuse.add_argument(
        "--time-tensorflow", action="store_true", help="time the source model, plain and with XLA"
    )


def _add_quantize(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    quantize = _command(
        commands, common, "quantize", "make candidates, gate and judge them", candidates.quantize
    )
    _model_options(quantize, "model", "MODEL")
    quantize.add_argument("--calibration", metavar="D", help="default: random numbers, no accuracy")
    quantize.add_argument("--evaluation", metavar="D")
    quantize.add_argument(
        "--split", type=float, metavar="SHARE",
        help="calibrate on this share of --calibration, evaluate on the rest",
    )  # fmt: skip
    quantize.add_argument("--target", default="this-computer", metavar="PROFILE")
    schemes = (*SCHEMES, *SPECIAL_SCHEMES)
    quantize.add_argument("--scheme", nargs="+", action="extend", choices=schemes, metavar="S")
    _pass_options(quantize)
    _judging_options(quantize)
    quantize.add_argument("--max-drop", type=float, default=0.01, metavar="FRACTION")
    quantize.add_argument(
        "--agree", type=float, metavar="FRACTION", help="answers as the float model's, for 0.99"
    )
    quantize.add_argument("--goal", choices=get_args(Goal), default="size")
    quantize.add_argument(
        "--keep", action="append", default=[], metavar="TENSOR=PRECISION", help="not in int8"
    )
    quantize.add_argument(
        "--minutes", type=float, default=3.0, help="for the search of operators to keep; 0: none"
    )
    quantize.add_argument(
        "--calibration-file", metavar="FILE.npz", help="ranges that an earlier run left"
    )
    quantize.add_argument("--cluster", default="", metavar="ADDRESS", help="a Dask scheduler")
    quantize.add_argument("-o", "--out", required=True, metavar="DIR")


def _add_measures(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    evaluate = _command(commands, common, "evaluate", "measure on data", models.evaluate)
    _model_options(evaluate, "artifact", "ARTIFACT")
    evaluate.add_argument("--against", metavar="MODEL")
    evaluate.add_argument("--data", required=True, metavar="D")
    evaluate.add_argument("--runtime", metavar="R", default="litert", help="see “runtime list”")
    _judging_options(evaluate)
    evaluate.add_argument(
        "--slice", action="append", metavar="BY", help="figures by class, size or a column"
    )

    check = _command(commands, common, "check-data", "say what data is like", data.check_data)
    check.add_argument("data", metavar="D")
    check.add_argument("--evaluation", metavar="D", help="data to compare it with")
    check.add_argument("--labels", metavar="FILE", help="the model's classes, one a line")


def _add_results(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    pack = _command(commands, common, "pack", "sign a candidate for a box", candidates.pack)
    pack.add_argument("folder", metavar="DIR", help="what “quantize -o DIR” made")
    pack.add_argument("--scheme", metavar="S", help="default: the recommended one")
    pack.add_argument("--data", metavar="D", help="golden inputs; default: the calibration data")
    pack.add_argument("--name", default="model", metavar="NAME")
    pack.add_argument("-o", "--out", metavar="BUNDLE.zip")

    report = _command(commands, common, "report", "what was measured, as files", write_report)
    report.add_argument("folder", metavar="DIR", help="what “quantize -o DIR” made")
    report.add_argument(
        "-o", "--out", nargs="+", action="extend", default=[], metavar="FILE",
        help=".html, .pdf, .csv, .json by its suffix; without one a folder of TensorBoard's events",
    )  # fmt: skip
    for form in FORMATS:
        option = f"--as-{form}" if form == "json" else f"--{form}"
        report.add_argument(option, dest=f"as_{form}", metavar="FILE")
    report.add_argument("--model", metavar="MODEL", help="default: where it was when quantized")
    report.add_argument("--bundle", metavar="BUNDLE.zip", help="adds its signature")


def _model_options(command: argparse.ArgumentParser, name: str, metavar: str) -> None:
    command.add_argument(name, metavar=metavar)
    command.add_argument("--signature", default="", metavar="KEY")
    command.add_argument("--pin", action="append", default=[], metavar="NAME=1,224,224,3")
    names = ["none", *(preset.name for preset in (*PRESETS, *SOUND_PRESETS))]
    command.add_argument("--preprocessing", choices=names, help="default: found on labelled data")


def _judging_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--task", choices=get_args(Task), help="default: told by data and outputs")
    command.add_argument(
        "--decoder", choices=get_args(Decoder), help="how a detector's boxes are read"
    )


def _add_runtimes(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    runtime = commands.add_parser("runtime", help="add | list runtimes to try candidates on")
    verbs = runtime.add_subparsers(required=True, metavar="VERB")
    add = _command(verbs, common, "add", "install a release of a runtime", runtimes.add)
    add.add_argument("runtime", metavar="RUNTIME", help="for example “tflite-runtime 2.11.0”")
    add.add_argument("--python", required=True, metavar="PATH", help="a Python it has a wheel for")
    add.add_argument("--wheels", metavar="FOLDER", help="wheels to install from, without network")
    _command(verbs, common, "list", "all runtimes of this computer", runtimes.list_runtimes)


def _add_boxes(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    device = commands.add_parser("device", help="add | probe | list | remove boxes")
    verbs = device.add_subparsers(required=True, metavar="VERB")
    add = _command(verbs, common, "add", "add a box and pin its host key", boxes.add)
    add.add_argument("name", metavar="NAME")
    add.add_argument("--host", required=True)
    add.add_argument("--port", type=int, default=22)
    add.add_argument("--user", required=True)
    add.add_argument("--key", metavar="FILE", help="private key to log in with")
    add.add_argument("--profile", default="this-computer")
    add.add_argument("--fingerprint", default="", metavar="SHA256:…")
    add.add_argument("--password-stdin", action="store_true")
    probe = _command(verbs, common, "probe", "say what a box is", boxes.probe)
    probe.add_argument("device", metavar="NAME")
    probe.add_argument("--password-stdin", action="store_true")
    _command(verbs, common, "list", "the known boxes", boxes.list_devices)
    remove = _command(verbs, common, "remove", "forget a box", boxes.remove)
    remove.add_argument("device", metavar="NAME")

    push = _command(commands, common, "push", "bring a bundle live on a box", boxes.push)
    push.add_argument("bundle", metavar="BUNDLE")
    rollback = _command(commands, common, "rollback", "the release before", boxes.rollback)
    status = _command(commands, common, "status", "what is on a box", boxes.show_status)
    for command in (push, rollback, status):
        command.add_argument("--device", required=True, metavar="NAME")
        command.add_argument("--password-stdin", action="store_true")
        command.add_argument(
            "--app", default="edgekiln", help="releases of one app replace each other"
        )
        command.add_argument("--keep", type=int, default=3, help="releases kept on the box")


def _add_demo(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    demo = _command(commands, common, "demo", "the whole way on the embedded sample", _demo)
    demo.add_argument("--report", metavar="FILE.html", default="edgekiln-demo.html")


def _demo(arguments: argparse.Namespace, run: Runner) -> int:
    from edgekiln.cli.demo import demo

    return demo(arguments, run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
