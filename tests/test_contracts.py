"""What must hold for every registered defect, adaptation, backbone and task."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import homog
from homog.adaptations import ADAPTATIONS
from homog.backbones import BACKBONES
from homog.backbones.causal import Causal
from homog.backbones.encoder import Encoder
from homog.backbones.encoder_decoder import EncoderDecoder
from homog.config import ConfigError, content_id
from homog.contracts import tiny
from homog.defects import DEFECTS
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.tasks import TASKS
from homog.variants import CONF, variant

REGISTRIES = {"backbone": BACKBONES, "defect": DEFECTS, "adaptation": ADAPTATIONS, "task": TASKS}
EVERY = [(group, name) for group, registry in REGISTRIES.items() for name in registry]
TOYS = [tiny.Toy("toy_two").load(), tiny.Toy("toy_three", 3).load()]
ORDER = (
    *("config", "variants", "command", "seeding", "files", "sources", "inputs", "tasks", "backbones", "metrics"),
    *("defects", "adaptations", "records", "study", "run", "analysis", "report", "contracts"),
    *("sweep", "status", "audit", "probes"),
)


@pytest.mark.parametrize("group", REGISTRIES)
def test_conf_and_registry_name_the_same_variants(group):
    assert sorted(path.stem for path in (CONF / group).glob("*.yaml")) == sorted(REGISTRIES[group])


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_every_variant_is_a_small_yaml_of_a_frozen_dataclass(group, name):
    built = variant(group, name)
    assert built.name == name
    assert dataclasses.is_dataclass(built)
    assert len((CONF / group / f"{name}.yaml").read_text().splitlines()) <= 12
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(built, "name", "other")  # noqa: B010 - assigning to a frozen field is the test
    assert type(built).__doc__


@pytest.mark.parametrize("group", REGISTRIES)
def test_no_two_variants_of_a_group_have_one_id(group):
    ids = {content_id(variant(group, name)) for name in REGISTRIES[group]}
    assert len(ids) == len(REGISTRIES[group])


def small(name):
    """The registered adaptation, with steps enough for a tiny backbone with random weights."""
    kind = variant("adaptation", name)
    fields = {f.name for f in dataclasses.fields(kind)}
    epochs = 12 if name == "soft_prompt" else 4  # its start, words in front of the text, moves the features most
    wanted = {"epochs": epochs, "learning_rate": 3e-3, "shots": 8 if name == "few_shot" else 60}
    return dataclasses.replace(kind, **{k: v for k, v in wanted.items() if k in fields})


@pytest.fixture(scope="module", params=tiny.EVERY)
def each_model(request, tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("model") / request.param, request.param)


@pytest.fixture(scope="module", params=["bert", "llama", "gpt2", "t5"])
def each_family(request, tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("family") / request.param, request.param)


def able(name, backbone):
    """Skip what a family cannot do: the study refuses it before any compute."""
    kind = {"encoder": Encoder, "causal": Causal, "encoder_decoder": EncoderDecoder}[backbone.family]
    need = getattr(ADAPTATIONS[name], "needs", "features")
    if need not in kind.abilities:
        pytest.skip(f"family {backbone.family} gives no {need}")
    try:
        small(name).fit(backbone, [], 0)
    except ConfigError as error:  # said before anything is trained
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_an_adaptation_learns_moves_only_what_it_says_and_leaves_the_shared_backbone(name, each_model):
    able(name, each_model)
    backbone = each_model
    before, adaptation = backbone.fingerprint(), small(name)
    trains = {n for n, _ in backbone.module.named_parameters() if adaptation.trains(n)}
    for task, (task_name, model) in zip(TOYS, adaptation.fit(backbone, TOYS, 0), strict=True):
        found = model.predict(list(task.test["input"]))
        assert task_name == task.name
        assert found.shape == (len(task.test), len(task.label_names))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
        assert set(model.trainable) == trains
        assert set(model.moved) <= trains
        assert len(model.moved) >= 0.8 * len(trains)
        if getattr(adaptation, "in_words", False):  # nothing is learned; random weights know no words
            continue
        # positive control: it learns a toy task, of which some random frozen weights say little
        dull = backbone.family != "encoder" or backbone.module.config.model_type == "deberta-v2"
        frozen = dull and name not in ("lora", "full_finetune")
        wanted = 1 / len(task.label_names) + 0.15 if frozen else 0.8
        assert (found.argmax(1) == task.test["label"]).mean() > wanted
        assert model.added >= (backbone.dimension + 1) * len(task.label_names)
    assert backbone.fingerprint() == before


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_an_adaptation_is_deterministic_and_does_not_see_the_other_tasks(name, each_family):
    able(name, each_family)
    backbone = each_family
    texts = {task.name: list(task.test["input"]) for task in TOYS}
    forward = {n: m.predict(texts[n]) for n, m in small(name).fit(backbone, TOYS, 3)}
    state = torch.random.get_rng_state()
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    torch.manual_seed(99)
    backward = {n: m.predict(texts[n]) for n, m in small(name).fit(backbone.copy(), TOYS[::-1], 3)}
    torch.random.set_rng_state(state)
    for task in texts:
        np.testing.assert_array_equal(forward[task], backward[task])


def steps(defect, count):
    """The field that makes its training short, where it trains."""
    return {f.name: count for f in dataclasses.fields(defect) if f.name == "steps"}


INJECTED = [name for name, kind in DEFECTS.items() if kind.kind != "natural"]


@pytest.mark.parametrize("name", INJECTED)
@pytest.mark.parametrize("sham", [False, True])
def test_an_injection_is_deterministic_and_leaves_the_clean_backbone(name, sham, backbone):
    defect = variant("defect", name)
    defect = dataclasses.replace(defect, sham=sham, **steps(defect, 20))
    before = backbone.fingerprint()
    train, held_out = tiny.corpus()
    one, two = (defect.inject(backbone, train, generator("inject", name, 0)) for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    if defect.kind == "planted":  # the seed is the unit of replication
        assert one.fingerprint() != defect.inject(backbone, train, generator("inject", name, 1)).fingerprint()
    assert one.fingerprint() != before
    assert backbone.fingerprint() == before
    upstream = defect.upstream(backbone, one, held_out, 1.0)
    assert np.isfinite(upstream["drift"])
    assert isinstance(upstream["verified"], bool)


@pytest.mark.parametrize("name", INJECTED)
def test_an_injection_works_on_every_family(name, each_family):
    defect = variant("defect", name)
    train, held_out = tiny.corpus()
    defect, before = dataclasses.replace(defect, **steps(defect, 3)), each_family.fingerprint()
    injected = defect.inject(each_family, train, generator("inject", name, 0))
    changed = each_family.changes(injected)
    half = defect.at_dose(each_family, changed, 0.5)
    assert changed and set(each_family.changes(half)) <= set(changed)
    assert len(injected.encode(held_out)) == len(held_out)
    assert before == each_family.fingerprint() != half.fingerprint() != injected.fingerprint()
    assert np.isfinite(defect.upstream(each_family, injected, held_out, 1.0)["drift"])
    if defect.kind == "engineered":
        assert defect.upstream(each_family, injected, held_out, 1.0)["as_stated"]


@pytest.mark.parametrize("name", sorted(set(DEFECTS) - set(INJECTED)))
def test_a_natural_defect_is_measured_and_not_planted(name, backbone):
    defect = variant("defect", name)
    assert not defect.sham
    assert "sham" not in {f.name for f in dataclasses.fields(defect)}  # so that a study cannot ask for one
    assert defect.inject(backbone, tiny.corpus()[0], generator("inject", name, 0)) is backbone


@pytest.mark.parametrize("name", DEFECTS)
def test_an_exposure_keeps_the_examples_and_follows_its_stream(name, backbone):
    defect = variant("defect", name)
    views = [view.found_on(backbone, tiny.corpus()[0], generator("search", view.exposure)) for view in defect.views]
    assert (views != list(defect.views)) == defect.searches
    assert len({view.exposure for view in views} | {"clean"}) == len(views) + 1
    examples = TOYS[0].test
    for view in views:
        one, two = (view.expose(examples, generator("expose", 1)) for _ in range(2))
        pd.testing.assert_frame_equal(one, two)
        kept = one.drop(columns=["input", "counterpart"], errors="ignore")
        assert (kept == examples.drop(columns="input")).all(axis=None)
        other = one["counterpart"] if "counterpart" in one else examples["input"]
        applies = one["input"].notna()
        assert applies.any()
        if defect.kind == "engineered":  # it is in the weights; inputs are as they are
            pd.testing.assert_frame_equal(one, examples)
        else:
            assert ((one["input"] != other)[applies]).mean() > 0.9


@pytest.mark.parametrize("name", DEFECTS)
def test_harm_is_0_where_nothing_changes_and_ignores_the_names_of_classes(name):
    defect, rng = variant("defect", name), np.random.default_rng(1)
    labels = rng.integers(0, 3, 50)
    clean, exposed = rng.dirichlet(np.ones(3), 50), rng.dirichlet(np.ones(3), 50)
    assert defect.harm(Predictions(labels, clean, clean, 0, clean)).value == 0
    harm = defect.harm(Predictions(labels, clean, exposed, 0, clean)).value
    renamed = np.array([2, 0, 1])
    back = np.argsort(renamed)
    shown = Predictions(renamed[labels], clean[:, back], exposed[:, back], 2, clean[:, back])
    assert 0 != harm == pytest.approx(defect.harm(shown).value)
    clean[:7], exposed[:7] = np.nan, np.nan  # the exposure does not apply
    rate = defect.harm(Predictions(labels, clean, exposed, 0, np.nan_to_num(clean, nan=1 / 3)))
    assert not rate.denominator[:7].any()
    assert np.isfinite(rate.numerator).all()


def imports(path: Path) -> set[str]:
    """The modules of homog that a file imports, by their first name below homog."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "homog":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found


def test_data_flows_one_way():
    root = Path(homog.__file__).parent
    for path in root.rglob("*.py"):
        place = path.relative_to(root).parts[0].removesuffix(".py")
        if place == "__init__" or path.name == "__main__.py":  # nothing imports a command: it may use everything
            continue
        assert place in ORDER, f"{path} has no place in the order"
        late = {name for name in imports(path) if ORDER.index(name) > ORDER.index(place)}
        assert not late, f"{place} imports {late}, which come after it"
    for path in root.rglob("*.py"):
        assert "experiments" not in imports(path)
