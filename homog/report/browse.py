"""Reports and records as pages on this machine: from a report to a model, and to the examples that flipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from homog import records, study, variants
from homog.config import ConfigError, build, files_digest
from homog.inputs.images import strip
from homog.report import layout, pages
from homog.study import kept, told
from homog.study.todo import exposed
from homog.wording import counted, line

ROWS = 50  # of a page
SETTINGS = ("kind", "backbone", "defect", "dose", "arm_seed", "adaptation", "task", "seed", "train")
COLUMNS = ("Example", "Clean input", "As exposed", "Label", "Clean prediction", "Exposed prediction")


@dataclass(frozen=True)
class Listing:
    """A page of a long table; `query` goes before the number of another page of it."""

    title: str
    lead: str
    columns: tuple[str, ...]
    rows: list[Any]
    number: int
    pages: int
    query: str = ""
    find: str = ""


@dataclass(frozen=True)
class Examples(Listing):
    """The examples of one model under a condition. `conditions`: (name, how it reads); `other`: the other choice."""

    condition: str = ""
    conditions: list[tuple[str, str]] = field(default_factory=list)
    said: str = ""
    all: bool = False
    other: str = ""


def cells(results: Path, find: str, number: int) -> Listing:
    """The records of a folder whose settings hold the words of `find`, with their accuracy on clean inputs."""
    there = _rows(results)
    words = find.lower().split()
    every = [(row["cell"], [_said(row[name]) for name in (*SETTINGS, "accuracy")]) for row in there]
    shown = [(cell, said) for cell, said in every if all(word in " ".join([cell, *said]).lower() for word in words)]
    rows, number, last = _paged(shown, number)
    columns = ("Model", *(layout.readable(name) for name in SETTINGS), "Accuracy")
    lead = f"{counted(len(shown), 'model')} with a record in {results}."
    query = urlencode({"find": find}) + "&" if find else ""
    return Listing("Adapted models", lead, columns, rows, number, last, query, find)


@cache
def _rows(results: Path) -> list[dict[str, Any]]:
    """The settings and the clean accuracy of every record; read once."""
    every = [row for record in kept.load(results).records.values() for row in kept.rows(record)]
    return [row for row in every if row["condition"] == records.CLEAN]


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _paged(rows: list[Any], number: int) -> tuple[list[Any], int, int]:
    """(the rows of that page, its number, how many there are); the last one for a number beyond."""
    last = max(1, -(-len(rows) // ROWS))
    number = min(max(number, 1), last)
    return rows[(number - 1) * ROWS : number * ROWS], number, last


def examples(
    results: Path, cell: str, condition: str, number: int, flipped: bool, files: Sequence[Path] = ()
) -> Examples:
    """The examples of a model under a condition (the first but clean without one), those that `flipped` alone or all.

    `files`: tables that tasks were made of, beside those of studies; no record says where a table was.
    Raises ConfigError for a model without a record, and for a condition that it has not.
    """
    try:
        record = records.load(results, cell)
    except FileNotFoundError:
        raise ConfigError(f"no record of {cell} in {results}") from None
    names = [name for name in record.conditions if not name.endswith(records.COUNTERPART)]
    condition = condition or (names[1] if len(names) > 1 else names[0])
    if condition not in names:
        raise ConfigError(f"condition {condition!r} of {cell}; valid: {', '.join(names)}")
    predictions, labels = record.under(condition), record.answers
    before, after = predictions.clean_class, predictions.exposed_class
    turned = predictions.applies & (before != after)
    inputs = shown(record, condition, files)
    chosen, number, last = _paged(np.flatnonzero(turned if flipped else np.ones_like(turned)).tolist(), number)
    rows = [
        {
            "example": record.examples[i],
            "before": _visible(inputs.get("before"), i),
            "after": _visible(inputs.get("after"), i),
            "label": labels[record.labels[i]],
            "clean": _answer(labels, predictions.clean[i]),
            "exposed": _answer(labels, predictions.exposed[i]) if predictions.applies[i] else "does not apply",
            "flipped": bool(turned[i]),
        }
        for i in chosen
    ]
    facts = record.provenance
    title = f"{facts['adaptation']} on {facts['task']}, {facts['kind']} {facts['backbone']}"
    planted = (
        f"{facts['defect']} at dose {facts['dose']:g}, backbone seed {facts['arm_seed']}; " if facts["defect"] else ""
    )
    lead = f"{cell}: {planted}{facts['n_train']} training examples, seed {facts['seed']}."
    said = (
        f"{turned.sum()} of {counted(int(predictions.applies.sum()), 'example')} are predicted otherwise when exposed."
    )
    if "problem" in inputs:
        said += f" Inputs are not shown: {inputs['problem']}."
    here = {"condition": condition}
    query = urlencode(here | {"flipped": int(flipped)}) + "&"
    other = urlencode(here | {"flipped": int(not flipped)})
    right = {row["condition"]: row["accuracy"] for row in kept.rows(record) if row["n"]}
    told_of = {name: f"accuracy {right[name]:.2f}" if name in right else "applies to none" for name in names}
    listed = [(name, f"{layout.readable(name)} ({told_of[name]})") for name in names]
    return Examples(title, lead, COLUMNS, rows, number, last, query, "", condition, listed, said, not flipped, other)


def _answer(labels: list[str], row: np.ndarray) -> str:
    """The likeliest class and its probability."""
    likely = int(row.argmax())
    return f"{labels[likely]} ({row[likely]:.2f})"


def shown(record: records.Record, condition: str, files: Sequence[Path] = ()) -> dict[str, Any]:
    """'before' and 'after': the inputs of a record's examples, clean and under a condition; else 'problem': why not."""
    facts = record.provenance
    try:
        task = _loaded(kind_of(record, files))
        task = task.sample(facts["sizes"]["train"], facts["sizes"]["test"], facts["seed"])
        defects = told.selected([record])[2]
        both = exposed(task, {condition: defects[condition]} if condition in defects else {})
    except (ConfigError, OSError) as error:
        return {"problem": line(error, None)}
    if list(task.test["example"]) != list(record.examples):
        return {"problem": f"task {facts['task']} has other examples now"}
    clean = both.get(condition + records.COUNTERPART, both[records.CLEAN])
    return {"before": clean, "after": both.get(condition, [None] * len(clean))}


def kind_of(record: records.Record, files: Sequence[Path] = ()) -> Any:
    """The task of a record: a registered one, or a table, of a study or among `files`, with the content that it had.

    Raises ConfigError where it is not known here.
    """
    name = record.provenance["task"]
    content = (record.provenance.get("cell") or {}).get("task") or {}
    if "content" not in content:
        if name not in variants.registry("task"):
            raise ConfigError(f"task {name} is not known here")
        return told.built("task", name, content, record.cell)
    of_studies = [study.load(each).tables.get(name, {}) for each in study.names()]
    there = [*files, *(Path(fields[key]) for fields in of_studies for key in ("path", "test") if key in fields)]
    found = {files_digest(path): str(path) for path in there if path.exists()}
    if content["content"] not in found:
        raise ConfigError(f"the table of task {name} is not known here; name it: --tables FILE")
    said = {"name": name, "path": found[content["content"]]}
    held_out = {"test": found.get(content["test"], content["test"])} if content.get("test") else {}
    kind = variants.registry("task")["csv"]
    return build(kind, kind.told(content) | said | held_out, "task")


@lru_cache(maxsize=4)
def _loaded(kind: Any) -> Any:
    """The task, for the pages of one model after each other."""
    return kind.load()


def _visible(inputs: list[Any] | None, place: int) -> Any:
    """A text as it is, an image as one of the page."""
    from markupsafe import Markup

    given = None if inputs is None else inputs[place]
    if given is None or isinstance(given, str):
        return given or ""
    return Markup('<img alt="" width="64" src="data:image/png;base64,{}">').format(strip(given[None]))


def application(results: Path, files: Sequence[Path] = ()) -> Any:
    """The ASGI application: the folder of reports, /cells, and /cell/ID?condition=NAME for a model's examples.

    `files`: see `examples`.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    def page_number(request: Request) -> int:
        said = request.query_params.get("page", "1")
        return int(said) if said.isdecimal() else 1

    def listed(request: Request) -> Response:
        page = cells(results, request.query_params.get("find", ""), page_number(request))
        return HTMLResponse(pages.rendered("cells.html.j2", page))

    def one(request: Request) -> Response:
        asked = request.query_params
        try:
            condition, flipped = asked.get("condition", ""), asked.get("flipped", "1") != "0"
            page = examples(results, request.path_params["cell"], condition, page_number(request), flipped, files)
        except (ConfigError, records.RecordError) as error:
            return PlainTextResponse(str(error), 404)
        return HTMLResponse(pages.rendered("cell.html.j2", page))

    def home(_: Request) -> Response:
        return RedirectResponse("/index.html" if (results / "index.html").is_file() else "/cells")

    routes = [Route("/", home), Route("/cells", listed), Route("/cell/{cell}", one)]
    return Starlette(routes=[*routes, Mount("/", StaticFiles(directory=results))])


def serve(results: Path, port: int, files: Sequence[Path] = ()) -> None:
    """Serve the folder on this machine alone until Ctrl-C. Raises ConfigError without the server or the folder."""
    try:
        import uvicorn
    except ImportError:
        raise ConfigError("homog report --serve needs a server: pip install 'homog-inheritance[serve]'") from None
    if not results.is_dir():
        raise ConfigError(f"results={results}: no such folder; run a study first")
    for path in files:
        if not path.exists():
            raise ConfigError(f"--tables {path}: no such file")
    print(f"homog: reports and models at http://127.0.0.1:{port}/ and /cells; Ctrl-C ends it", flush=True)
    uvicorn.run(application(results, files), host="127.0.0.1", port=port, log_level="warning")
