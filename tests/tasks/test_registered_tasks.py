"""Every registered task on its real source."""

import time
from functools import cache

import numpy as np
import pytest

from homog import sources
from homog.inputs import images
from homog.inputs.reader import content
from homog.tasks import TASKS, adult, compas
from homog.tasks.table import Table
from homog.tasks.task import Task
from homog.variants import CONF, variant

PUBLIC = [name for name, kind in TASKS.items() if kind is not Table]  # a table is the user's
SHEET = (CONF.parent / "docs" / "datasheet.md").read_text()
FAMILIES = {"adult": adult.TARGETS, "compas": compas.TARGETS}


@cache
def loaded(name: str) -> Task:
    kind = variant("task", name)
    if not all(map(sources.obtainable, kind.sources)):
        pytest.skip("its images come from an index that cannot be asked here")
    sources.fetch(kind.sources)
    return kind.load()


def test_every_task_has_its_configuration():
    assert sorted(TASKS) == sorted(path.stem for path in (CONF / "task").glob("*.yaml"))
    assert [variant("task", name).name for name in TASKS] == list(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_configurations_are_short_and_open_with_what_to_expect(name):
    lines = (CONF / "task" / f"{name}.yaml").read_text().splitlines()
    assert len(lines) <= 12 and lines[0].startswith("# ") and "accuracy" in lines[0]


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLIC)
def test_examples_are_whole(name):
    task = loaded(name)
    assert task.name == name
    for examples in (task.train, task.test):
        assert list(examples)[:4] == ["example", "person", "input", "label"]
        assert int(examples.isna().to_numpy().sum()) == 0
        assert set(examples["label"]) == set(range(len(task.label_names)))
        assert examples["example"].is_unique
        if task.modality == "image":
            assert all(image.dtype == np.uint8 and image.shape == (64, 64, 3) for image in examples["input"])
        else:
            assert all(type(text) is str and text and text == text.strip() for text in examples["input"].tolist())
    least = {"emoji": (500, 240), "caption": (600, 300)}.get(task.family or task.modality, (600, 400))
    assert len(task.train) >= least[0] and len(task.test) >= least[1]
    assert len(set(task.label_names)) == len(task.label_names)


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLIC)
def test_the_datasheet_says_what_there_is(name):
    task = loaded(name)
    (row,) = [line for line in SHEET.partition("## Backbones")[0].splitlines() if line.startswith(f"| `{name}` |")]
    modality, train, test, classes, majority, groups, source = [part.strip() for part in row.split("|")[3:-1]]
    most = task.test["label"].value_counts(normalize=True).max()
    assert (modality, train, test) == (task.modality, f"{len(task.train):,}", f"{len(task.test):,}")
    assert (int(classes), majority) == (len(task.label_names), f"{most:.2f}")
    assert groups == (", ".join(list(task.test)[4:]) or "-")
    assert source == (", ".join(f"`{each}`" for each in variant("task", name).sources) or "scikit-learn")


def test_the_datasheet_names_the_licence_of_every_source():
    named = SHEET.partition("## Sources and licences")[2]
    assert all(f"| `{source}` | " in named for source in sources.WHEELS)


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLIC)
def test_train_and_test_share_nothing(name):
    task = loaded(name)
    for column in ("example", "person", "input"):
        train, test = (
            {given.casefold() if isinstance(given, str) else content(given) for given in frame[column]}
            for frame in (task.train, task.test)
        )
        assert not train & test
        if column != "person" or task.family != "emoji":  # a drawn person is there in six tones
            assert len(train) + len(test) == len(task.train) + len(task.test)


@pytest.mark.real
def test_documents_and_clauses_are_on_one_side():
    amazon, privacy = loaded("amazon_sentiment"), loaded("privacy_relevance")
    reviews = [set(frame["example"].str.rsplit("_", n=1).str[0]) for frame in (amazon.train, amazon.test)]
    clauses = [set(frame["input"].str.split("? ", n=1, regex=False).str[1]) for frame in (privacy.train, privacy.test)]
    assert not reviews[0] & reviews[1] and not clauses[0] & clauses[1]


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLIC)
def test_loading_is_deterministic_and_quick(name):
    first = loaded(name)
    for family in (adult, compas):
        family._persons.cache_clear()
    images.drawings.cache_clear()
    start = time.process_time()
    second = variant("task", name).load()
    spent = time.process_time() - start
    draws = images.drawings.cache_info().currsize > 0  # captions of drawings are cut from the sheet as images are
    assert spent < (8 if draws else 4)  # seconds; a third of it on a CPU of today
    for part, again in ((first.train, second.train), (first.test, second.test)):
        assert part.drop(columns="input").equals(again.drop(columns="input"))
        assert [*map(content, part["input"])] == [*map(content, again["input"])]


@pytest.mark.real
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_decides_about_the_same_persons(family):
    tasks = [loaded(f"{family}_{target}") for target in FAMILIES[family]]
    columns = ["example", "person", "sex", "race", "age"]
    for task in tasks:
        assert task.family == family
        assert task.train[columns].equals(tasks[0].train[columns])
        assert task.test[columns].equals(tasks[0].test[columns])
        assert task.sample(60, 40, 1).train["person"].equals(tasks[0].sample(60, 40, 1).train["person"])


@pytest.mark.real
def test_sentences_withhold_what_they_are_to_tell():
    withheld = {
        "adult_income": "earns|thousand",
        "adult_married": "married|divorced|separated|widowed|husband|wife",
        "adult_white_collar": "clerk|manager|in sales|professional,|technical|craft",
        "adult_long_hours": "full time|part time|overtime|long hours",
        "compas_two_year_recid": "risk|score|recid|again",
        "compas_high_score": "risk|score|recid|again",
        "compas_violent_score": "risk|score|recid|again",
        "compas_has_priors": "prior offence|juvenile record",
    }
    for name, words in withheld.items():
        texts = loaded(name).train["input"]
        # A charge may itself speak of a prior conviction or of culpable risk; it names no score.
        assert not texts.str.replace("charged with the [^,]*", "", regex=True).str.contains(words).any(), name


@pytest.mark.real
def test_pinned_examples():
    trec = loaded("trec")
    text, label = {row[0]: row[2:4] for row in trec.train.itertuples(index=False)}["trec-5778"]
    assert (text, trec.label_names[label]) == ("How many bones are there in the human hand ?", "NUM")
    assert loaded("sms_spam").label_names == ("ham", "spam")
