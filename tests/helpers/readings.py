"""Everything that can be read from a monitor."""


def readings(monitor):
    kept = any(trajectory.kept for trajectory in monitor.trajectories.values())
    texts = [text.get_text() for text in monitor.picture().texts] if kept else []
    return (
        texts,
        {name: trajectory.state_dict() for name, trajectory in monitor.trajectories.items()},
        {name: tuple(t.history) for name, t in monitor.trajectories.items() if t.kept},
        monitor.events,
        str(monitor.summary()),
        {layer: tuple(kept) for layer, kept in monitor.neuron_trajectories.items()},
    )
