"""Writes the page of every method on every feature set from finished comparisons: scripts/field.sh.

    field.py --out PAGE.md COMPARISON…

A comparison is a folder with against-joint.json, against-uniform.json, against-modality-dropout.json (results.json with that
baseline) and tuning.json. Tests of one set are Seesaw's own: over seeds and test samples, Holm over the methods. Tests over sets
are SciPy's: Friedman's and Nemenyi's by ranks, Wilcoxon's signed ranks, Spearman's correlation.
"""

import argparse
import json
import math
from pathlib import Path

import numpy
from scipy import stats

BASELINES = ["joint", "uniform", "modality-dropout"]
# Not methods of the field: what it is compared with, and what is ours.
PLAIN = {"joint", "unimodal", "uniform", "logistic", "modality-dropout", "augment", "pretrained-frozen", "pretrained-finetuned"}
OURS = "fulcrum"
SIGNIFICANT = 0.05


class Comparison:
    def __init__(self, folder: Path):
        self.name = folder.name
        self.results = {b: json.loads((folder / f"against-{b}.json").read_text("utf-8")) for b in BASELINES}
        self.tuning = json.loads((folder / "tuning.json").read_text("utf-8"))
        self.rows = {m["name"]: m for m in self.results["joint"]["methods"]}
        self.seeds = len(self.rows["joint"]["runs"])
        self.tests = {}
        for baseline, results in self.results.items():
            for t in results["tests"]:
                first, second = t["methods"]
                sign = 1 if first == baseline else -1
                if baseline in t["methods"]:
                    other = second if sign > 0 else first
                    joint = t.get("joint") or {}
                    p = joint.get("adjusted", joint.get("p", t.get("adjusted", t["p"])))
                    self.tests[baseline, other, t["quantity"]] = (sign * t["difference"], p)
        self.defaults = self.default_scores(folder)

    def default_scores(self, folder: Path) -> dict[str, tuple[float, float]]:
        """By method whose chosen trial is not the default: the test scores of both with seed 0."""
        found = {}
        for row in self.tuning["rows"]:
            chosen = next((t["number"] for t in row["trials"] if t.get("chosen")), 0)
            paths = [folder / row["name"] / "trials" / f"trial-{n}" / "evaluation.json" for n in (0, chosen)]
            if chosen and all(path.exists() for path in paths):
                found[row["name"]] = tuple(json.loads(p.read_text("utf-8"))["scores"]["full"] for p in paths)
        return found

    def value(self, method: str, quantity: str) -> float | None:
        if method not in self.rows:
            return None
        mean = self.rows[method]["mean"]
        group, _, key = quantity.partition(".")
        if not key:
            return mean["scores"].get(quantity)
        return mean.get({"average": "average", "gap": "gap", "regret": "regret"}[group], {}).get(key)

    def difference(self, method: str, quantity: str, baseline: str = "joint") -> tuple[float, float | None] | None:
        """In points, with the corrected p; None where it was not measured; p is None where it was not tested."""
        if found := self.tests.get((baseline, method, quantity)):
            return 100 * found[0], found[1]
        ours, theirs = self.value(method, quantity), self.value(baseline, quantity)
        return None if ours is None or theirs is None else (100 * (ours - theirs), None)

    def seconds(self, method: str) -> float | None:
        return self.rows.get(method, {}).get("seconds")

    def updates(self, method: str) -> float:
        runs = self.rows[method]["runs"]
        return float(numpy.mean([r.get("updates", 0) + r.get("otherUpdates", 0) for r in runs]))


def signed(value: float, digits: int = 1) -> str:
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text.replace("−0.0", "0.0").replace("+0.0", "0.0") if float(f"{value:.{digits}f}") == 0 else text


def plain(value: float) -> str:
    return signed(value).removeprefix("+")


def chance(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}" if p < 0.01 else f"p = {p:.2f}"


def listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def counted(found: dict[str, list[str]], most: int = 6) -> str:
    """`PMR (3), DGL (2)`: methods by the number of sets."""
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    shown = [f"`{name}` ({len(sets)})" for name, sets in ranked[:most]]
    return listed(shown + ([f"{len(ranked) - most} more"] if len(ranked) > most else [])) if ranked else "none"


class Field:
    def __init__(self, sets: list[Comparison]):
        self.sets = sets
        shared = set.intersection(*(set(s.rows) for s in sets))
        self.all = list(dict.fromkeys(m for s in sorted(sets, key=lambda s: -len(s.rows)) for m in s.rows))
        # On every set: what is ranked over the sets.
        self.methods = [m for m in self.all if m in shared]
        self.published = [m for m in self.all if m not in PLAIN and m != OURS]

    def beyond(self, baseline: str, quantity: str, sign: int, methods: list[str] | None = None) -> dict[str, list[str]]:
        """By method the sets on which it is above (1) or below (−1) the baseline beyond noise."""
        found: dict[str, list[str]] = {}
        for method in methods or self.all:
            for one in self.sets:
                test = one.difference(method, quantity, baseline)
                if method != baseline and test and test[1] is not None and test[1] < SIGNIFICANT and sign * test[0] > 0:
                    found.setdefault(method, []).append(one.name)
        return found

    def mean(self, method: str, quantity: str, baseline: str = "joint") -> float:
        found = [d[0] for one in self.sets if (d := one.difference(method, quantity, baseline))]
        return float(numpy.mean(found)) if found else math.nan

    def ranks(self, quantity: str, lowest_first: bool = False) -> tuple[dict[str, float], float, float]:
        """Mean ranks over the sets, Friedman's p, and Nemenyi's critical difference at 5 %."""
        table = numpy.array([[one.value(m, quantity) for m in self.methods] for one in self.sets], dtype=float)
        ranks = numpy.array([stats.rankdata(row if lowest_first else -row) for row in table])
        n, k = table.shape
        p = stats.friedmanchisquare(*table.T).pvalue
        critical = stats.studentized_range.ppf(1 - SIGNIFICANT, k, numpy.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n))
        return dict(zip(self.methods, ranks.mean(0))), float(p), float(critical)

    def absences(self) -> str:
        """Which methods are not on every set."""
        gaps = {m: [s.name for s in self.sets if m not in s.rows] for m in self.all if m not in self.methods}
        words = [f"`{m}` cannot be trained on {listed(sets)}, and so has no rank over the sets" for m, sets in gaps.items()]
        return "; " + "; ".join(words) if words else ""

    # What holds up

    def sentences(self) -> list[str]:
        sets, others = len(self.sets), len(self.all) - 1
        everywhere = [m for m in self.published if m in self.methods]
        out = []

        above, below = self.beyond("joint", "full", 1), self.beyond("joint", "full", -1)
        out.append(
            f"**With everything there, {len(above)} of {others} methods are above joint training beyond noise on any of the {sets} sets** "
            f"(in brackets on how many): {counted(above)}; below it on at least one are {len(below)}: {counted(below)}. "
            f"*Seeds and samples, Holm over {others}.*")

        ranks, p, critical = self.ranks("full")
        better = [m for m in self.methods if ranks["joint"] - ranks[m] > critical]
        worse = [m for m in self.methods if ranks[m] - ranks["joint"] > critical]
        best = sorted(self.methods, key=ranks.get)[:3]
        out.append(
            f"**Over the sets, {len(better)} methods rank above joint training with everything there by more than chance, "
            f"{len(worse)} below**: best by mean rank are {listed([f'`{m}` ({ranks[m]:.1f})' for m in best])}, joint training has "
            f"{ranks['joint']:.1f} of {len(self.methods)}. *Friedman {chance(p)}; Nemenyi's critical difference of mean ranks "
            f"is {critical:.1f}.*")

        plain = self.beyond("joint", "average.missing", 1, ["uniform"])
        over = self.beyond("uniform", "average.missing", 1, self.published)
        often = {m: s for m, s in over.items() if len(s) > sets / 2}
        out.append(
            f"**With a modality silently missing, unimodal losses beside the joint one (`uniform`) are above joint training on "
            f"{len(plain.get('uniform', []))} of {sets} sets**, by {signed(self.mean('uniform', 'average.missing'))} points on average; of "
            f"{len(self.published)} published methods {len(over)} are above `uniform` on any set, {len(often)} on more than half of them: {counted(often or over)}. "
            f"*Seeds and samples, Holm over {others}.*")

        over = self.beyond("modality-dropout", "average.missing", 1, self.published)
        under = self.beyond("modality-dropout", "average.missing", -1, self.published)
        always = [m for m, s in under.items() if len(s) == sets]
        out.append(
            f"**With a modality silently missing, {len(over)} of {len(self.published)} published methods are above plain modality dropout "
            f"on any set, {len(under)} below it on at least one** ({len(always)} on all): above are {counted(over)}. "
            f"*Seeds and samples, Holm over {others}.*")

        told = [100 * (s.value("joint", "average.absent") - s.value("joint", "average.missing")) for s in self.sets]
        p = stats.wilcoxon(told).pvalue
        told_joint = {s.name: s.value("joint", "average.absent") for s in self.sets}
        reach = [
            m for m in everywhere
            if numpy.mean([s.value(m, "average.missing") - told_joint[s.name] for s in self.sets]) > 0]
        out.append(
            f"**Telling joint training what is missing is worth {signed(float(numpy.mean(told)))} points, without training anew**; untold, "
            f"{len(reach)} of {len(everywhere)} published methods reach joint training that is told, on average over the sets"
            f"{': ' + listed([f'`{m}`' for m in reach]) if reach else ''}. *Wilcoxon's signed ranks over the sets, {chance(p)}.*")

        told_methods = {
            m: 100 * float(numpy.mean([s.value(m, "average.absent") - told_joint[s.name] for s in self.sets]))
            for m in self.methods if m != "joint"}
        p_of = {
            m: stats.wilcoxon([s.value(m, "average.absent") - told_joint[s.name] for s in self.sets]).pvalue
            for m in everywhere}
        corrected = dict(zip(p_of, holm(list(p_of.values()))))
        spread, spread_told = (
            [numpy.std([100 * s.value(m, quantity) for m in self.methods]) for s in self.sets]
            for quantity in ("average.missing", "average.absent"))
        p = stats.wilcoxon(spread, spread_told).pvalue
        top = sorted(told_methods, key=told_methods.get, reverse=True)[:3]
        out.append(
            f"**Where every method is told what is missing, the methods' spread is {numpy.mean(spread_told):.1f} points** (standard deviation; "
            f"untold {numpy.mean(spread):.1f}); most above told joint training are {listed([f'`{m}` ({signed(told_methods[m])})' for m in top])}. *Wilcoxon over the sets, {chance(p)}; single "
            f"methods cannot be told apart by {sets} sets: the least corrected p is {min(corrected.values()):.2f}.*")

        rhos = []
        for one in self.sets:
            there = [m for m in self.all if m in one.rows]
            test = stats.spearmanr(
                [one.value(m, "gap.missing") for m in there], [one.value(m, "average.missing") for m in there])
            rhos.append((one.name, float(test.statistic), float(test.pvalue)))
        adjusted = holm([r[2] for r in rhos])
        small = sum(1 for r, a in zip(rhos, adjusted) if a < SIGNIFICANT and r[1] < 0)
        large = sum(1 for r, a in zip(rhos, adjusted) if a < SIGNIFICANT and r[1] > 0)
        out.append(
            f"**Over the methods, a smaller gap between modalities goes with a higher average with a modality missing on {small} of {sets} "
            f"sets, and with a lower one on {large}**: the rank correlation lies between "
            f"{signed(min(r[1] for r in rhos), 2)} and {signed(max(r[1] for r in rhos), 2)}. *Spearman, Holm over the sets.*")

        words = []
        for quantity, name in [("full", "with everything there"), ("average.missing", "with a modality missing"), ("gap.missing", "in the gap")]:
            up = self.beyond("uniform", quantity, 1, ["balgrad"]).get("balgrad", [])
            down = self.beyond("uniform", quantity, -1, ["balgrad"]).get("balgrad", [])
            words.append(f"{name} on {len(up)} sets higher and on {len(down)} lower ({signed(self.mean('balgrad', quantity, 'uniform'))} points)")
        out.append(
            f"**BalGrad beside its own unimodal losses (`uniform`)** is {'; '.join(words)}. *Seeds and samples, Holm over {others}.*")

        ranks, p, critical = self.ranks("regret.worst", lowest_first=True)
        lowest = sorted(self.methods, key=ranks.get)
        wins = {m: sum(1 for s in self.sets if min(self.methods, key=lambda x: s.value(x, "regret.worst")) == m) for m in self.methods}
        apart = sum(1 for m in self.methods if ranks[m] - ranks[lowest[0]] > critical)
        out.append(
            f"**What is given away at worst is least with `{lowest[0]}`** (mean rank {ranks[lowest[0]]:.1f}; then "
            f"{listed([f'`{m}` ({ranks[m]:.1f})' for m in lowest[1:4]])}): it is the least on {wins[lowest[0]]} of {sets} sets, and "
            f"{apart} of {len(self.methods) - 1} methods rank below it by more than chance. *Friedman {chance(p)}; Nemenyi's critical difference is {critical:.1f}. "
            f"Which conditions a method saw in training stands beside its name.*")

        ratios = {m: self.ratio(m) for m in self.all if m not in ("joint", "logistic")}
        gains = {m: self.mean(m, "full") for m in ratios}
        test = stats.spearmanr(list(ratios.values()), list(gains.values()))
        dear = [m for m, r in ratios.items() if r > 2]
        tuned = [100 * (b - a) for s in self.sets for a, b in s.defaults.values()]
        share = sum(len(s.defaults) for s in self.sets) / sum(len(s.rows) for s in self.sets)
        low, high = stats.t.interval(0.95, len(tuned) - 1, numpy.mean(tuned), stats.sem(tuned)) if len(tuned) > 2 else (math.nan, math.nan)
        out.append(
            f"**With everything there, what a method takes in time and what it gains go together with a rank correlation of "
            f"{signed(float(test.statistic), 2)}** ({chance(float(test.pvalue))}; {len(dear)} methods take more than twice joint training's time); the search "
            f"left the defaults for {100 * share:.0f} % of the rows, where its choice is {signed(float(numpy.mean(tuned)) if tuned else math.nan)} "
            f"points from the default on test data ({signed(low)} to {signed(high)}). *Spearman over the methods; Student's t over {len(tuned)} rows.*")
        return out

    def ratio(self, method: str) -> float:
        found = [s.seconds(method) / s.seconds("joint") for s in self.sets if s.seconds(method) and s.seconds("joint")]
        return float(numpy.median(found)) if found else math.nan

    # Tables

    def table(self, title: str, quantity: str, note: str) -> str:
        sets = [s for s in self.sets if s.value("joint", quantity) is not None]
        lines = [f"## {title}\n", note + "\n", "| method | " + " | ".join(s.name for s in sets) + " | mean |", "|:--|" + "--:|" * (len(sets) + 1)]
        base = " | ".join(f"{100 * s.value('joint', quantity):.1f}" for s in sets)
        mean = numpy.mean([100 * s.value("joint", quantity) for s in sets])
        lines.append(f"| joint, in % | {base} | {mean:.1f} |")
        for method in self.all:
            if method == "joint":
                continue
            cells = []
            for one in sets:
                found = one.difference(method, quantity)
                cells.append("–" if found is None else signed(found[0]) + ("\\*" if found[1] is not None and found[1] < SIGNIFICANT else ""))
            lines.append(f"| {self.label(method)} | {' | '.join(cells)} | {signed(self.mean(method, quantity))} |")
        return "\n".join(lines) + "\n"

    def regret(self) -> str:
        lines = ["## Regret\n", "Worst and mean regret in points: what a method gives away against the specialist of a condition.\n"]
        lines += ["| method | " + " | ".join(s.name for s in self.sets) + " | mean |", "|:--|" + "--:|" * (len(self.sets) + 1)]
        for method in self.all:
            there = [s for s in self.sets if method in s.rows]
            pairs = {s.name: (100 * s.value(method, "regret.worst"), 100 * s.value(method, "regret.mean")) for s in there}
            cells = [" / ".join(map(plain, pairs[s.name])) if s.name in pairs else "–" for s in self.sets]
            cells.append(" / ".join(map(plain, numpy.mean(list(pairs.values()), 0))))
            lines.append(f"| {self.label(method)} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def cost(self) -> str:
        lines = [
            "## What it takes\n",
            "Updates, with those of models trained besides, and training time as a multiple of joint training's (median over the sets); and on "
            "how many sets the search left the defaults. Trainings ran side by side, beside other work: times tell dear from cheap; `make bench-costs` "
            "compares steps.\n",
            "| method | updates | time | tuned |", "|:--|--:|--:|--:|"]
        for method in self.all:
            updates = numpy.median([s.updates(method) / s.updates("joint") for s in self.sets if method in s.rows])
            tuned = sum(1 for s in self.sets if method in s.defaults)
            lines.append(f"| {self.label(method)} | {updates:.1f} × | {self.ratio(method):.1f} × | {tuned} |")
        return "\n".join(lines) + "\n"

    def label(self, method: str) -> str:
        rows = next(s.rows for s in self.sets if method in s.rows)
        sees = [w for w in rows[method].get("sees", []) if w != "clean"]
        return f"`{method}`" + (f" ({', '.join(sees)})" if sees else "")


def holm(ps: list[float]) -> list[float]:
    order = numpy.argsort(ps)
    out, most = [0.0] * len(ps), 0.0
    for place, index in enumerate(order):
        most = max(most, min(1.0, (len(ps) - place) * ps[index]))
        out[index] = most
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("comparisons", nargs="+", type=Path)
    arguments = parser.parse_args()
    field = Field([Comparison(folder) for folder in arguments.comparisons])
    seeds = {s.seeds for s in field.sets}
    trials = {s.tuning["trials"] for s in field.sets}
    text = [
        "# The field: every method on every set\n",
        f"Made by `scripts/field.sh DATA-FOLDER` ({len(field.all)} methods, {len(field.sets)} feature sets, "
        f"{'/'.join(map(str, sorted(seeds)))} seeds, {'/'.join(map(str, sorted(trials)))} trials of a search by validation score for every row: learning "
        "rate and the method's own numbers, trial 0 the defaults). Every row has the same epochs, optimizer, features and selection of the epoch; "
        "choices are by validation data, all numbers are of test data. `…-pretrained` is EfficientNet-Lite0 and MiniLM, the others are Seesaw's own "
        "features or those that the data come with. *Missing* is silent, *absent* is declared ([standing](../standing.md)). "
        "\\* differs from joint training beyond noise: over seeds and test samples, Holm over all methods of the set.\n",
        f"Ten sentences, each with its test; they are computed from the tables, and no method was left out{field.absences()}.\n",
        "\n".join(f"{n}. {s}" for n, s in enumerate(field.sentences(), 1)) + "\n",
        field.table("With everything there", "full", "Joint training's score, and the others' difference from it in points."),
        field.table("A modality missing, and nobody says so", "average.missing", "The average over the modalities, as above."),
        field.table(
            "A modality absent, and the model is told", "average.absent",
            "The average over the modalities, as above. Each method answers as validation data chose; single differences are not tested."),
        field.table("A modality noisy", "average.noisy", "The average over the modalities, as above, where noise can be put on the raw inputs."),
        field.regret(),
        field.cost(),
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(text), "utf-8")


if __name__ == "__main__":
    main()
