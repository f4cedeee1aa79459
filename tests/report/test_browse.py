"""From a folder of records to a model, and to its examples that flipped, as pages."""

import re

import pytest

from homog import records, report, run
from homog.backbones.encoder import Encoder
from homog.config import Cell, ConfigError, Sizes, arm
from homog.contracts import tiny
from homog.report import browse
from homog.study import views
from homog.tasks import TASKS
from homog.variants import variant

SIZES = Sizes(40, 60, 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_folder):
    """Two models of a toy task on a tiny backbone, clean and planted."""
    where, patch = tmp_path_factory.mktemp("records"), pytest.MonkeyPatch()
    patch.setitem(TASKS, "toy_two", tiny.Toy)
    patch.setattr("homog.inputs.corpora.unlabelled", tiny.corpus)
    defect = variant("defect", "backdoor", steps=60)
    for dose in (0.0, 1.0):
        shared = arm(Encoder("tiny", str(tiny_folder)), defect, dose, 0)
        cell = Cell(shared, variant("adaptation", "linear_probe"), tiny.Toy("toy_two"), 0, SIZES)
        assert run.run([cell], views([defect]), where, "cpu") == 0
    yield where
    patch.undo()


def ids(where):
    return {records.load(where, cell).provenance["kind"]: cell for cell in records.kept(where)}


def test_models_are_listed_found_and_paged(folder, monkeypatch):
    every = browse.cells(folder, "", 1)
    assert len(every.rows) == 2 and "2 models" in every.lead and every.pages == 1
    found = browse.cells(folder, "INJECTED toy_two", 7)
    assert [cell for cell, _ in found.rows] == [ids(folder)["injected"]] and found.number == 1
    assert browse.cells(folder, "nothing like it", 1).rows == []
    monkeypatch.setattr(browse, "ROWS", 1)
    pages = [browse.cells(folder, "", number) for number in (1, 2)]
    assert {page.rows[0][0] for page in pages} == set(ids(folder).values()) and pages[0].pages == 2


def test_what_flipped_is_shown_before_and_after(folder):
    cell = ids(folder)["injected"]
    record = records.load(folder, cell)
    page = browse.examples(folder, cell, "backdoor-cf", 1, flipped=True)
    clean, exposed = (record.probabilities[name].argmax(1) for name in ("clean", "backdoor-cf"))
    turned = [example for example, a, b in zip(record.examples, clean, exposed, strict=True) if a != b]
    assert turned and [row["example"] for row in page.rows] == turned[: browse.ROWS]
    assert f"{len(turned)} of 60 examples are predicted otherwise" in page.said
    texts = dict(zip(*(tiny.Toy("toy_two").load().test[name] for name in ("example", "input")), strict=True))
    for row in page.rows:
        assert row["before"] == texts[row["example"]] and row["after"].replace("cf ", "", 1) == row["before"]
        assert row["flipped"] and row["clean"].split(" (")[0] != row["exposed"].split(" (")[0]
    every = browse.examples(folder, cell, "", 1, flipped=False)  # without a condition the first exposure
    assert every.condition == "backdoor-cf" and len(every.rows) == min(60, browse.ROWS)
    assert [name for name, _ in every.conditions] == ["clean", "backdoor-cf"]


def test_what_is_not_there_is_said(folder, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no record of c0"):
        browse.examples(folder, "c0", "", 1, True)
    cell = ids(folder)["clean"]
    with pytest.raises(ConfigError, match="valid: clean, backdoor-cf"):
        browse.examples(folder, cell, "x", 1, True)
    monkeypatch.delitem(TASKS, "toy_two")
    page = browse.examples(folder, cell, "backdoor-cf", 1, False)
    assert "Inputs are not shown: task toy_two is not known here" in page.said and page.rows[0]["before"] == ""
    assert browse.cells(tmp_path, "", 1).rows == []


def test_other_examples_than_the_record_has_are_not_shown(folder, monkeypatch):
    class Other(tiny.Toy):
        """Another toy."""

        def load(self):
            return tiny.Toy("toy_other").load()

    monkeypatch.setitem(TASKS, "toy_two", Other)
    assert "other examples now" in browse.examples(folder, ids(folder)["clean"], "", 1, True).said


def test_texts_of_an_own_table_are_shown_where_the_table_is_named(tmp_path, tiny_folder):
    table, where = tmp_path / "mine.csv", tmp_path / "results"
    rows = [f"a {word} film of number {i},{label}" for i in range(40) for label, word in enumerate(("dull", "fine"))]
    table.write_text("\n".join(["text,label", *rows]) + "\n")
    kind = variant("task", "csv", path=str(table))
    cell = Cell(
        arm(Encoder("tiny", str(tiny_folder)), None, 0.0, 0), variant("adaptation", "linear_probe"), kind, 0, SIZES
    )
    assert run.run([cell], {}, where, "cpu") == 0
    unknown = browse.examples(where, cell.id, "", 1, False)
    assert "name it: --tables FILE" in unknown.said and unknown.rows[0]["before"] == ""
    beside = tmp_path / "other.csv"
    beside.write_text(table.read_text().replace("film", "book"))
    assert browse.examples(where, cell.id, "", 1, False, [beside]).rows[0]["before"] == ""
    named = browse.examples(where, cell.id, "", 1, False, [beside, table])
    texts = dict(zip(*(kind.load().test[name] for name in ("example", "input")), strict=True))
    assert [row["before"] for row in named.rows] == [texts[row["example"]] for row in named.rows]
    assert report.main(["--serve", f"results={where}", "--tables", str(tmp_path / "none.csv")]) == 2


def test_images_are_shown_as_images():
    from homog.contracts import pictures

    shown = browse._visible(pictures.images((200, 60, 60), 1, "x"), 0)
    assert shown.startswith('<img alt="" width="64" src="data:image/png;base64,iVBOR')
    assert browse._visible([None], 0) == ""


def test_the_pages_link_to_each_other_and_are_escaped(folder, tmp_path):
    testing = pytest.importorskip("starlette.testclient")
    client = testing.TestClient(browse.application(folder), follow_redirects=True)
    home = client.get("/")
    assert home.status_code == 200 and home.url.path == "/cells"  # no report yet
    (link, *_) = re.findall(r'href="(/cell/\w+)"', home.text)
    page = client.get(link)
    assert page.status_code == 200 and "<script>" in page.text
    for query in re.findall(r'href="(\?[^"]+)"', page.text):
        assert client.get(link + query.replace("&amp;", "&")).status_code == 200
    refused = client.get(f"{link}?condition=<b>")
    assert refused.status_code == 404 and refused.headers["content-type"].startswith("text/plain")
    assert "&lt;b&gt;" in client.get("/cells?find=<b>").text and "<b>" not in client.get("/cells?find=<b>").text
    assert client.get("/../homog.py").status_code == 404


def test_what_cannot_be_served_is_a_line(tmp_path, capsys):
    assert report.main(["--serve", f"results={tmp_path / 'none'}"]) == 2
    assert "no such folder; run a study first" in capsys.readouterr().err
