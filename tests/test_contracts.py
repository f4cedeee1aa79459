"""What must hold for every registered defect, adaptation, backbone and task."""

import ast
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import homog
from homog import contracts
from homog.adaptations import ADAPTATIONS
from homog.backbones import BACKBONES
from homog.backbones.causal import Causal
from homog.backbones.encoder import Encoder
from homog.backbones.encoder_decoder import EncoderDecoder
from homog.config import ConfigError, build, canonical, content_id
from homog.contracts import rules, tiny
from homog.defects import DEFECTS
from homog.seeding import generator
from homog.tasks import TASKS
from homog.variants import CONF, variant

REGISTRIES = {"backbone": BACKBONES, "defect": DEFECTS, "adaptation": ADAPTATIONS, "task": TASKS}
EVERY = [(group, name) for group, registry in REGISTRIES.items() for name in registry]
TOYS = [tiny.Toy("toy_two").load(), tiny.Toy("toy_three", 3).load()]
ORDER = (
    *("config", "variants", "command", "overrides", "seeding", "files", "wording", "sources"),
    *("inputs", "tasks", "backbones", "metrics"),
    *("defects", "adaptations", "records", "study", "analysis", "report", "contracts"),
    *("run", "planted", "sweep", "status", "serve", "audit", "probes"),
)


@pytest.mark.parametrize("group", REGISTRIES)
def test_conf_and_registry_name_the_same_variants(group):
    assert sorted(path.stem for path in (CONF / group).glob("*.yaml")) == sorted(REGISTRIES[group])


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_every_variant_is_a_small_yaml_of_a_frozen_dataclass(group, name):
    built = variant(group, name)
    rules.is_a_frozen_value(built, name)
    lines = (CONF / group / f"{name}.yaml").read_text().splitlines()
    assert sum(not line.startswith("#") for line in lines) <= 12


@pytest.mark.parametrize(("group", "name"), [each for each in EVERY if each[0] in ("defect", "adaptation")])
def test_what_a_record_says_of_a_variant_is_enough_to_build_it(group, name):
    usual = variant(group, name)
    told = type(usual).told(json.loads(json.dumps(canonical(usual))))
    assert build(type(usual), {"name": name} | told, group) == usual


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
    need = ADAPTATIONS[name].needs
    if not kind.gives(need):
        pytest.skip(f"family {backbone.family} gives no {need}")
    try:
        small(name).check(backbone)
    except ConfigError as error:  # said before anything is trained
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_an_adaptation_learns_moves_only_what_it_says_and_leaves_the_shared_backbone(name, each_model):
    able(name, each_model)
    adaptation, backbone = small(name), each_model
    accuracy = rules.adapts(adaptation, backbone)
    if adaptation.in_words:  # nothing is learned; random weights know no words
        return
    # positive control: it learns a toy task, of which some random frozen weights say little
    dull = backbone.family != "encoder" or backbone.module.config.model_type == "deberta-v2"
    frozen = dull and name not in ("lora", "full_finetune")
    for task, (_, model) in zip(TOYS, adaptation.fit(backbone, TOYS, 0), strict=True):
        assert accuracy[task.name] > (1 / len(task.label_names) + 0.15 if frozen else 0.8)
        assert model.added >= (backbone.dimension + 1) * len(task.label_names)


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_an_adaptation_is_deterministic_and_does_not_see_the_other_tasks(name, each_family):
    able(name, each_family)
    rules.adapts_each_task_alone(small(name), each_family)


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_a_head_reads_the_features_that_its_model_predicts_from(name, backbone):
    able(name, backbone)
    adaptation, task = small(name), TOYS[1]
    ((_, model),) = adaptation.fit(backbone if adaptation.uses_backbone else None, [task], 0)
    inputs = list(task.test["input"])[:20]
    features = backbone.encode(inputs)
    if model.class_of(features[0]) is None:
        assert not adaptation.linear_head  # no class of a planted feature: the report falls back on answers
    elif not model.moved and model.module is None:
        assert [model.class_of(feature) for feature in features] == model.predict(inputs).argmax(1).tolist()


OF_TEXT = [name for name, kind in DEFECTS.items() if kind.fits("text")]
INJECTED = [name for name in OF_TEXT if DEFECTS[name].kind != "natural"]
IN_WEIGHTS = [name for name in INJECTED if DEFECTS[name].needs == "weights"]


@pytest.mark.parametrize("name", INJECTED)
@pytest.mark.parametrize("sham", [False, True])
def test_an_injection_is_deterministic_and_leaves_the_clean_backbone(name, sham, tmp_path):
    built = rules.short(variant("defect", name, sham=sham), 20)
    rules.injects_the_same_again(built, contracts.tiny_backbone(built, tmp_path))


@pytest.mark.parametrize("name", IN_WEIGHTS)
def test_an_injection_works_on_every_family(name, each_family):
    defect = variant("defect", name)
    train, held_out = tiny.corpus()
    defect, before = rules.short(defect, 3), each_family.fingerprint()
    injected = defect.inject(each_family, train, generator("inject", name, 0))
    changed = each_family.changes(injected)
    half = defect.at_dose(each_family, changed, 0.5)
    assert changed and set(each_family.changes(half)) <= set(changed)
    assert len(injected.encode(held_out)) == len(held_out)
    assert before == each_family.fingerprint() != half.fingerprint() != injected.fingerprint()
    assert np.isfinite(defect.upstream(each_family, injected, held_out, 1.0)["drift"])
    if defect.kind == "engineered":
        assert defect.upstream(each_family, injected, held_out, 1.0)["as_stated"]


@pytest.mark.parametrize("name", sorted(set(OF_TEXT) - set(INJECTED)))
def test_a_natural_defect_is_measured_and_not_planted(name, backbone):
    defect = variant("defect", name)
    assert not defect.sham
    assert "sham" not in {f.name for f in dataclasses.fields(defect)}  # so that a study cannot ask for one
    rules.injects_the_same_again(defect, backbone)


@pytest.mark.parametrize("name", OF_TEXT)
def test_an_exposure_keeps_the_examples_and_follows_its_stream(name, backbone):
    defect = variant("defect", name)
    rules.exposes_the_same_examples(defect, backbone)
    views = [view.found_on(backbone, tiny.corpus()[0], generator("search", view.exposure)) for view in defect.views]
    assert (views != list(defect.views)) == bool(defect.searches)


@pytest.mark.parametrize("name", DEFECTS)
def test_harm_is_0_where_nothing_changes_and_ignores_the_names_of_classes(name):
    rules.harms_by_what_changes(variant("defect", name))


@pytest.mark.parametrize("family", tiny.EVERY)
def test_a_backbone_is_frozen_the_same_again_and_encodes_each_input_alone(family, tmp_path):
    rules.encodes(tiny.kind(family)("tiny", str(tiny.save_tiny(tmp_path / family, family))))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_toy_task_keeps_the_contract_of_tasks(classes):
    rules.loads_whole_examples(tiny.Toy("toy", classes))
    rules.keeps_test_examples_apart(tiny.Toy("toy", classes))


def imports(path: Path) -> set[tuple[str, str]]:
    """(package, first name below it) of everything that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {(name.partition(".")[0], name.split(".")[1] if "." in name else "") for name in names}


def test_data_flows_one_way():
    root = Path(homog.__file__).parent
    for path in root.rglob("*.py"):
        assert not {"experiments", "tests"} & {package for package, _ in imports(path)}, path
        place = path.relative_to(root).parts[0].removesuffix(".py")
        if path.parent == root and path.name in ("__init__.py", "__main__.py"):  # the entry knows every command
            continue
        assert place in ORDER, f"{path} has no place in the order"
        rooms = {room for package, room in imports(path) if package == "homog" and room in ORDER}
        late = {room for room in rooms if ORDER.index(room) > ORDER.index(place)}
        assert not late or path.name == "__main__.py", f"{path} imports {late}, which come after it"


def test_imports_are_seen_however_they_are_written(tmp_path):
    (tmp_path / "a.py").write_text("import experiments.tokens\nfrom experiments import eras\nimport homog.run\n")
    assert imports(tmp_path / "a.py") == {("experiments", "tokens"), ("experiments", "eras"), ("homog", "run")}
