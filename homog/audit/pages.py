"""An audit as files: one HTML page, the same as Markdown, a CSV per table, figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homog.analysis import Frame
from homog.audit import figures, words
from homog.audit.choices import BASES, counted
from homog.audit.tables import Audit
from homog.files import replacing
from homog.report import layout, pages, plots

PRINTED = 8  # lines of a kind in the terminal
LISTED = 30  # rows of a table on the page; its CSV has all
DRAWN = ("failure_distribution", "agreement", "agreement_accuracy", "market_share", "tasks")
PARTS = (
    ("Who fails what", ("error_rates", "measures", "failure_distribution", "diversity")),
    ("Who is failed by every model", ("groups", "systemic_failures", "group_errors")),
    ("Several decisions about the same people", ("across_tasks", "group_homogenization")),
    ("Is it the sharing?", ("sharing", "market", "market_models")),
    ("Who fails alike", ("regression", "clustering", "order", "pairs")),
)


def write(audit: Audit, folder: Path) -> str:
    """Write report.html, report.md, tables/ and figures/ in `folder`; the text for the terminal."""
    drawn = figures.figures(audit)
    page = context(audit, {name: figure for name, (figure, _) in drawn.items()}, {n: c for n, (_, c) in drawn.items()})
    kept = [path for name, (figure, _) in drawn.items() for path in plots.save(figure, folder / "figures" / name)]
    for name, frame in audit.tables.items():
        _save(folder / "tables" / f"{name}.csv", csv(frame))
    for kind in DRAWN:  # what an earlier audit drew here and this one does not
        for path in set((folder / "figures").glob(f"{kind}*.p[dn][fg]")) - set(kept):
            path.unlink()
    _save(folder / "report.html", pages.rendered("audit.html.j2", page))
    _save(folder / "report.md", pages.rendered("audit.md.j2", page))
    return terminal(page, folder)


def csv(frame: Frame) -> str:
    """As the reports of studies, but fast for a million pairs: numbers are written here."""
    numbers = frame.select_dtypes("float").columns
    written = {name: [f"{value:.6g}" if value == value else "" for value in frame[name].tolist()] for name in numbers}
    return pages.csv(frame.assign(**written))


def context(audit: Audit, drawn: dict[str, Any], captions: dict[str, str]) -> dict[str, Any]:
    """What the pages say."""
    tables = audit.tables
    parts = [(name, [_table(one, tables[one]) for one in names if len(tables[one])]) for name, names in PARTS]
    return {
        "title": headline(audit),
        "sources": "; ".join(audit.sources),
        "findings": words.findings(audit),
        "groups": groups(tables["groups"]),
        "regression": regression(tables["regression"]),
        "caveats": caveats(audit),
        "figures": drawn,
        "captions": captions,
        "parts": [(name, found) for name, found in parts if found],
        "notes": words.shown(tables["notes"], LISTED),
        "more_notes": max(0, len(tables["notes"]) - LISTED),
        "how": words.HOW.replace("95 %", f"{100 * audit.settings.level:g} %"),
    }


def _table(name: str, frame: Frame) -> dict[str, Any]:
    return {"name": name, "frame": words.shown(frame, LISTED), "rows": len(frame), "listed": min(LISTED, len(frame))}


def caveats(audit: Audit) -> list[str]:
    """What nothing here can tell: bases that every model shares, tasks without a market-share curve and why."""
    notes = audit.tables["notes"]
    rows = notes[(notes["what"] == "constant column") & notes["subject"].isin(BASES)]
    lines = [f"{row['subject']} is {row['detail']}" for _, row in rows.iterrows()]
    reasons = {one.market.reason: [] for one in audit.sections if one.market.reason}
    for one in audit.sections:
        reasons.get(one.market.reason, []).append(one.ensemble.setting)
    return lines + [f"no market-share curve{_of(tasks)}: {reason}" for reason, tasks in reasons.items()]


def _of(tasks: list[str]) -> str:
    return f" of {layout.joined([layout.readable(task) for task in tasks])}" if all(tasks) else ""


def headline(audit: Audit) -> str:
    """'6 models on 400 examples', '9 models, 4 tasks, 96 people'."""
    models = {model for section in audit.sections for model in section.ensemble.models}
    models |= {model for family in audit.families for model in family.models}
    tasks = {task for family in audit.families for task in family.tasks} | {s.ensemble.setting for s in audit.sections}
    if tasks == {""}:
        return f"{counted(len(models), 'model')} on {counted(audit.sections[0].ensemble.n, 'example')}"
    people = [f"{counted(one.n, 'person').replace('persons', 'people')}" for one in audit.families]
    return ", ".join([counted(len(models), "model"), counted(len(tasks), "task"), *people])


def groups(frame: Frame) -> list[str]:
    """The groups that all models fail most often against everybody, where that is not chance."""
    rows = frame[(frame["holm"] < 0.05) & (frame["ratio"] > 1)] if len(frame) else frame
    rows = rows.sort_values("ratio", ascending=False, kind="stable").head(5) if len(rows) else rows
    return [
        f"{row['task'] + ', ' if 'task' in row else ''}{row['group']} {row['value_of_group']}: "
        f"{words.percent(row['value'])} {words.percents(row)} of {row['examples']:,}, "
        f"{words.significant(row['ratio'])} times everybody's (p {words.text(row['holm'], 'holm')} after Holm)"
        for _, row in rows.iterrows()
    ]


def regression(frame: Frame) -> list[str]:
    """What sharing an attribute goes with, in one line each, for the first outcome of each task."""
    lines = []
    if frame.empty:  # every task has one model
        return lines
    for task, rows in frame.groupby("task", sort=False) if "task" in frame else [("", frame)]:
        rows = rows[(rows["outcome"] == rows["outcome"].iloc[0]) & rows["term"].str.startswith("same_")]
        for _, row in rows.iterrows():
            about = f"{layout.readable(str(task))}: " if task else ""
            outcome, term = (layout.readable(row[name]).lower() for name in ("outcome", "term"))
            known = row["value"] == row["value"]
            p, plain = (words.text(row[name], "p") for name in ("p", "p_plain"))
            numbers = f"{words.spread(row)} (p {p} dyadic, {plain} plain)" if known else "not estimated"
            why = f", {row['reason']}" if row["reason"] else ""
            size = f"{row['pairs']:,} pairs of {row['models']:,} models"
            lines.append(f"{about}{term}, change in {outcome}: {numbers}{why}; {size}")
    return lines


def terminal(page: dict[str, Any], folder: Path) -> str:
    """What is printed."""
    lines = [f"Audit of {page['title']} ({page['sources']})", ""]
    lines += [f"{one.name}: {one.verdict.upper()}\n  {one.detail}" for one in page["findings"]]
    lines += [f"note: {text}" for text in page["caveats"]]
    lines += _capped("failed by every model most often:", page["groups"])
    lines += _capped("agreement of pairs and what they share:", page["regression"])
    if len(page["notes"]):
        lines += ["", "excluded or worth knowing:", layout.aligned(page["notes"])]
        lines += [f"and {page['more_notes']} more in tables/notes.csv"] if page["more_notes"] else []
    lines += ["", f"report: {folder / 'report.html'}"]
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")


def _capped(heading: str, lines: list[str]) -> list[str]:
    more = [f"  and {len(lines) - PRINTED} more in the report"] if len(lines) > PRINTED else []
    return ["", heading, *(f"  {line}" for line in lines[:PRINTED]), *more] if lines else []


def _save(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
