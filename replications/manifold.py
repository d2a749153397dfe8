"""Draft."""
from pathlib import Path
from rich.console import Console
from replications import jobs
from replications.manifold_runs import Plan, Run, planned
from replications.options import parser

def main(arguments=None):
    made = parser(__doc__, "manifold")
    made.add_argument("--sets", nargs="+", default=["cifar-10", "fashion-mnist", "mnist"])
    o = made.parse_args(arguments)
    plan = Plan(o.logdir, o.data)
    runs = [r for d in o.sets for r in planned(d)]
    jobs.run(runs, plan.train, o.workers, Console(), cost=lambda r: r.cost, done=lambda r: plan.archive(r).exists())

if __name__ == "__main__":
    main()
