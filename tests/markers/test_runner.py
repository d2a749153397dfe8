"""Which marker watches which series, what it is fed, and what its runners go on from."""

import copy
from typing import NamedTuple

import pytest
import torch

from lightning_infogeo import Firing, LateGeneralisation, LogLogKnee, Marker, MemorisationOnset, OverfittingOnset
from lightning_infogeo.markers import CondensingMarker, VelocityChange, Verdict
from lightning_infogeo.markers.runner import MarkerRunner
from lightning_infogeo.markers.sample_runner import SampleMarkers
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, Series
from tests.helpers.markers import At

OF_WEIGHTS = ("velocity", "length", "floor")
TRAIN = Series("seen", "probe", LABELLED_QUANTITIES, trained=True)
HELD_OUT = Series("train_far", "probe", LABELLED_QUANTITIES)
UNLABELLED = Series("shifted", "probe", QUANTITIES)
NETWORK = Series("all", "weights", OF_WEIGHTS)
LAYER = Series("layer", "weight_group", OF_WEIGHTS)


@pytest.mark.parametrize(
    ("marker", "watched"),
    [
        (OverfittingOnset(), [HELD_OUT]),
        (MemorisationOnset(), [HELD_OUT, UNLABELLED]),
        (LateGeneralisation(), [HELD_OUT]),
        (LogLogKnee(), [TRAIN, HELD_OUT, UNLABELLED, NETWORK]),
        (VelocityChange(), [TRAIN, HELD_OUT, UNLABELLED]),
    ],
)
def test_kind_role_and_quantities_of_a_series_decide_and_no_name(marker, watched):
    assert [one for one in (TRAIN, HELD_OUT, UNLABELLED, NETWORK, LAYER) if marker.applies_to(one)] == watched


class FedState(NamedTuple):
    firing: Firing
    fed: torch.Tensor


class Fed(Marker):
    """Fires whenever its number grows, and keeps what it has been given."""

    name = "fed"
    observes = ("length",)
    observes_trained = ("entropy", "length")
    watches = ("probe", "weights", "weight_group")
    readings = ("fed",)

    def start(self, like):
        return FedState(Firing.none(like), like.new_zeros(()))

    def extend(self, state, step, observation, trained):
        fed = 100 * observation[0] + 10 * trained[0].nan_to_num(9) + trained[1].nan_to_num(9)
        return FedState(state.firing.after(fed > state.fed, torch.tensor(step - 1.0), step, fed), fed)

    def message(self, event, fed):
        return f"{event.probe} was given {fed:g}"

    def verdict(self, flagged, samples, fed):
        return Verdict("flagged" if flagged else "clean", fed, samples)


ROWS = {"seen": {"length": 1.0, "entropy": 2.0}, "train_far": {"length": 3.0}}


def test_a_marker_is_given_what_it_observes_by_name_beside_the_first_series_trained_on():
    runner = MarkerRunner([Fed()], False, [HELD_OUT, TRAIN, TRAIN._replace(name="second")], {"train_far": 7})
    rows = {**ROWS, "second": {"length": 5.0, "entropy": 5.0}}
    events = runner.observe(4, rows, {})
    assert [event.message for event in events] == [
        f"{name} was given {n}" for name, n in zip(("train_far", "seen", "second"), (321, 121, 521), strict=True)
    ]
    assert [(event.name, event.step, event.detected_at) for event in events] == [("fed", 3, 4)] * 3
    assert runner.observe(5, rows, {}) == []
    assert runner.events == events
    assert runner.verdicts() == {"train_far": Verdict("flagged", 321, 7)}  # of those whose size is known


def test_of_those_trained_on_it_is_the_first_that_has_all_that_the_marker_observes_of_it():
    short = TRAIN._replace(name="short", quantities=("length",))
    rows = {**ROWS, "short": {"length": 7.0}}
    for series, fed in (([short, TRAIN, HELD_OUT], 321), ([short, HELD_OUT], 397)):
        events = MarkerRunner([Fed()], True, series).observe(4, rows, {})
        assert [event.strength for event in events if event.probe == "train_far"] == [fed]


def test_without_a_series_trained_on_its_quantities_are_nan():
    (event,) = MarkerRunner([Fed()], False, [HELD_OUT]).observe(4, ROWS, {})
    assert event.strength == 399
    runner = MarkerRunner([MemorisationOnset()], False, [UNLABELLED])
    for step in range(50):
        assert not runner.observe(step, {"shifted": {"velocity": 2.0**step}}, {})


def test_a_runner_goes_on_from_the_state_of_another():
    def rows(step):
        return {"seen": {"length": 0.1 * step, "entropy": 2.0}, "train_far": {"length": float(step % 7)}}

    series, samples = [TRAIN, HELD_OUT], {"seen": 3, "train_far": 4}
    whole = MarkerRunner([Fed(), At(3, 12)], False, series, samples)
    for step in range(20):
        whole.observe(step, rows(step), {})
        if step == 9:
            saved = copy.deepcopy(whole.state_dict())
    resumed = MarkerRunner([At(3, 12), Fed()], False, series, samples, saved)
    for step in range(10, 20):
        resumed.observe(step, rows(step), {})
    assert sorted(resumed.events) == sorted(whole.events) != []
    assert resumed.verdicts() == whole.verdicts()


def test_of_a_state_alone_events_and_verdicts_can_be_had():
    runner = MarkerRunner([Fed(), At(4)], False, [TRAIN, HELD_OUT], {"seen": 3, "train_far": 4})
    runner.observe(4, ROWS | {"seen": {"length": 1.0, "entropy": 2.0}}, {})
    again = MarkerRunner([Fed(), At(4)], False, state=runner.state_dict())
    assert again.events == runner.events
    assert len(again.events) == 4
    assert again.verdicts() == runner.verdicts()
    assert again.state_dict().keys() == runner.state_dict().keys()
    assert MarkerRunner([At(4)], False, state=runner.state_dict()).verdicts() == {}  # nobody there who judges


@pytest.mark.parametrize("floor", [0.6, 0.4])
def test_an_event_in_a_path_that_is_mostly_noise_is_not_told(floor):
    runner = MarkerRunner([Fed()], False, [NETWORK])
    told = runner.observe(4, {"all": {"length": 1.0, "velocity": 1.0, "floor": floor}}, {})
    assert len(told) == (floor == 0.4)
    assert not runner.observe(5, {"all": {"length": 1.0, "velocity": 1.0, "floor": 0.0}}, {})


class OnDevice(OverfittingOnset):
    """Condenses nothing: all of it runs beside the record."""

    condenses = False


def samples(count, kind=OnDevice, **options):
    like = {"val": torch.zeros(count), "far": torch.zeros(count)}
    return SampleMarkers({"val": [kind()], "far": [kind(), SampleFed()]}, like, **options)


class SampleFed(Fed):
    scope = "samples"
    name = "each"
    observes = ("distance_to_truth",)


def test_markers_of_samples_are_given_every_distance_and_what_is_trained_on_by_name():
    markers = samples(2)
    assert markers.widths == {("overfitting", "val"): 11, ("overfitting", "far"): 11, ("each", "far"): 5}
    distances = {"val": torch.tensor([1.0, 2.0]), "far": torch.tensor([3.0, 4.0])}
    trained = {"length": torch.tensor(5.0), "entropy": torch.tensor(6.0), "distance_to_truth": torch.tensor(7.0)}
    assert markers.extend(1, distances, trained)["each", "far"].tolist() == [1, 0, 1, 365, 365]
    assert markers.extend(2, distances, {})["each", "far"].tolist() == [2, 1, 2, 399, 399]


def test_markers_of_samples_go_on_from_a_state_by_name_and_leave_a_device():
    generator = torch.Generator().manual_seed(0)
    whole, records = samples(30), torch.rand(20, 2, 30, generator=generator)
    trained = {"distance_to_truth": torch.tensor(1.0)}

    def extended(markers, steps):
        for step in steps:
            readings = markers.extend(step, dict(zip(("val", "far"), records[step], strict=True)), trained)
        return readings

    extended(whole, range(10))
    saved = copy.deepcopy(whole.state_dict())
    assert {name: set(states) for name, states in saved.items()} == {
        "val": {"overfitting"},
        "far": {"overfitting", "each"},
    }
    resumed, fresh = samples(30, state=saved), samples(30, state={"val": {"gone": {}}, "away": {}})
    left, right, begun = (extended(markers, range(10, 20)) for markers in (whole, resumed, fresh))
    assert all(torch.equal(left[key].nan_to_num(-1), right[key].nan_to_num(-1)) for key in left)
    assert not torch.equal(left["overfitting", "val"][4:], begun["overfitting", "val"][4:])
    whole.to(torch.device("meta"))
    on_meta = whole.extend(21, {name: torch.zeros(30, device="meta") for name in ("val", "far")}, {})
    assert {reading.device.type for reading in on_meta.values()} == {"meta"}


class Condensed(NamedTuple):
    """What is on the device, what is on the host, and all events of the latter."""

    device: SampleMarkers
    host: MarkerRunner

    def extend(self, step, distances, told):
        rows = {"seen": {"distance_to_truth": told}, **{name: {"distance_to_truth": 1.0} for name in distances}}
        trained = {"distance_to_truth": torch.tensor(told)}
        given = self.device.extend(step, distances, trained)
        self.host.observe(step, rows, {key: reading.tolist() for key, reading in given.items()})


def condensing(sizes, state=None, **options):
    marker = OverfittingOnset()
    like = {name: torch.zeros(size) for name, size in sizes.items()}
    series = [TRAIN, *(HELD_OUT._replace(name=name) for name in sizes)]
    device = SampleMarkers({name: [marker] for name in sizes}, like)
    return Condensed(device, MarkerRunner([marker], True, series, {"seen": 5, **sizes}, state, **options))


def reading_of(runner, probe):
    (reading,) = (reading for _, name, reading in runner.state_dict()["readings"] if name == probe)
    return reading


def rising(sizes, seed=0):
    """Yields step, distances and the trained distance of records that fall and rise again, some of them NaN."""
    generator = torch.Generator().manual_seed(seed)
    far = {name: torch.rand(size, generator=generator) for name, size in sizes.items()}
    for k in range(60):
        mean = 1 + abs(k - 30) / 30
        values = {name: mean * of + 0.02 * torch.rand(len(of), generator=generator) for name, of in far.items()}
        yield int(10 * 1.1**k), {n: of * torch.nan if k == 40 else of for n, of in values.items()}, 1 - k / 100


@pytest.mark.parametrize("sizes", [{"val": 40, "far": 40}, {"val": 5000, "far": 33}, {"val": 1}])
def test_what_is_condensed_on_the_device_says_on_the_host_what_a_marker_says_beside_the_record(sizes):
    split, marker = condensing(sizes), OverfittingOnset()
    states = {name: marker.start(torch.zeros(size)) for name, size in sizes.items()}
    assert split.device.widths == {("overfitting", name): 201 for name in sizes}
    assert split.device.state_dict() == {}
    for step, distances, told in rising(sizes):
        split.extend(step, distances, told)
        for name, of in distances.items():
            states[name] = marker.extend(states[name], step, of, torch.tensor([told]))
            read = torch.tensor(reading_of(split.host, name))
            torch.testing.assert_close(read, marker.reading(states[name]), rtol=1e-5, atol=1e-6, equal_nan=True)
    flagged = {event.probe for event in split.host.events if event.name == "overfitting"}
    assert flagged == {name for name, size in sizes.items() if size > 1}


def test_it_goes_on_from_a_state_and_anew_on_other_samples(capsys, lines_are_written):
    sizes, whole, resumed, fresh = {"val": 40, "far": 40}, condensing({"val": 40, "far": 40}), None, None
    for k, (step, distances, told) in enumerate(rising(sizes)):
        for split in filter(None, (whole, resumed, fresh)):
            split.extend(step, distances, told)
        if k == 45:
            saved = copy.deepcopy(whole.host.state_dict())
            assert all("multipliers" not in fields for _, _, fields in saved["states"])
            resumed, fresh = condensing(sizes, saved), condensing(sizes, saved, anew=("far",))
            assert "beside 'far' are not those of the checkpoint" in capsys.readouterr().err
    assert resumed.host.events == whole.host.events != []
    assert resumed.host.verdicts() == whole.host.verdicts()
    assert fresh.host.verdicts()["val"] == whole.host.verdicts()["val"]
    assert fresh.host.verdicts()["far"].rise < whole.host.verdicts()["far"].rise
    assert whole.host.events[:1] == fresh.host.events[:1]


def test_they_stay_on_the_host_whatever_the_default_device():
    markers = [OverfittingOnset(), MemorisationOnset(), LateGeneralisation(), LogLogKnee(), VelocityChange()]
    rows = {name: dict.fromkeys(LABELLED_QUANTITIES, 0.5) for name in ("seen", "train_far")}
    with torch.device("meta"):  # a read from there is an error
        runner = MarkerRunner(markers, True, [TRAIN, HELD_OUT], {"seen": 5, "train_far": 30})
        for step in range(12):
            runner.observe(step, rows, {("overfitting", "train_far"): [1.0] * 201})
    assert runner.verdicts()["train_far"].answer == "clean"


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.filterwarnings("ignore:.*raised ValueError.* It watches no more:UserWarning")
def test_of_one_that_has_raised_no_verdict_is_left_but_a_flag(flagged):
    class Breaks(Fed):
        def extend(self, state, step, observation, trained):
            if step > 2:
                raise ValueError
            return super().extend(state, step, observation * flagged - 1, trained * 0)

    runner = MarkerRunner([Breaks()], False, [HELD_OUT], {"train_far": 3})
    for step in (1, 2):
        runner.observe(step, ROWS, {})
    answer = "flagged" if flagged else "clean"
    assert runner.verdicts()["train_far"].answer == answer
    runner.observe(3, ROWS, {})
    assert [verdict.answer for verdict in runner.verdicts().values()] == [answer] * flagged


def test_a_marker_that_condenses_has_to_say_how():
    class Unsaid(CondensingMarker, SampleFed):
        pass

    with pytest.raises(TypeError, match=r"abstract.*condensed.*condensed_width.*extend_condensed"):
        Unsaid()


class Least(Marker):
    """Says no more than it has to."""

    name, observes = "least", ("length",)

    def start(self, like):
        return FedState(Firing.none(like), like)

    def extend(self, state, step, observation, trained):
        assert trained.shape == (0,)
        return state

    def message(self, event):
        return ""


def test_the_base_class_has_a_default_for_all_that_is_not_said():
    marker = Least()
    assert [one.name for one in (TRAIN, HELD_OUT, NETWORK, LAYER) if marker.applies_to(one)] == ["seen", "train_far"]
    assert marker.width == len(marker.reading(marker.start(torch.zeros(())))) == 4
    assert marker.verdict(True, 3) is None
    runner = MarkerRunner([marker], True, [HELD_OUT])
    assert runner.observe(1, ROWS, {}) == []
    assert runner.verdicts() == {}
    with pytest.raises(TypeError, match="abstract"):
        Marker()


class Switched(NamedTuple):
    firing: Firing
    recovery: Firing
    lookup: torch.Tensor


class Switch(Marker):
    """Fires where the length rises above 1, and withdraws that where it falls below; its table is not worth saving."""

    name = "on"
    recovered = "off"
    observes = ("length",)
    constants = ("lookup",)

    def start(self, like):
        return Switched(Firing.none(like), Firing.none(like), torch.arange(5))

    def extend(self, state, step, observation, trained):
        on = state.firing.times > state.recovery.times
        firing = state.firing.after((observation[0] > 1) & ~on, torch.tensor(step), step, observation[0])
        recovery = state.recovery.after((observation[0] < 1) & on, torch.tensor(step), step, observation[0])
        return Switched(firing, recovery, state.lookup)

    def message(self, event):
        return f"{event.name} at {event.step}"

    def verdict(self, flagged, samples):
        return Verdict("flagged" if flagged else "clean", 0.0, samples)


def test_a_marker_of_ones_own_can_withdraw_its_events():
    def runner(state=None):
        return MarkerRunner([Switch()], True, [TRAIN], {"seen": 3}, state)

    def observed(watching, step, length):
        row = dict.fromkeys(LABELLED_QUANTITIES, 0.0) | {"length": length}
        events = watching.observe(step, {"seen": row}, {})
        return [event.message for event in events], watching.verdicts()["seen"].answer

    watching = runner()
    assert observed(watching, 1, 0.5) == ([], "clean")
    assert observed(watching, 2, 2.0) == (["on at 2"], "flagged")
    saved = copy.deepcopy(watching.state_dict())
    assert all("lookup" not in fields for _, _, fields in saved["states"])
    for going_on in (watching, runner(saved)):
        assert observed(going_on, 3, 0.5) == (["off at 3"], "clean")
        assert observed(going_on, 4, 2.0) == (["on at 4"], "flagged")
        assert [event.name for event in going_on.events] == ["on", "off", "on"]


def flag(probe, name="overfitting", known=100):
    return [name, probe, known - 10, known, 0.5, ""]


@pytest.mark.parametrize(
    ("events", "stands", "onset"),
    [
        ([], 0, None),
        ([flag("val")], 1, 90),
        ([flag("val"), flag("val", "recovered", 200)], 0, None),
        ([flag("val"), flag("far", known=150), flag("val", "recovered", 200)], 1, 140),
        ([flag("val"), flag("val", "recovered", 200), flag("val", known=300)], 1, 290),
        ([flag("val", "knee")], 0, None),
    ],
)
def test_a_flag_stands_until_its_probe_recovers(events, stands, onset):
    state = {"events": events, "states": [], "counts": [], "readings": []}
    scalars = MarkerRunner([OverfittingOnset()], False, state=state).scalars()
    assert scalars["overfitting",] == stands
    assert scalars.get(("overfitting_onset",)) == onset


def test_a_flag_has_stood_once_the_training_is_longer_by_the_share_asked_for():
    state = {"events": [flag("val", known=99)], "states": [], "counts": [], "readings": []}
    runner = MarkerRunner([OverfittingOnset()], False, state=state)
    assert [runner.flag_has_stood(step, 0.25) for step in (99, 123, 124, 500)] == [False, False, True, True]
    assert [runner.flag_has_stood(step, 0.0) for step in (98, 99)] == [False, True]
    withdrawn = {**state, "events": [flag("val", known=99), flag("val", "recovered", 110)]}
    assert not MarkerRunner([OverfittingOnset()], False, state=withdrawn).flag_has_stood(500, 0.25)


def test_a_class_with_an_extend_of_its_own_is_given_one_probe_at_a_time():
    given = []

    class Trimmed(OverfittingOnset):
        def extend(self, state, step, observation, trained=None):
            given.append(observation.shape)
            return super().extend(state, step, observation.sort().values[1:-1], trained)

        def start(self, like):
            return super().start(like[1:-1])

    class Named(OverfittingOnset):
        def message(self, event, **reading):
            return event.probe

    class Again(Trimmed):
        stacks = True

        def extend(self, state, step, observation, trained=None):
            return OverfittingOnset.extend(self, state, step, observation, trained)

    assert [kind.stacks for kind in (OverfittingOnset, Trimmed, Named, Again)] == [True, False, True, True]
    assert [kind.condenses for kind in (OverfittingOnset, Trimmed, Named, Again)] == [True, False, True, False]

    class Mixin:
        def extend(self, state, step, observation, trained=None):
            return super().extend(state, step, observation.sqrt(), trained)

    class Mixed(Mixin, OverfittingOnset):
        pass

    assert not Mixed.stacks
    assert not Mixed.condenses
    marker, like = Trimmed(), {"a": torch.zeros(9), "b": torch.zeros(9)}
    distances = {name: torch.rand(9, generator=torch.Generator().manual_seed(k)) for k, name in enumerate(like)}
    read = SampleMarkers({"a": [marker], "b": [marker]}, like).extend(1, distances, {})
    assert given == [(9,), (9,)]
    alone = SampleMarkers({"b": [marker]}, like).extend(1, distances, {})
    torch.testing.assert_close(read[marker.name, "b"], alone[marker.name, "b"], rtol=0, atol=0, equal_nan=True)
