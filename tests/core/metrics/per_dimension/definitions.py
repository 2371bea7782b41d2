"""The definitions once more, entry by entry in plain loops: what the fast forms are held against."""

import math
from collections import Counter

import numpy as np


def bins_of(values: np.ndarray, n_bins: int = 20) -> list[int]:
    """The equal-width bin of each value; the largest value is in the last one."""
    low, high = float(values.min()), float(values.max())
    edges = [low + i * (high - low) / n_bins for i in range(n_bins)]
    return [sum(edge <= value for edge in edges) for value in values.tolist()]


def information(a: list[int], b: list[int]) -> float:
    """Mutual information in nats by counting."""
    n = len(a)
    of_a, of_b, of_both = Counter(a), Counter(b), Counter(zip(a, b, strict=True))
    return sum(c / n * math.log(c * n / (of_a[x] * of_b[y])) for (x, y), c in of_both.items())


def informations(code: np.ndarray, table: np.ndarray) -> list[list[float]]:
    """Of each dimension (rows) with each factor (columns)."""
    return [[information(bins_of(z), v.tolist()) for v in table.T] for z in code.T]


def mig(code: np.ndarray, table: np.ndarray) -> float:
    """Mean of gaps in units of the factor's entropy."""
    gaps = []
    for values, column in zip(table.T, np.array(informations(code, table)).T, strict=True):
        first, second = sorted(column, reverse=True)[:2]
        gaps.append((first - second) / information(values.tolist(), values.tolist()))
    return sum(gaps) / len(gaps)


def modularity(code: np.ndarray, table: np.ndarray) -> float:
    """Mean over dimensions of 1 − the squared information on other factors in units of the best."""
    found = []
    for row in informations(code, table):
        best = max(row)
        others = sum(value**2 for i, value in enumerate(row) if i != row.index(best))
        found.append(1 - others / (best**2 * (len(row) - 1)))
    return sum(found) / len(found)


def sap_continuous(code: np.ndarray, table: np.ndarray) -> float:
    """Mean gap of squared correlations."""
    gaps = []
    for v in table.T:
        squares = sorted(np.corrcoef(z, v)[0, 1] ** 2 for z in code.T)
        gaps.append(squares[-1] - squares[-2])
    return float(np.mean(gaps))


def irs(code: np.ndarray, table: np.ndarray, quantile: float = 0.99) -> float:
    """Robust dimensions stay where they are while some factor is held."""
    best, weights = [], []
    for z in code.T:
        largest = max(abs(z - z.mean()))
        robust = []
        for v in table.T:
            bins = np.array(bins_of(v))
            held = [
                np.quantile(abs(z[bins == b] - z[bins == b].mean()), quantile) for b in set(bins.tolist())
            ]
            robust.append(1 - sum(held) / len(held) / largest)
        best.append(max(robust))
        weights.append(largest)
    return sum(b * w for b, w in zip(best, weights, strict=True)) / sum(weights)


def concentration(importance: np.ndarray) -> float:
    """DCI's disentanglement of importances (dimensions, factors)."""
    total, score = importance.sum(), 0.0
    for row in importance:
        shares = [(value + 1e-11) / (row + 1e-11).sum() for value in row]
        entropy = -sum(p * math.log(p, len(row)) for p in shares)
        score += (1 - entropy) * row.sum() / total
    return score


def votes(code: np.ndarray, factor: np.ndarray, rows: np.ndarray, n_factors: int) -> np.ndarray:
    """FactorVAE's votes (dimensions, factors) where every dimension takes part."""
    counts = np.zeros((code.shape[1], n_factors), dtype=int)
    whole = [np.var(z, ddof=1) for z in code.T]
    for j, batch in zip(factor, rows, strict=True):
        relative = [np.var(z[batch], ddof=1) / w for z, w in zip(code.T, whole, strict=True)]
        counts[relative.index(min(relative)), j] += 1
    return counts
