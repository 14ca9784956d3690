"""The command line: one verb a question. Commands load when they are called, never for ``--help``."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from forkpoint import __version__
from forkpoint.errors import ForkpointError, InputError, UnknownName

COMMANDS: dict[str, tuple[str, str, str]] = {
    # verb: (section, module:attribute, one line of help)
    "chips": ("What is known", "catalog:chips", "List accelerators: vendor, country, status, segment."),
    "chip": (
        "What is known",
        "chip:chip",
        "One accelerator: every figure with source, rivals, legal metrics.",
    ),
    "events": ("What is known", "catalog:events", "The dated legal and political events."),
    "claims": ("What is known", "catalog:claims", "The article's claims against the evidence."),
    "data": ("What is known", "data:data", "Check data files against the catalogue's schema."),
    "check": ("The law", "law:check", "Does a chip need a licence, on a day, and why?"),
    "timeline": ("The law", "law:timeline", "One chip through all versions of the law."),
    "matrix": ("The law", "law:matrix", "All chips on all versions of the law."),
    "diff": ("The law", "law:diff", "What changed between two days, and for which chips."),
    "derive": ("The law", "design:derive", "The best chip that the law allows, from a base chip."),
    "headroom": ("The law", "design:headroom", "How far a chip is from every line of the law."),
    "predict": ("The machine", "perf:predict", "Time, rate, memory, cost of a model on chips; or of a CSV of rows."),
    "plan": ("The machine", "perf:plan", "The best training plan over the whole grid of parallelism."),
    "fit-perf": ("The machine", "perf:fit_perf", "Fit the efficiency parameters, judged on sources left out."),
    "models": ("The machine", "workloads:models", "List language models: parameters, cache, arithmetic a token."),
    "model": ("The machine", "workloads:model", "One model, by name or config.json, as a workload."),
    "compare": ("The machine", "equivalence:compare", "How many of one chip do the work of another."),
    "run": ("The world", "world:run", "Run scenarios from 2019 to 2035 and compare them."),
    "scenarios": ("The world", "world:scenarios", "List scenarios, each with its question."),
    "levers": ("The world", "world:levers", "List levers and loop switches: range, value, source."),
    "explain": ("The world", "world:explain", "Why a variable is what it is: inputs, sources, loops."),
    "equations": ("The world", "world:equations", "List the equations of the model."),
    "loops": ("The world", "world:loops", "The feedback loops: path, switch, what they do."),
    "calibrate": ("How sure", "uncertainty:calibrate", "Fit the world to what was known on a day."),
    "ensemble": ("How sure", "ensemble:ensemble", "Scenarios over many draws: ranges and differences."),
    "hindcast": ("How sure", "uncertainty:hindcast", "The past again, beside every observation."),
    "score": ("How sure", "uncertainty:score", "Score forecasts against what came later."),
    "sensitivity": ("How sure", "sensitivity:sensitivity", "What an answer's spread comes from; facts that shrink it."),
    "premises": ("How sure", "premises:premises", "Rival premises side by side, and which make them differ."),
    "decide": ("How sure", "decision:decide", "Policies over the same futures: regret, good enough."),
    "discover": ("How sure", "discovery:discover", "In which futures something happens, as a box."),
    "report": ("The whole", "report:report", "The main job: one HTML report and a summary."),
}
"""Every command. A line here is all that a new command needs to be found."""

LISTS: dict[str, str] = {
    # kind of an unknown name: where all the names are
    "accelerator": "'forkpoint chips' lists them",
    "accelerator, system or HBM stack": "'forkpoint chips' lists accelerators",
    "language model": "'forkpoint models' lists them; a Hugging Face config.json works too",
    "cluster": "docs/performance-model.md lists them; a YAML file works too",
    "scenario": "'forkpoint scenarios' lists them",
    "lever": "'forkpoint levers --all' lists them",
    "variable": "'forkpoint equations' lists them",
    "stock, flow, auxiliary or series": "'forkpoint equations' lists them",
    "country": "two capital letters such as CN, or the country's name",
}


def _finite(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """The number of an option; click itself lets NaN and infinity through every range."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise InputError(f"{parameter.opts[-1]}: {number} is not a finite number")
    return value


class _ReaderGone(Exception):
    """The program that read our output has closed the pipe: it has what it wanted."""


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would exit 1
            raise _ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            unknown = str(UnknownName("command", cmd_name, COMMANDS))
            raise click.UsageError(unknown + ("" if unknown.endswith("?") else "; 'forkpoint --help' lists them"))
        module, attribute = COMMANDS[cmd_name][1].split(":")
        command = getattr(import_module(f"forkpoint.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        for parameter in command.params:
            if isinstance(parameter.type, click.types.FloatParamType) and parameter.callback is None:
                parameter.callback = _finite
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, (section, _, line) in COMMANDS.items():
            sections.setdefault(section, []).append((name, line))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit: 0 answered; 1 a documented "no", a failed check or an optional part not installed;
2 bad input, or a file that cannot be read or written; 130 stopped.
forkpoint informs; it is not legal advice.""",
)
@click.version_option(__version__, prog_name="forkpoint")
def forkpoint() -> None:
    """Where one AI stack becomes two: an open, executable model of AI chips under export controls.

    \b
    forkpoint check H20 --to CN --on 2025-04-10        does it need a licence, and why
    forkpoint compare H20 910C --with H100 --model deepseek-v3
    forkpoint run as-it-was                            the whole system, 2019 to 2035
    """


def main() -> None:
    """Run the command line; whatever goes wrong is one sentence on stderr, never a traceback.

    Exit codes: 0 answered (also when the reader of a pipe has closed it), 1 a documented "no", a failed check or an
    optional part that is not installed, 2 bad input or a file that cannot be read or written, 130 stopped.
    """
    # one answer multiplies small matrices: a BLAS thread for every core costs more to start than it can save
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = forkpoint.main(standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave("stopped", 130)
    except click.ClickException as error:
        error.show()
        _leave("", 2)
    except ForkpointError as error:
        _leave(f"forkpoint: {error}{_where_to_look(error)}", 2 if isinstance(error, InputError) else 1)
    except _ReaderGone:
        _leave("", 0)
    except OSError as error:
        if error.errno == errno.EPIPE:
            _leave("", 0)
        _leave(f"forkpoint: {_in_words(error)}", 2)
    sys.exit(code if isinstance(code, int) else 0)


def _where_to_look(error: ForkpointError) -> str:
    """Where the valid names are, if ``error`` is about one that is unknown."""
    listing = LISTS.get(error.kind) if isinstance(error, UnknownName) else None
    if not listing:
        return ""
    return f" {listing}" if str(error).endswith("?") else f"; {listing}"


def _in_words(error: OSError) -> str:
    """An error of the system as a sentence that names the file, where there is one."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else f"cannot write the answer: {reason}"


def _leave(message: str, code: int) -> NoReturn:
    """Say ``message`` and exit; what a closed or full output cannot take is dropped without another complaint."""
    if message:
        print(message, file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # an output that is no file has no number
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
