"""Every figure once more, by somebody else: plain NumPy and loops, from the definitions, nothing of
ours imported and no library asked.

    python independent.py OUTPUTS.npz [FLOAT.npz]

prints the figures of files with `scores` [samples, classes] and `labels` [samples] as JSON.
"""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction

import numpy as np

# --- classes -------------------------------------------------------------------------------------


def softmax_or_shares(scores):
    rows = []
    logits = any(v < 0 or v > 1 for row in scores for v in row)
    for row in scores:
        row = [float(v) for v in row]
        if logits:
            top = max(row)
            row = [math.exp(v - top) for v in row]
        total = sum(row)
        rows.append([v / total if total else 1 / len(row) for v in row])
    return rows


def ranking(row):
    return sorted(range(len(row)), key=lambda c: (-row[c], c))


def top_k(scores, labels, k):
    hits = [label in ranking(row)[:k] for row, label in zip(scores, labels, strict=True)]
    return sum(hits) / len(hits)


def per_class(predicted, labels, classes):
    figures = []
    for c in range(classes):
        tp = sum(p == c and t == c for p, t in zip(predicted, labels, strict=True))
        fp = sum(p == c and t != c for p, t in zip(predicted, labels, strict=True))
        fn = sum(p != c and t == c for p, t in zip(predicted, labels, strict=True))
        precision = tp / (tp + fp) if tp + fp else None
        recall = tp / (tp + fn) if tp + fn else None
        f1 = None if tp + fp + fn == 0 else 2 * tp / (2 * tp + fp + fn)
        figures.append((precision, recall, f1, tp + fn))
    return figures


def macro_f1(predicted, labels, classes):
    known = [f1 for _, _, f1, _ in per_class(predicted, labels, classes) if f1 is not None]
    return sum(known) / len(known)


def ece(confidence, right, bins=15):
    total = 0.0
    for b in range(bins):
        inside = [
            (c, r)
            for c, r in zip(confidence, right, strict=True)
            if (b / bins < c <= (b + 1) / bins) or (b == 0 and c == 0)
        ]
        if inside:
            sure = sum(c for c, _ in inside) / len(inside)
            correct = sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(sure - correct)
    return total


def kl(scores, reference, least=1e-6):
    found = []
    for q, p in zip(softmax_or_shares(scores), softmax_or_shares(reference), strict=True):
        q, p = [max(v, least) for v in q], [max(v, least) for v in p]
        q, p = [v / sum(q) for v in q], [v / sum(p) for v in p]
        found.append(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
    return sum(found) / len(found)


def drift(scores, reference):
    own, other = softmax_or_shares(scores), softmax_or_shares(reference)
    gaps = [a[ranking(b)[0]] - b[ranking(b)[0]] for a, b in zip(own, other, strict=True)]
    return sum(gaps) / len(gaps)


# --- how sure ------------------------------------------------------------------------------------


def wilson(hits, n, z=1.959963984540054):
    """Both shares p with |hits/n - p| = z sqrt(p (1-p) / n): the roots of a quadratic."""
    p = hits / n
    a, b, c = 1 + z * z / n, -(2 * p + z * z / n), p * p
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def mcnemar(right, other):
    gained = sum(a and not b for a, b in zip(right, other, strict=True))
    lost = sum(b and not a for a, b in zip(right, other, strict=True))
    n = gained + lost
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(min(gained, lost) + 1))
    return float(min(Fraction(1), 2 * tail))


def all_flips(values, other):
    """The exact p of the paired exchange, over all 2^n of them."""
    gaps = [a - b for a, b in zip(values, other, strict=True)]
    whole, large, n = abs(sum(gaps)), 0, len(gaps)
    for code in range(2**n):
        signed = sum(-g if code >> i & 1 else g for i, g in enumerate(gaps))
        large += abs(signed) >= whole - 1e-9
    return large / 2**n


# --- values --------------------------------------------------------------------------------------


def auc(scores, positive):
    above = [s for s, p in zip(scores, positive, strict=True) if p]
    below = [s for s, p in zip(scores, positive, strict=True) if not p]
    if not above or not below:
        return None
    wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in above for b in below)
    return wins / (len(above) * len(below))


def r2(values, truth):
    found = []
    for f, y in zip(np.transpose(values), np.transpose(truth), strict=True):
        mean = sum(y) / len(y)
        spread = sum((v - mean) ** 2 for v in y)
        if spread:
            found.append(1 - sum((a - b) ** 2 for a, b in zip(f, y, strict=True)) / spread)
    return sum(found) / len(found) if found else None


def cosine(a, b):
    a, b = [float(v) for v in np.ravel(a)], [float(v) for v in np.ravel(b)]
    size = math.sqrt(sum(v * v for v in a)) * math.sqrt(sum(v * v for v in b))
    if size == 0:
        return 1.0 if not any(a) and not any(b) else 0.0
    return sum(x * y for x, y in zip(a, b, strict=True)) / size


def sqnr_db(values, reference):
    a, b = np.ravel(values).astype(float), np.ravel(reference).astype(float)
    return 10 * math.log10(sum(v * v for v in b) / sum((x - y) ** 2 for x, y in zip(a, b)))  # noqa: B905


def recall_at_1(embeddings, labels):
    hits = []
    for i, label in enumerate(labels):
        if label < 0 or sum(other == label for other in labels) < 2:
            continue
        near = [(cosine(embeddings[i], e), -j) for j, e in enumerate(embeddings) if j != i]
        hits.append(labels[-max(near)[1]] == label)
    return hits


# --- masks ---------------------------------------------------------------------------------------


def masks(told, truth, classes, void=255):
    told, truth = np.ravel(told), np.ravel(truth)
    told, truth = told[truth != void], truth[truth != void]
    iou = []
    for c in range(classes):
        joint = np.sum((told == c) | (truth == c))
        iou.append(float(np.sum((told == c) & (truth == c)) / joint) if joint else None)
    known = [v for v in iou if v is not None]
    right = float(np.mean(told == truth)) if len(truth) else None
    return iou, sum(known) / len(known) if known else None, right


# --- boxes: Microsoft COCO -----------------------------------------------------------------------
# A picture's boxes are rows (left, top, right, bottom, class, score, crowd).


def overlap(d, g):
    width = min(d[2], g[2]) - max(d[0], g[0])
    height = min(d[3], g[3]) - max(d[1], g[1])
    if width <= 0 or height <= 0:
        return 0.0
    own, other = (d[2] - d[0]) * (d[3] - d[1]), (g[2] - g[0]) * (g[3] - g[1])
    shared = width * height
    return shared / own if g[6] else shared / (own + other - shared)


def match(found, truth, least):
    """For each found box, strongest first: (score, "hit" | "miss" | "ignored")."""
    found = sorted(found, key=lambda d: -d[5])[:100]
    taken, answers = set(), []
    for d in found:
        best, best_iou = None, min(least, 1 - 1e-10)
        for i, g in enumerate(truth):  # a real box is preferred to a crowd
            if not g[6] and i not in taken and overlap(d, g) >= best_iou:
                best, best_iou = i, overlap(d, g)
        if best is not None:
            taken.add(best)
            answers.append((d[5], "hit"))
        elif any(g[6] and overlap(d, g) >= min(least, 1 - 1e-10) for g in truth):
            answers.append((d[5], "ignored"))
        else:
            answers.append((d[5], "miss"))
    return answers


def average_precision(found, truth, wanted, least):
    answers, labels = [], 0
    for boxes, real in zip(found, truth, strict=True):
        own = [b for b in boxes if b[4] == wanted]
        known = [b for b in real if b[4] == wanted]
        labels += sum(not b[6] for b in known)
        answers += match(own, known, least)
    if not labels:
        return None
    answers.sort(key=lambda a: -a[0])
    points, hits, seen = [], 0, 0
    for _, answer in answers:
        if answer == "ignored":
            continue
        seen += 1
        hits += answer == "hit"
        points.append((hits / labels, hits / seen))
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        total += max((p for r, p in points if r >= recall), default=0.0)
    return total / 101


def mean_average_precision(found, truth, levels):
    classes = {b[4] for boxes in truth for b in boxes}
    each = [average_precision(found, truth, c, level) for c in classes for level in levels]
    known = [v for v in each if v is not None]
    return sum(known) / len(known) if known else None


def suppress(boxes, same):
    kept = []
    for b in sorted(boxes, key=lambda b: -b[5]):
        if all(k[4] != b[4] or overlap(b, k) <= same for k in kept):
            kept.append(b)
    return kept


# --- the script ----------------------------------------------------------------------------------


def figures(scores, labels, reference=None):
    keep = labels >= 0
    shares = softmax_or_shares(scores)
    predicted = [ranking(row)[0] for row in scores]
    right = [p == t for p, t, k in zip(predicted, labels, keep, strict=True) if k]
    known = [p for p, k in zip(predicted, keep, strict=True) if k]
    sure = [max(row) for row, k in zip(shares, keep, strict=True) if k]
    told = {
        "accuracy": sum(right) / len(right),
        "interval": wilson(sum(right), len(right)),
        "top5": top_k(scores[keep], labels[keep], 5),
        "macro-f1": macro_f1(known, labels[keep], scores.shape[1]),
        "ece": ece(sure, right),
    }
    if reference is not None:
        other = [ranking(row)[0] for row in reference]
        theirs = [p == t for p, t, k in zip(other, labels, keep, strict=True) if k]
        pairs = list(zip(scores, reference, strict=True))
        told |= {
            "agreement": sum(a == b for a, b in zip(predicted, other, strict=True)) / len(other),
            "p": mcnemar(right, theirs),
            "kl": kl(scores, reference),
            "confidence-drift": drift(scores, reference),
            "cosine": sum(cosine(a, b) for a, b in pairs) / len(pairs),
            "sqnr-db": sqnr_db(scores, reference),
        }
    return told


if __name__ == "__main__":
    own = np.load(sys.argv[1])
    beside = np.load(sys.argv[2])["scores"] if len(sys.argv) > 2 else None
    print(json.dumps(figures(own["scores"], own["labels"], beside)))
