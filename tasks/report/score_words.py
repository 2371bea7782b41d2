"""What each score is called and means, for people (docs/metrics.md has the definitions)."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A column title and a sentence."""

    label: str
    meaning: str


_READERS = {"head": "the model's own head", "reader": "the independent reader"}
_PROBES = {"linear": "linear probes", "mlp": "MLP probes"}
_BASELINES = {"class_means": "class means", "lda": "LDA", "leace": "LEACE", "das": "DAS"}
_FAMILIES = {"knn": "k-NN", "qda": "QDA", "forest": "random forest", "rbf": "SVM with RBF kernel"}

SCORES: dict[str, Words] = {
    "score/joint_reader": Words(
        "joint (reader)",
        "share of swaps after which the independent reader says the donor's concept and the rest of the base",
    ),
    "score/joint_head": Words("joint (head)", "the same by the model's own head; 1 is best"),
    "score/mig": Words(
        "grouped MIG", "how much more one block tells of a concept than the next best block; 1 is best"
    ),
    "score/leak_worst": Words(
        "worst leak",
        "accuracy of the probe that reads most of a concept from a block that should not tell it",
    ),
    "score/leak_excess": Words("leak over chance", "the worst leak less its chance; 0 is best"),
    "score/leak_chance": Words("chance", "the share of the most frequent label of the concept that leaks"),
    "score/nll_per_dim": Words(
        "NLL per dimension",
        "held-out negative log-likelihood in nats, ½·log 2π left out; 0.5 is white noise as it is",
    ),
    "score/invertibility_error": Words("inverse error", "max |z − T⁻¹(T(z))| on held-out rows; 0 is exact"),
    "score/identity_error": Words(
        "identity error",
        "max |f(x) − G(T⁻¹(T(E(x))))|: how far unchanged codes, put back, move the model's output",
    ),
    "concepts/dependence": Words(
        "concepts", "Cramér's V of the set's two most dependent concepts in the data; 0 is independent"
    ),
    "information/mig": Words("MIG", "grouped mutual information gap over blocks"),
    "information/infom": Words("InfoM", "modularity: each block tells of one concept only"),
    "information/infoc": Words("InfoC", "compactness: each concept is told by one block only"),
    "information/infoe": Words("InfoE", "explicitness: how much of the concepts the whole code tells"),
    "prior/mean_worst": Words("worst mean", "largest distance of a block's held-out mean from its prior's"),
    "prior/std_worst": Words(
        "worst deviation", "held-out standard deviation of the block that is furthest from 1"
    ),
    "prior/std_residual": Words(
        "residual deviation", "held-out standard deviation of the residual; 1 fits the prior"
    ),
    "train/nll_train": Words(
        "training NLL", "negative log-likelihood per dimension on training rows at the end"
    ),
    "train/nll_heldout": Words("held-out NLL", "the same on held-out rows"),
    "train/updates": Words("updates", "optimizer updates"),
}
for _reader, _who in _READERS.items():
    SCORES |= {
        f"interchange/{_reader}_cause": Words("cause", f"{_who} says the donor's concept after a swap"),
        f"interchange/{_reader}_isolate": Words("isolate", f"{_who} still says the base's other concepts"),
        f"interchange/{_reader}_joint": Words("joint", f"both at once, by {_who}"),
        f"interchange/{_reader}_residual_isolate": Words(
            "residual", f"{_who} still says every concept of the base after a swap of the residual"
        ),
        f"interchange/{_reader}_ceiling": Words("ceiling", f"accuracy of {_who} on unedited examples"),
    }
for _probe, _who in _PROBES.items():
    SCORES |= {
        f"leakage/{_probe}_own_mean": Words("own", f"{_who} on each concept's own block, mean accuracy"),
        f"leakage/{_probe}_worst": Words(
            "worst", f"{_who}: the off-block accuracy furthest above its chance"
        ),
        f"leakage/{_probe}_mean": Words("mean", f"{_who}: mean off-block accuracy"),
        f"leakage/{_probe}_control": Words(
            "shuffled", f"{_who}: the worst off-block accuracy with shuffled labels"
        ),
        f"leakage/{_probe}_chance": Words("chance", "chance of the worst off-block cell"),
        f"leakage/residual_{_probe}_worst": Words("residual", f"{_who}: the worst accuracy on the residual"),
        f"leakage/remainder_{_probe}_worst": Words(
            "remainder", f"{_who}: the worst accuracy on what the front keeps from the flow"
        ),
    }
for _name, _who in _BASELINES.items():
    SCORES |= {
        f"baseline/{_name}_joint_reader": Words(
            "joint (reader)", f"joint by the independent reader, of {_who}"
        ),
        f"baseline/{_name}_joint_head": Words("joint (head)", f"joint by the model's own head, of {_who}"),
        f"baseline/{_name}_leak_worst": Words("worst leak", f"worst leak of {_who}"),
        f"baseline/{_name}_mig": Words("grouped MIG", f"grouped MIG of {_who}"),
    }
for _name, _who in _FAMILIES.items():
    SCORES[f"families/{_name}_worst"] = Words(_name, f"{_who}: the off-block accuracy furthest above chance")
SCORES |= {
    "families/worst": Words("worst of families", "the worst leak that any family of probes finds"),
    "families/residual_worst": Words("worst on residual", "the same on the residual alone"),
    "dependence/distance_correlation": Words(
        "distance correlation", "of the two blocks that depend most; 0 on average if independent"
    ),
    "dependence/distance_correlation_p": Words("p", "its permutation p-value, times the number of pairs"),
    "dependence/critic_nats": Words(
        "pair critic", "what all other blocks together tell of a concept at least, in nats; 0 is best"
    ),
    "dependence/critic_nats_p": Words("p", "its permutation p-value, times the number of concepts"),
    "conditional/worst": Words(
        "conditional leak",
        "accuracy for a foreign concept by a reader who knows the block's own concept; chance is a reader "
        "who knows that alone",
    ),
    "dependence/hsic": Words("HSIC", "of the two blocks that depend most; no natural scale"),
    "dependence/hsic_p": Words("p", "its permutation p-value, times the number of pairs"),
    "dependence/total_correlation": Words(
        "total correlation", "between all blocks if the code were Gaussian, in nats, bias-corrected"
    ),
}
_PER_DIMENSION = {
    "mig": "mutual information gap",
    "modularity": "each dimension tells of one concept; noise scores high, see explicitness",
    "explicitness": "AUC of logistic regressions on the whole code",
    "sap": "gap between the two dimensions that a linear SVM reads best",
    "dci_disentanglement": "each dimension matters to one concept, by boosted trees",
    "dci_completeness": "each concept is told by one dimension, by boosted trees",
    "dci_informativeness": "accuracy of the boosted trees",
    "irs": "interventional robustness; noise scores 0.33",
    "factor_vae": "the dimension that varies least tells which concept was held",
    "beta_vae": "mean differences of pairs tell which concept they share",
}
for _name, _who in _PER_DIMENSION.items():
    SCORES[f"per_dimension/{_name}"] = Words(_name, f"per dimension: {_who}")
