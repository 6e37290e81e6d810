"""Recipe edits: applied to keyword arguments, told as options that the command takes."""

import json

import pytest
from small_networks import SWITCHED

import tongtou as tt
from tongtou import cli
from tongtou.activations import LeakyReLU
from tongtou.explanation import health
from tongtou.explanation.edits import SETTINGS, RecipeEdit
from tongtou.explanation.plans import options_of, plan_of, retrained
from tongtou.i18n import use_language
from tongtou.losses import Huber
from tongtou.recipes import AUGMENTATIONS
from tongtou.schedules import Cosine, OneCycle, ReduceOnPlateau

EVERY = {
    "activation": ({"set": "relu"}, "network", "activation", "relu"),
    "initializer": ({"set": "he"}, "network", "initializer", "he"),
    "hidden": ({"times": 2}, "network", "sizes", [784, 32, 16, 10]),
    "learning_rate": ({"times": 0.1}, "fit", "optimizer", tt.SGD(0.15, momentum=0.9)),
    "clip_norm": ({"set": 1.0}, "fit", "optimizer", tt.SGD(1.5, momentum=0.9, clip_norm=1.0)),
    "epochs": ({"times": 3}, "fit", "epochs", 12),
    "validation": ({"set": 0.2}, "fit", "validation", 0.2),
    "patience": ({"set": 7}, "fit", "stop", [tt.EarlyStopping(patience=7)]),
    "class_weight": ({"set": "balanced"}, "fit", "class_weight", "balanced"),
    "dropout": ({"set": 0.2}, "fit", "regularization", tt.Regularization(l2=1e-3, dropout=0.2)),
    "l2": ({"set": 0.01}, "fit", "regularization", tt.Regularization(l2=0.01)),
    "augment": ({"set": "light"}, "fit", "augmentation", AUGMENTATIONS["light"]),
}


def plan():
    return {
        "network": {"sizes": [784, 16, 8, 10], "activation": "sigmoid", "initializer": "auto"},
        "fit": {
            "optimizer": tt.SGD(1.5, momentum=0.9),
            "epochs": 4,
            "validation": 100,
            "regularization": tt.Regularization(l2=1e-3),
        },
    }


def test_every_setting_is_tried():
    assert set(EVERY) == set(SETTINGS)


@pytest.mark.parametrize("name", EVERY)
def test_an_edit_changes_its_setting_and_nothing_else(name):
    how, half, key, value = EVERY[name]
    before, after = plan(), RecipeEdit({name: how}).apply(plan())
    if name == "learning_rate":
        assert after["fit"]["optimizer"].learning_rate == pytest.approx(0.15)
    else:
        assert after[half][key] == value
    other = "fit" if half == "network" else "network"
    assert after[other] == before[other]
    assert {k: v for k, v in after[half].items() if k != key} == {
        k: v for k, v in before[half].items() if k != key
    }
    assert plan() == before  # nothing was changed in place


@pytest.mark.parametrize(
    "rate",
    [
        Cosine(0.002, minimum=0.001, warmup_epochs=2),
        OneCycle(0.002),
        ReduceOnPlateau(0.002, minimum=0.001),
    ],
    ids=lambda one: one.name,
)
def test_a_schedule_stays_the_schedule_it_is(rate):
    edit = RecipeEdit({"learning_rate": {"times": 0.1}})
    made = edit.for_fit({"optimizer": tt.AdamW(rate, weight_decay=0.1)})["optimizer"]
    assert made.learning_rate.rate == pytest.approx(0.0002)
    assert type(made.learning_rate) is type(rate)
    assert made.weight_decay == 0.1
    if rate.name == "cosine":
        assert made.learning_rate.warmup_epochs == 2


def test_what_was_not_given_is_at_fits_default():
    made = RecipeEdit(
        {"learning_rate": {"times": 2}, "epochs": {"times": 2}, "patience": {"set": 3}}
    ).for_fit({})
    assert made == {
        "optimizer": tt.SGD(0.2),
        "epochs": 20,
        "stop": [tt.EarlyStopping(patience=3)],
        "validation": 0.1,
    }


def test_other_conditions_to_stop_stay():
    edit = RecipeEdit({"patience": {"set": 3}})
    given = {"stop": [tt.StepLimit(5), tt.EarlyStopping(patience=9)], "validation": 10}
    assert edit.for_fit(given)["stop"] == [tt.EarlyStopping(patience=3), tt.StepLimit(5)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learnig_rate": {"times": 2}}, "learning_rate"),
        ({"activation": {"times": 2}}, "activation is changed by set"),
        ({"hidden": {"set": 5}}, "hidden is changed by times"),
        ({"epochs": {"times": 2, "set": 3}}, "epochs is changed by set or times"),
        ({"epochs": {}}, "epochs is changed by"),
    ],
)
def test_an_unknown_change_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        RecipeEdit(changes)


def test_merging_lets_the_first_count():
    one = RecipeEdit({"learning_rate": {"times": 0.1}}, plan())
    two = RecipeEdit({"learning_rate": {"times": 9}, "epochs": {"set": 3}})
    both = one.merged(two)
    assert both.changes == {"learning_rate": {"times": 0.1}, "epochs": {"set": 3}}
    assert both.options() == ["--learning-rate", "0.15", "--epochs", "3"]


def test_options_name_what_changes():
    assert RecipeEdit({name: one[0] for name, one in EVERY.items()}).options(plan()) == [
        "--hidden", "32,16", "--activation", "relu", "--initializer", "he",
        "--optimizer", "sgd:clip_norm=1,momentum=0.9", "--learning-rate", "0.15", "--epochs", "12",
        "--validation", "0.2", "--l2", "0.01", "--dropout", "0.2", "--augment", "light",
        "--class-weight", "balanced", "--patience", "7",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="need the plan"):
        RecipeEdit({"epochs": {"set": 2}}).options()
    assert RecipeEdit({"epochs": {"set": 2}}).to_dict()["options"] is None


def test_a_new_activation_brings_the_rate_along():
    """The command would choose another rate by itself."""
    edit = RecipeEdit({"activation": {"set": "relu"}}, plan())
    assert edit.options() == ["--activation", "relu", "--learning-rate", "1.5"]


def test_an_edit_is_told_in_words():
    edit = RecipeEdit({"learning_rate": {"times": 0.1}, "activation": {"set": "relu"}})
    assert str(edit) == "learning rate × 0.1, activation function of the hidden layers = relu"
    use_language("zh")
    try:
        assert str(edit) == "学习率 × 0.1，隐藏层的激活函数 = relu"
        words = str(RecipeEdit({name: one[0] for name, one in EVERY.items()}))
    finally:
        use_language(None)
    assert words.count("，") == len(EVERY) - 1


# A model's own recipe ----------------------------------------------------------------------------

RUNS = {
    "lesson": ({}, {"optimizer": tt.SGD(1.5), "batch_size": 32}),
    "switched": (
        SWITCHED | {"initializer": "lecun"},
        {
            "optimizer": tt.Adam(Cosine(0.01, warmup_epochs=1), beta1=0.8, clip_norm=2.0),
            "regularization": tt.Regularization(dropout=(0.1, 0.2, 0.0), label_smoothing=0.05),
            "augmentation": tt.Augmentation(shift=1, rotation=5),
            "class_weight": {3: 2.0, 4: 0.5},
            "stop": [tt.EarlyStopping(patience=4), tt.StepLimit(9)],
        },
    ),
    "huber": (
        {"activation": ["tanh", "relu"], "loss": Huber(2.0),
         "dtype": "float64"},
        {"optimizer": tt.GradientDescent(0.3), "batch_size": None, "stop": tt.StepLimit(2),
         "regularization": tt.Regularization(l1=1e-6, l2=1e-4, input_noise=0.1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_the_command_with_a_models_options_makes_the_same_run(
    name, mnist, tmp_path, monkeypatch, capsys
):
    """Not the options are compared but what the command made of them, to the last bit."""
    settings, training = RUNS[name]
    net = tt.Network([784, 16, 16, 10], seed=6, **settings)
    tt.fit(net, mnist.train, epochs=1, validation=5000, seed=6,
           **{"stop": tt.StepLimit(9), **training})  # fmt: skip
    net.save(tmp_path / "model.safetensors")
    words = options_of(plan_of(tt.load(tmp_path / "model.safetensors")))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *words, "--no-progress", "--json"]) == 0
    file = json.loads(capsys.readouterr().out)["file"]
    made = tt.load(file)
    assert made.recipe == net.recipe
    for one, other in zip(made.layers, net.layers, strict=True):
        assert (one.W == other.W).all()


def test_a_saved_model_is_treated_and_the_command_agrees(mnist, tmp_path, monkeypatch, capsys):
    net = tt.Network([784, 16, 16, 10], seed=0)
    tt.fit(net, mnist.train, optimizer=tt.SGD(0.0005), epochs=1, validation=5000)
    net.save(tmp_path / "model.safetensors")
    model = tt.load(tmp_path / "model.safetensors")
    edit = health(model, mnist.train).edit
    assert edit.changes == {"learning_rate": {"times": 100.0}}
    new = retrained(model, mnist.train, edit)
    monkeypatch.chdir(tmp_path)
    words = options_of(edit.apply(plan_of(model)))
    assert cli.main(["train", *words, "--no-progress", "--json"]) == 0
    made = tt.load(json.loads(capsys.readouterr().out)["file"])
    assert made.recipe == new.recipe
    assert all((a.W == b.W).all() for a, b in zip(made.layers, new.layers, strict=True))


def test_what_no_recipe_tells(mnist):
    digits = mnist.train[:100]
    net = tt.Network([784, 4, 10])
    assert plan_of(net)["fit"] == {}
    with pytest.raises(ValueError, match="never trained"):
        retrained(net, digits)
    tt.fit(net, digits, epochs=1, sample_weight=[1.0] * 100)
    with pytest.raises(ValueError, match="sample_weight"):
        plan_of(net)
    assert health(net, digits).train["n"] == 100  # it is examined all the same
    net.recipe = {"optimizer": {"name": "sgd"}, "epochs": "many"}
    with pytest.raises(ValueError, match="batch_size, epochs"):
        plan_of(net)
    assert health(net, digits).layers[0].update_ratio > 0


def test_what_no_option_says():
    slope = tt.Network([4, 3, 2], activation=LeakyReLU(slope=0.2))
    with pytest.raises(ValueError, match="no option says"):
        options_of(plan_of(slope))
    stop = {"fit": {"stop": tt.EarlyStopping(patience=3, monitor="val_accuracy")}}
    with pytest.raises(ValueError, match="no option says"):
        options_of(stop)


def test_as_many_are_held_out_again_only_where_they_are_there(mnist):
    net = tt.Network([784, 4, 10])
    tt.fit(net, mnist.train[:100], epochs=1, validation=20)
    assert plan_of(net, 100)["fit"]["validation"] == 20
    assert "validation" not in plan_of(net, 80)["fit"]
    assert health(net, mnist.train[:80]).held is None
