"""Steps of records as ``LogSpaced`` spaces them."""

from lightning_infogeo.schedules import Clock, LogSpaced


def log_steps(last=4000, per_decade=24):
    steps, schedule = [0], LogSpaced(per_decade)
    while steps[-1] < last:
        steps.append(min(schedule.next_step(steps[-1], Clock(steps[-1])), last))
    return steps
