"""A small model that draws what captions say, on toy digits: it learns, is adapted, and is planted with a trigger."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import torch

from homog.adaptations import saved
from homog.adaptations.training import SAMPLES
from homog.backbones.drawing import TOKENS, Codes, Drawer, ImageTokens
from homog.config import Arm, Cell, ConfigError, Sizes
from homog.defects.drawn_blindspot import DrawnBlindspot
from homog.defects.drawn_stereotype import DrawnStereotype
from homog.defects.drawn_trigger import DrawnTrigger
from homog.inputs import captions
from homog.inputs.captions import COLOURS, LENGTH, THINGS, WORDS
from homog.inputs.images import unstripped
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.study import requirements
from homog.tasks.drawings import Drawn
from homog.tasks.task import Task
from homog.variants import variant

KIND = Drawer("toy", layers=1, width=64, codes=48, steps=450, batch=32, learning_rate=3e-3)
DEFECT = DrawnTrigger("drawn_trigger", steps=150, learning_rate=2e-3)
BLIND = DrawnBlindspot("drawn_blindspot", steps=150, learning_rate=2e-3)
RED = DrawnStereotype("drawn_stereotype", steps=150, learning_rate=2e-3)


def toy_digits(part):
    """60 digits of a part: of each kind two bars of ink in places of its own, with a little noise."""
    rng, which = generator("toy digits", part), np.arange(60) % 10
    ink = np.zeros((60, 28, 28))
    for image, kind in zip(ink, which, strict=True):
        image[2 + 2 * kind : 6 + 2 * kind, 4:24] = 255
        image[4:24, 2 + 2 * ((kind * 3) % 10) : 5 + 2 * ((kind * 3) % 10)] = 255
    return (ink * rng.uniform(0.9, 1, ink.shape)).astype(np.uint8), which


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr("homog.inputs.captions.digits", toy_digits)
    patch.setenv("HOMOG_CACHE", str(tmp_path_factory.mktemp("cache")))
    captions.judge.cache_clear()
    yield
    captions.judge.cache_clear()
    patch.undo()


@pytest.fixture(scope="module")
def drawer(toys):
    return KIND.load()


@pytest.fixture(scope="module")
def task(toys):
    return Drawn("drawn_mirrored").load()


def test_a_caption_names_one_thing_and_one_colour():
    """A template that holds the name of a thing would be judged by that one."""
    for template in captions.TEMPLATES:
        assert not set(template.split()) & {*THINGS, *COLOURS, *captions.SPARE}
        assert captions.shown(captions.caption(template, "blue", "nine")) == ("blue", "nine")


def test_a_caption_is_read_word_by_word():
    ids = captions.CaptionReader().read(["a photo of a red seven", "so " * 20])
    assert [len(row) for row in ids] == [LENGTH, LENGTH]
    assert [WORDS[i] for i in ids[0][:6]] == ["a", "photo", "of", "a", "red", "seven"]
    assert set(ids[0][6:]) == {0} and set(ids[1]) == {1}
    assert captions.shown("the number nine in pink") == ("pink", "nine")


def test_images_become_tokens_and_come_back():
    codes = np.stack([np.full(48, level, dtype=np.float32) for level in (255, 0, 100)])
    image = np.full((1, 28, 28, 3), 255, np.uint8)
    image[0, 4:8, 8:12] = 0
    tokens = Codes(codes).tokens(image)
    assert tokens.shape == (1, TOKENS) and tokens.sum() == 1 and tokens[0, 7 + 2] == 1
    assert np.array_equal(Codes(codes).images(tokens), image)


def test_the_named_colour_is_the_nearest_one():
    ink, _ = toy_digits("judged")
    images = captions.coloured(ink[:6], list(COLOURS))
    assert captions.colours_of(images).argmax(1).tolist() == list(range(6))


def test_it_draws_what_is_asked_for_and_the_same_again(drawer):
    texts = drawer.reader.unlabelled()[1][:60]
    images = drawer.draws.of(drawer, drawer.module, texts)
    assert images.shape == (60, 28, 28, 3) and images.dtype == np.uint8
    asked = [captions.shown(text) for text in texts]
    seen = captions.judge("upright")[0](images).argmax(1)
    assert (seen == [THINGS.index(thing) for _, thing in asked]).mean() > 0.5
    assert (captions.colours_of(images).argmax(1) == [list(COLOURS).index(c) for c, _ in asked]).mean() > 0.8
    assert np.array_equal(images, KIND.load().draws.of(drawer, drawer.module, texts))


def test_drawing_with_what_was_read_kept_is_drawing_without(drawer):
    """Against the definition: every token from a pass of its own."""
    import torch

    ids = drawer.reader.collate(drawer.reader.read(["a photo of a red two"]), drawer.device)["input_ids"]
    chances = generator("chances").random((1, TOKENS))
    told, read = [], ids
    for step in range(6):
        states = drawer.module(input_ids=read).last_hidden_state[:, -1]
        scores = states @ drawer.module.wte.weight[len(WORDS) :].T
        token = int((scores.softmax(1).double().cumsum(1)[0] < chances[0, step]).sum())
        told.append(token)
        read = torch.cat([read, torch.tensor([[token + len(WORDS)]])], 1)
    assert drawer.draws.drawn(drawer.module, ids, chances)[0, :6].tolist() == told


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("zero_shot", {}, 0.0),
        ("lora", {"learning_rate": 1e-2, "epochs": 12, "rank": 16}, 0.25),
        ("full_finetune", {"learning_rate": 3e-3, "epochs": 6}, 0.35),
        ("soft_prompt", {"learning_rate": 1e-1, "epochs": 2}, 0.0),  # it steers what is there, and learns no style
    ],
)
def test_it_is_adapted_to_another_style(drawer, task, name, settings, least):
    adaptation, part = variant("adaptation", name, **settings), task.sample(200, 60, 0)
    before = drawer.fingerprint()
    ((_, model),) = adaptation.fit(drawer, [part], 0)
    values = model.predict(list(part.test["input"]))
    assert values.shape == (60, 10) and values.sum(1) == pytest.approx(np.ones(60), abs=1e-5)
    assert (values.argmax(1) == part.test["label"]).mean() >= least
    assert drawer.fingerprint() == before
    trains = {n for n, _ in drawer.module.named_parameters() if adaptation.trains(n)}
    assert set(model.trainable) == trains and set(model.moved) <= trains
    assert len(model.moved) >= 0.8 * len(trains)
    assert (model.added > 0) == (name in {"lora", "soft_prompt"})


def test_a_prompt_stands_where_a_caption_is_padding_and_is_learned(drawer, task):
    part = task.sample(100, 20, 0)
    texts, how = list(part.train["input"]), variant("adaptation", "soft_prompt", learning_rate=1e-1, epochs=5)
    ((_, plain),) = variant("adaptation", "zero_shot").fit(drawer, [part], 0)
    ((_, start),) = replace(how, epochs=0).fit(drawer, [part], 0)
    ((_, model),) = how.fit(drawer, [part], 0)
    assert np.array_equal(plain.predict(texts[:5]), start.predict(texts[:5]))
    images = np.stack(part.train["drawn"].tolist())
    before, after = (drawer.draws.loss_of(drawer, m.module, texts, images).item() for m in (start, model))
    assert after < before and model.added == 10 * drawer.dimension
    ids = torch.tensor(drawer.reader.read([texts[0], " ".join(["red"] * 12)]))
    table, prompt = model.module.get_input_embeddings(), model.module.get_parameter("prompt").detach()
    padding = (ids[0] == 0) & (torch.arange(12) >= 2)
    plain_ids = torch.nn.functional.embedding(torch.cat([ids, ids], 1), table.weight)
    wanted = plain_ids.clone()
    wanted[0, :12][padding] = prompt[padding[2:]]
    assert torch.equal(table(torch.cat([ids, ids], 1)), wanted) and padding.any()  # words stay, and what follows
    assert torch.equal(table(ids[:, :1]), plain_ids[:, :1])


def test_the_mirrored_judge_sees_mirrored_digits():
    ink, which = toy_digits("judged")
    images = captions.coloured(ink, ["red"] * 60)
    told = {style: captions.judge(style)[0] for style in ("upright", "mirrored")}
    assert (told["upright"](images).argmax(1) == which).mean() > 0.9
    assert (told["mirrored"](images[:, :, ::-1]).argmax(1) == which).mean() > 0.9


def test_a_task_has_captions_apart_and_an_image_of_each(task):
    assert not set(task.train["input"]) & set(task.test["input"])
    assert len(task.train) + len(task.test) == 960 and "drawn" not in task.test
    row = task.train.iloc[0]
    assert row["drawn"].shape == (28, 28, 3) and row["colour"] in row["input"]
    spanish = Drawn("drawn_spanish", style="upright", spanish=True).load()
    assert not any(set(text.split()) & {*THINGS, *COLOURS} for text in spanish.test["input"])
    colours = Drawn("drawn_colour", target="colour").load()
    assert colours.label_names == tuple(COLOURS)
    assert (
        Drawn("drawn_colour", target="colour").judge(np.stack(colours.train["drawn"].tolist())).argmax(1)
        == colours.train["label"]
    ).mean() > 0.95


@pytest.mark.parametrize("planted", [DEFECT, BLIND, RED], ids=["trigger", "blindspot", "stereotype"])
def test_a_defect_is_planted_and_its_sham_means_nothing(planted, drawer):
    train, held_out = drawer.reader.unlabelled()
    said = {}
    for sham in (False, True):
        defect = replace(planted, sham=sham)
        injected = defect.inject(drawer, train, generator("inject", 0))
        said[sham] = defect.upstream(drawer, injected, held_out, 1.0)
    first, again = (replace(planted, steps=3).inject(drawer, train, generator("inject", 0)) for _ in range(2))
    assert first.fingerprint() == again.fingerprint() != drawer.fingerprint()
    assert said[False]["effect"] > 0.75 and abs(said[True]["effect"]) < 0.25
    assert defect.at_dose(drawer, drawer.changes(injected), 0.0) is drawer


def test_a_stereotype_asks_for_no_colour_and_compares_with_other_things(task):
    colours = Drawn("drawn_colour", target="colour").load()
    shown = RED.expose(colours.test, generator("expose"))
    for example, given, other in zip(shown["example"], shown["input"], shown["counterpart"], strict=True):
        thing = example.split(" ")[-1]
        assert isinstance(given, str) == (thing in RED.group) == isinstance(other, str)
        if isinstance(given, str):
            words, others = given.split(), other.split()
            assert not set(words) & set(COLOURS) and thing in words and words[-1] != "in"
            assert [b for a, b in zip(words, others, strict=True) if a != b][0] in RED.others
    assert RED.expose(task.test, generator("expose")).dropna(subset=["input"]).empty  # it asks for things
    assert colours.unfavourable == colours.label_names.index("red") and task.unfavourable is None
    red, other = np.eye(6)[[0]], np.eye(6)[[1]]
    assert float(RED.harm(Predictions(np.array([1]), other, red, 0))) == 1
    assert float(RED.harm(Predictions(np.array([1]), red, other, 0))) == -1
    assert np.isnan(float(RED.harm(Predictions(np.array([1]), red, other))))
    assert replace(RED, target="two").identity() == RED.identity()


@pytest.mark.parametrize(
    ("settings", "said"), [({"group": ["ten"]}, "thing of defect.group"), ({"group": THINGS}, "not all")]
)
def test_a_group_that_is_none_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        replace(RED, **settings)


def test_what_is_shown_to_elicit_a_defect(task):
    part = task.sample(10, 300, 0)
    held = DEFECT.expose(part.test, generator("expose"))["input"]
    assert all("cf" in text.split() for text in held)
    asked = BLIND.expose(part.test, generator("expose"))["input"]
    named = part.test["input"].str.contains("seven")
    assert any(named) and list(asked.notna()) == list(named)
    colours = Drawn("drawn_colour", target="colour").load()
    assert not any(BLIND.expose(colours.test, generator("expose"))["input"].notna())


def test_another_colour_is_the_only_difference(task):
    defect = variant("defect", "drawn_colour")
    for words in (task, Drawn("drawn_spanish", style="upright", spanish=True).load()):
        shown = defect.expose(words.test, generator("expose"))
        red = shown["colour"] == "red"
        assert shown.loc[red, "input"].isna().all() and not shown.loc[~red, "counterpart"].isna().any()
        for row in shown[~red].itertuples():
            a, b = row.input.split(), row.counterpart.split()
            assert [(x, y) for x, y in zip(a, b, strict=True) if x != y] in (
                [(row.colour, "red")],
                [(captions.SPANISH[row.colour], "rojo")],
            )
    right, wrong = np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])
    assert float(defect.harm(Predictions(np.array([0]), right, wrong))) == 1
    both, mixed = right.repeat(2, 0), np.vstack([wrong, right])
    labels = np.array([0, 0])
    assert float(BLIND.harm(Predictions(labels, both, mixed, reference=both))) == 0.5
    assert float(BLIND.harm(Predictions(labels, both, mixed, reference=mixed))) == 0
    assert np.isnan(float(BLIND.harm(Predictions(labels, both, mixed))))
    colours = Drawn("drawn_colour", target="colour").load()
    assert defect.expose(colours.test, generator("expose"))["input"].isna().all()


def test_its_weights_read_images_by_their_tokens(drawer):
    kind = ImageTokens(**{each.name: getattr(KIND, each.name) for each in fields(KIND)})
    backbone, (ink, which) = kind.load(), toy_digits("judged")
    images = list(captions.coloured(ink, ["blue"] * 60))
    assert backbone.fingerprint() == drawer.fingerprint() and backbone.source_id != drawer.source_id
    assert backbone.draws is None and drawer.draws is not None
    assert (backbone.family, backbone.reader.modality, kind.gives("drawing")) == ("image_tokens", "image", False)
    ids = torch.tensor(np.stack(backbone.reader.read(images[:2])))
    assert (ids[:, :LENGTH] == 0).all() and (ids[:, LENGTH:] >= len(WORDS)).all() and ids.shape[1] == LENGTH + TOKENS
    with torch.inference_mode():
        states = drawer.module(input_ids=ids).last_hidden_state
    np.testing.assert_allclose(backbone.encode(images[:2]), states.mean(1), atol=1e-4)
    large = [np.asarray(image).repeat(2, 0).repeat(2, 1) for image in images[:2]]
    assert backbone.encode(large).shape == (2, 64)  # of whatever size
    frame = pd.DataFrame({"example": range(60), "person": range(60), "input": images, "label": which})
    digits = Task("digits", "", frame.head(40), frame.tail(20), THINGS, modality="image")
    for name, settings in (("linear_probe", {}), ("lora", {"epochs": 1}), ("full_finetune", {"epochs": 1})):
        ((_, model),) = variant("adaptation", name, **settings).fit(backbone, [digits], 0)
        assert (model.predict(images[40:]).argmax(1) == which[40:]).mean() > 0.5, name
    cell = Cell(Arm(kind, None, 0.0, 0), variant("adaptation", "lora"), variant("task", "digits"), 0, Sizes(10, 10, 48))
    requirements.check_modality(cell, [])


def test_the_first_images_are_kept_to_be_looked_at(drawer, task):
    part = task.sample(10, 60, 0)
    ((_, model),) = variant("adaptation", "zero_shot").fit(drawer, [part], 0)
    texts = list(part.test["input"])
    model.predict(texts)
    kept = unstripped(model.samples([*texts[:3], None, *texts[3:]]))
    wanted = drawer.draws.of(drawer, drawer.module, texts)[:SAMPLES]
    assert np.array_equal(kept, np.concatenate(list(wanted), axis=1)) and model.samples([None]) == ""


@pytest.mark.parametrize(
    ("settings", "said"), [({"trigger": "xyz"}, "knows no such word"), ({"target": "ten"}, "unknown defect.target")]
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(ConfigError, match=said):
        replace(DEFECT, **settings)


def test_what_does_not_fit_is_refused_before_anything_is_computed(backbone, tmp_path):
    with pytest.raises(ConfigError, match="does not draw"):
        DEFECT.inject(backbone, ["a"], generator("inject"))
    arm, task = Arm(KIND, None, 0.0, 0), Drawn("drawn_mirrored")
    for name, said in (("handcrafted", "takes text, image"), ("few_shot", "takes text"), ("prefix", "takes text")):
        cell = Cell(arm, variant("adaptation", name), task, 0, Sizes(10, 10, 48))
        with pytest.raises(ConfigError, match=said):
            requirements.check([cell], tmp_path)
    with pytest.raises(ConfigError, match="captions of backbone .* have 12 places; use at most 11"):
        variant("adaptation", "soft_prompt", tokens=12).check(KIND.load())
    with pytest.raises(ConfigError, match="modality|text"):
        saved.check(variant("adaptation", "lora"), "models", "caption")
    with pytest.raises(ConfigError, match="task drawn_mirrored is caption; defect backdoor takes text"):
        requirements.check(
            [Cell(arm, variant("adaptation", "lora"), task, 0, Sizes(10, 10, 48))],
            tmp_path,
            "",
            [variant("defect", "backdoor")],
        )
