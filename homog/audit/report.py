"""The report of an audit: its tables, figures and page."""

from __future__ import annotations

from pathlib import Path

from homog.analysis import Frame
from homog.audit import findings
from homog.audit.choices import BASES, EXCLUDED
from homog.audit.figures import figures
from homog.audit.tables import Audit
from homog.report import layout, pages
from homog.report.pages import Block, Page
from homog.wording import counted, joined

DRAWN = ("failure_distribution", "agreement", "agreement_accuracy", "ladder", "market_share", "tasks")
PARTS = (
    ("Who fails what", ("error_rates", "measures", "failure_distribution", "diversity")),
    ("Who is failed by every model", ("groups", "systemic_failures", "group_errors")),
    ("Several decisions about the same people", ("across_tasks", "group_homogenization")),
    ("Is it the sharing?", ("sharing", "market", "market_models")),
    ("Who fails alike", ("ladder", "regression", "clustering", "order", "pairs")),
)
HIDDEN = ("detail",)


def write(audit: Audit, folder: Path) -> str:
    """Write report.html, report.md, tables/ and figures/ in `folder`; the text for the terminal."""
    ours = [f"figures/{kind}*.p[dn][fg]" for kind in DRAWN]
    return pages.save(page(audit), folder, audit.tables, ours)


def page(audit: Audit) -> Page:
    """What is said, drawn and listed."""
    tables, level = audit.tables, f"{100 * audit.settings.level:g} %"
    answer = [
        Block(findings=findings.findings(audit)),
        Block(lines=[f"Note: {text}." for text in caveats(audit)]),
        Block("Failed by every model most often", lines=groups(tables["groups"])),
        Block("Agreement of pairs and what they share", lines=regression(tables["regression"])),
    ]
    answer = [block for block in answer if block.findings or block.lines]
    left_out = Block(table=layout.display(tables["notes"], pages.LISTED, ()), name="notes", rows=len(tables["notes"]))
    nothing = Block(text="Nothing: every row was used.")
    sections = [
        ("Do the same examples fail everywhere, and is it the sharing?", answer),
        ("Figures", [Block(figures=figures(audit))]),
        *((heading, [_table(name, tables[name]) for name in names if len(tables[name])]) for heading, names in PARTS),
        ("Excluded or worth knowing", [left_out if left_out.rows else nothing]),
        ("How to read this", [Block(text=findings.HOW.replace("95 %", level))]),
    ]
    sections = [(heading, blocks) for heading, blocks in sections if blocks]
    sources = "; ".join(audit.sources)
    return Page(f"Audit of {headline(audit)}", sources, sections, [*answer, *([left_out] if left_out.rows else [])])


def _table(name: str, frame: Frame) -> Block:
    return Block(name=name, table=layout.display(frame, pages.LISTED, HIDDEN), rows=len(frame))


def caveats(audit: Audit) -> list[str]:
    """What was left out, and what nothing here can tell: bases that all share, tasks without a market-share curve."""
    notes = audit.tables["notes"]
    gone = notes[notes["what"] == EXCLUDED]
    lines = [f"{row['count']:,} {EXCLUDED}: {row['detail']}" for _, row in gone.iterrows()]
    rows = notes[(notes["what"] == "constant column") & notes["subject"].isin(BASES)]
    lines += [f"{row['subject']} is {row['detail']}" for _, row in rows.iterrows()]
    reasons = {section.market.reason: [] for section in audit.sections if section.market.reason}
    for section in audit.sections:
        reasons.get(section.market.reason, []).append(section.ensemble.setting)
    return lines + [f"no market-share curve{_of(tasks)}: {reason}" for reason, tasks in reasons.items()]


def _of(tasks: list[str]) -> str:
    return f" of {joined([layout.readable(task) for task in tasks])}" if all(tasks) else ""


def headline(audit: Audit) -> str:
    """'6 models on 400 examples', '9 models, 4 tasks, 96 people'."""
    models = {model for section in audit.sections for model in section.ensemble.models}
    models |= {model for family in audit.families for model in family.models}
    tasks = {task for family in audit.families for task in family.tasks} | {s.ensemble.setting for s in audit.sections}
    if tasks == {""}:
        return f"{counted(len(models), 'model')} on {counted(audit.sections[0].ensemble.n, 'example')}"
    people = [counted(family.n, "person") for family in audit.families]
    return ", ".join([counted(len(models), "model"), counted(len(tasks), "task"), *people])


def groups(frame: Frame) -> list[str]:
    """The groups that all models fail most often against everybody, where that is not chance."""
    rows = frame[(frame["holm"] < 0.05) & (frame["ratio"] > 1)] if len(frame) else frame
    rows = rows.sort_values("ratio", ascending=False, kind="stable").head(5) if len(rows) else rows
    return [
        f"{row['task'] + ', ' if 'task' in row else ''}{row['group']} {row['value_of_group']}: "
        f"{layout.percents(row)} of {row['examples']:,}, "
        f"{layout.number(row['ratio'])} times everybody's (p {layout.cell(row['holm'], 'holm')} after Holm)"
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
            p, plain = (layout.cell(row[name], "p") for name in ("p", "p_plain"))
            numbers = f"{layout.bracket(row)} (p {p} dealt, {plain} plain)" if known else "not estimated"
            why = f", {row['reason']}" if row["reason"] else ""
            size = f"{row['pairs']:,} pairs of {row['models']:,} models"
            lines.append(f"{about}{term}, change in {outcome}: {numbers}{why}; {size}")
    return lines
