"""Stacked probes: against scikit-learn, against themselves alone."""

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.metrics import leakages, probe_mlp
from iin_core.metrics.folds import Fold, split_sources
from iin_core.metrics.probe_families import FAMILIES
from iin_core.metrics.probe_inputs import ProbeInputs, stacks
from iin_core.metrics.probe_linear import linear_probes
from iin_core.metrics.probe_mlp import mlp_probes
from iin_core.metrics.probe_networks import ProbeNetworks, log_probabilities, start
from iin_core.metrics.whiten import whiten
from iin_core.spec import EvaluationSpec


def _data(n: int = 400, width: int = 12, classes: int = 4, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    x = rng.normal(size=(n, width)) + 1.2 * rng.normal(size=(classes, width))[labels]
    return whiten(torch.from_numpy(x)), torch.from_numpy(labels)


def _stack(inputs, targets, folds) -> ProbeInputs:
    ((_, stack),) = stacks(inputs, targets, folds)
    return stack


def test_linear_probes_are_scikit_learns_logistic_regression() -> None:
    """Stacked linear probes give the probabilities of LogisticRegression(C=1), fold by fold."""
    from sklearn.linear_model import LogisticRegression

    x, labels = _data()
    folds = split_sources(np.arange(len(x)))
    log_probs = linear_probes(_stack([x], [(labels, 4)], folds))[0, 0]
    for fold in folds:
        oracle = LogisticRegression(C=1.0, tol=1e-6, max_iter=2000).fit(x[fold.fit], labels[fold.fit])
        expected = oracle.predict_proba(x[fold.read].numpy())
        assert np.abs(log_probs[fold.read].exp().numpy() - expected).max() < 5e-3
        agree = log_probs[fold.read].argmax(1).numpy() == oracle.predict(x[fold.read].numpy())
        assert agree.mean() > 0.99


@pytest.mark.parametrize("probes", [linear_probes, mlp_probes])
def test_a_probe_in_a_stack_is_what_it_is_alone(probes) -> None:
    """Neighbours, padding of widths and of classes change a probe by rounding only."""
    x, labels = _data()
    narrow, two = whiten(torch.from_numpy(np.random.default_rng(1).normal(size=(400, 5)))), labels % 2
    folds = split_sources(np.arange(400))
    together = probes(_stack([x, narrow], [(labels, 4), (two, 2)], folds), seed=3)
    for i, code in enumerate((x, narrow)):
        for j, (target, n_classes) in enumerate(((labels, 4), (two, 2))):
            alone = probes(_stack([code], [(target, n_classes)], folds), seed=3)[0, 0]
            assert torch.allclose(together[i, j, :, :n_classes], alone, atol=1e-3)


def test_mlp_probes_read_what_no_linear_probe_can() -> None:
    """An exclusive-or of two signs is read by the MLP and not by the linear probe."""
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(800, 2)))
    labels = (x[:, 0] * x[:, 1] > 0).long()
    stack = _stack([x.float()], [(labels, 2)], split_sources(np.arange(800)))
    mlp, linear = (
        float((probe(stack, seed=0)[0, 0].argmax(1) == labels).float().mean())
        for probe in (mlp_probes, linear_probes)
    )
    assert mlp > 0.85
    assert linear < 0.65


def test_wide_and_narrow_inputs_are_padded_apart() -> None:
    """Inputs of very different width are put into different stacks, each input once."""
    codes = [torch.zeros(40, width) for width in (3, 200, 30, 130)]
    target = (torch.zeros(40, dtype=torch.long), 2)
    found = {tuple(members): stack.codes.shape[2] for members, stack in stacks(codes, [target], ())}
    assert found == {(0, 2): 32, (1,): 224, (3,): 160}


def test_what_is_read_of_a_code_does_not_depend_on_its_neighbours() -> None:
    """Probes of several codes, as of a unit's seeds, give each the numbers that it has alone, bit by bit."""
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(60), 4)
    labels = {"digit": np.arange(60)[source] % 3, "colour": rng.integers(2, size=240)}
    blocks = Blocks({"residual": 35, "digit": 3, "colour": 2})
    codes = {}
    for seed in range(3):
        code = rng.normal(size=(240, 40))
        code[:, 36] += labels["digit"]
        codes[str(seed)] = (code, blocks)
    spec = EvaluationSpec(bootstrap=20, permutations=20)
    together = leakages(codes, labels, source, spec)
    for name, code in codes.items():
        alone = leakages({name: code}, labels, source, spec)[name]
        assert alone == together[name]
        assert all(
            np.array_equal(a.samples, b.samples) and np.array_equal(a.v_samples, b.v_samples)
            for a, b in zip(alone.cells, together[name].cells, strict=True)
        )


def test_mlp_probes_are_networks_trained_one_by_one() -> None:
    """Each probe of a stack is what PyTorch's layers and AdamW make of its start, batches and epochs."""
    x, labels = _data(260)
    other = labels % 2
    folds = split_sources(np.arange(260))
    stack = _stack([x], [(labels, 4), (other, 4)], folds)
    found = mlp_probes(stack, seed=2)
    w_1, b_1, w_2, b_2, w_3, b_3 = start(x.shape[1], 4, 2)
    drawn = ((w_1.T, b_1), (w_2.T, b_2), (w_3, b_3))
    for f, fold in enumerate(folds):
        for j, target in enumerate((labels, other)):
            sizes = ((x.shape[1], 128), (128, 128), (128, 4))
            layers = [torch.nn.Linear(*size) for size in sizes]
            for layer, (weight, bias) in zip(layers, drawn, strict=True):
                layer.load_state_dict({"weight": weight, "bias": bias.flatten()})
            network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
            optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
            best, least = {}, np.inf
            for order in probe_mlp._epochs(folds, 2):
                for batch in order[f].split(128):
                    optimizer.zero_grad()
                    torch.nn.functional.cross_entropy(network(x[batch]), target[batch]).backward()
                    optimizer.step()
                with torch.no_grad():
                    chosen = fold.validation
                    loss = float(torch.nn.functional.cross_entropy(network(x[chosen]), target[chosen]))
                if loss < least:
                    least, best = loss, {name: part.clone() for name, part in network.state_dict().items()}
            network.load_state_dict(best)
            expected = network(x[fold.read]).log_softmax(1).detach()
            assert torch.allclose(found[0, j, fold.read], expected, atol=1e-3)


def test_the_gradient_of_probes_is_autograds() -> None:
    """Written out it is that of the weighted CE, for networks with fewer dimensions and classes too."""
    rng = torch.Generator().manual_seed(0)
    mask = torch.zeros(3, 4)
    mask[1, 2:] = -1e9
    networks = ProbeNetworks(6, [6, 6, 4], mask, batch=9, seed=1)
    x = torch.randn(3, 9, 6, generator=rng)
    x[2, :, 4:] = 0
    labels = torch.randint(2, (3, 9), generator=rng)
    truth = torch.nn.functional.one_hot(labels, 4).float().mT
    weight = torch.rand(3, 1, 9, generator=rng) * (torch.rand(3, 1, 9, generator=rng) > 0.3)
    networks.differentiate(x, truth, weight)
    flat = networks.flat.clone().requires_grad_()
    loss = -(log_probabilities(networks.views(flat), x) * truth * weight).sum()
    (expected,) = torch.autograd.grad(loss, flat)
    assert expected.abs().max() > 1e-3
    assert torch.allclose(networks.gradient, expected, atol=1e-6)
    assert networks.gradients[0][2, 4:].abs().max() == 0
    assert networks.gradients[4][1, 2:].abs().max() == 0


def _unlabelled(labels: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    lost = np.random.default_rng(seed).random(len(labels)) < 0.3
    return torch.where(torch.from_numpy(lost), -1, labels), lost


@pytest.mark.parametrize("name", FAMILIES)
def test_codes_of_rows_without_a_label_are_not_looked_at(name: str) -> None:
    """Other codes in rows that have no label move no log-probability of the rows that have one."""
    x, labels = _data(200)
    partly, lost = _unlabelled(labels)
    other = x.clone()
    other[torch.from_numpy(lost)] = 100.0 if name != "linear" else 0.5
    folds = split_sources(np.arange(200))
    a, b = (FAMILIES[name](_stack([code], [(partly, 4)], folds), seed=1)[0, 0, ~lost] for code in (x, other))
    assert torch.allclose(a, b, atol=2e-3)


def test_a_linear_probe_of_partly_labelled_rows_is_that_of_the_labelled_ones() -> None:
    """Rows without a label count for nothing in the fit, not even in the weight of the penalty."""
    x, labels = _data()
    partly, lost = _unlabelled(labels)
    folds = split_sources(np.arange(400))
    fewer = tuple(Fold(f.train[~lost[f.train]], f.validation[~lost[f.validation]], f.read) for f in folds)
    masked, removed = (linear_probes(_stack([x], [(partly, 4)], part)) for part in (folds, fewer))
    assert torch.allclose(masked.exp(), removed.exp(), atol=2e-3)


def test_an_mlp_whose_validation_rows_have_no_labels_keeps_its_last_epoch() -> None:
    """Without a label to choose an epoch by, the probe still learns."""
    x, labels = _data()
    folds = split_sources(np.arange(400))
    partly = labels.clone()
    for fold in folds:
        partly[torch.from_numpy(fold.validation)] = -1
    said = mlp_probes(_stack([x], [(partly, 4)], folds), seed=0)[0, 0].argmax(1)
    assert float((said == labels).float().mean()) > 0.8


def test_quadratic_probes_are_bayes_rule_of_gaussians() -> None:
    """Probabilities are those of SciPy's normal densities, and the classes said are scikit-learn's."""
    from scipy.stats import multivariate_normal
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    x, labels = _data()
    folds = split_sources(np.arange(len(x)))
    log_probs = FAMILIES["qda"](_stack([x], [(labels, 4)], folds))[0, 0]
    rows, classes = x.double().numpy(), labels.numpy()
    for fold in folds:
        densities = []
        for value in range(4):
            members = rows[fold.fit][classes[fold.fit] == value]
            spread = 0.95 * np.cov(members.T) + 0.05 * np.eye(12)
            normal = multivariate_normal(members.mean(0), spread)
            densities.append(normal.pdf(rows[fold.read]) * len(members))
        expected = np.stack(densities, 1) / np.sum(densities, 0)[:, None]
        assert np.abs(log_probs[fold.read].exp().numpy() - expected).max() < 1e-4
        oracle = QuadraticDiscriminantAnalysis(reg_param=0.05).fit(rows[fold.fit], classes[fold.fit])
        assert (log_probs[fold.read].argmax(1).numpy() == oracle.predict(rows[fold.read])).mean() > 0.97


@pytest.mark.parametrize("name", ["knn", "forest", "rbf"])
def test_the_other_families_say_what_scikit_learn_says(name: str) -> None:
    """The class of highest probability is the classifier's own, fold by fold."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    made = {
        "knn": KNeighborsClassifier(15),
        "forest": RandomForestClassifier(100, random_state=4),
        "rbf": SVC(),
    }
    x, labels = _data(200)
    folds = split_sources(np.arange(200))
    log_probs = FAMILIES[name](_stack([x], [(labels, 4)], folds), seed=4)[0, 0]
    for fold in folds:
        oracle = made[name].fit(x[fold.fit], labels[fold.fit])
        assert (log_probs[fold.read].argmax(1).numpy() == oracle.predict(x[fold.read].numpy())).mean() > 0.99


@pytest.mark.parametrize("name", FAMILIES)
def test_a_class_seen_in_one_half_only(name: str) -> None:
    """A class that a direction never fits is never said there, and nothing fails; nor with one class left."""
    x, labels = _data(120)
    folds = split_sources(np.arange(120))
    first = torch.from_numpy(np.isin(np.arange(120), folds[0].fit))
    rare = torch.where(first, labels, labels % 2)
    said = FAMILIES[name](_stack([x], [(rare, 4)], folds), seed=0)[0, 0].argmax(1)
    assert bool((said[first] < 2).all()) or name in ("linear", "mlp")
    alone = torch.where(first, labels % 2, torch.zeros_like(labels))
    assert FAMILIES[name](_stack([x], [(alone, 2)], folds), seed=0)[0, 0, first].argmax(1).sum() == 0


def test_rows_to_fit_on_are_capped_and_spread() -> None:
    """With more rows than the cap each direction fits on so many of them, of all its sources' share."""
    source = np.repeat(np.arange(100), 20)
    folds = split_sources(source, most=400)
    for fold in folds:
        assert len(fold.fit) == pytest.approx(400, abs=2)
        assert len(fold.read) == 1000
        assert len(np.unique(source[fold.train])) > 40
        assert not set(source[fold.fit]) & set(source[fold.read])
