"""What happens to single samples, by the definitions: one sample, record and class after the other."""

import math


def slow_answers(p, labels):
    """(ln p(label), ln p(strongest other), predicted) of probabilities p[record][sample][class]."""
    records = []
    for record in p:
        row = []
        for probabilities, label in zip(record, labels, strict=True):
            others = [value for c, value in enumerate(probabilities) if c != label]
            predicted = max(range(len(probabilities)), key=lambda c, own=probabilities: (own[c], -c))
            row.append((math.log(probabilities[label]), math.log(max(others)), predicted))
        records.append(row)
    return records


def slow_summary(p, labels):
    """For each sample a dict of everything that is measured over a run."""
    answers, found = slow_answers(p, labels), []
    for n, label in enumerate(labels):
        course = [record[n][label] for record in p]
        right = [answers[t][n][2] == label for t in range(len(p))]
        mean = sum(course) / len(course)
        forgetting = 0
        for t in range(1, len(p)):
            if right[t - 1] and not right[t]:
                forgetting += 1
        since = -1
        for t in range(len(p)):
            if all(right[t:]):
                since = t
                break
        found.append(
            {
                "confidence": mean,
                "variability": math.sqrt(sum((value - mean) ** 2 for value in course) / len(course)),
                "correctness": sum(right) / len(right),
                "forgetting": forgetting,
                "area": sum(answers[t][n][0] - answers[t][n][1] for t in range(len(p))) / len(p),
                "right": right,
                "since": since,
                "now": course[-1],
                "sure": max(p[-1][n]),
            }
        )
    return found


def slow_lists(p, labels):
    """The lists of the last record, each of sample indices in order."""
    found = slow_summary(p, labels)
    samples = range(len(labels))
    wrong = [n for n in samples if not found[n]["right"][-1]]
    late = [n for n in samples if found[n]["since"] > 0]
    return {
        "forgotten": sorted((n for n in wrong if any(found[n]["right"])), key=lambda n: found[n]["now"]),
        "confidently_wrong": sorted(wrong, key=lambda n: -found[n]["sure"]),
        "never_learnt": sorted(
            (n for n in samples if not any(found[n]["right"])), key=lambda n: found[n]["confidence"]
        ),
        "memorised_late": sorted(late, key=lambda n: (-found[n]["since"], found[n]["confidence"])),
        "ranked": sorted(samples, key=lambda n: found[n]["area"]),
    }


def slow_distance(p, q):
    """Fisher–Rao distance of two probability vectors, rad."""
    return 2 * math.acos(min(1.0, sum(math.sqrt(a * b) for a, b in zip(p, q, strict=True))))
