import pytest

from infogeo_tensorboard.memory import Memory


def test_a_value_is_made_once_a_version():
    memory, made = Memory(100), []

    def make():
        made.append(1)
        return len(made), 10

    assert [memory.recall("a", version, make) for version in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 3]
    assert memory.used == 10


def test_the_least_recently_used_go_first_and_room_is_kept():
    memory = Memory(100)
    for name in "abc":
        memory.recall(name, 1, lambda: (name, 40))  # noqa: B023
        assert memory.used <= 100
        memory.recall("a", 1, lambda: pytest.fail("it was used a moment ago"))
    assert memory.recall("b", 1, lambda: ("again", 20)) == "again"
    assert memory.used == 100


def test_what_is_larger_than_the_room_is_returned_and_not_kept():
    memory = Memory(100)
    memory.recall("a", 1, lambda: ("small", 60))
    assert memory.recall("b", 1, lambda: ("large", 101)) == "large"
    assert memory.recall("b", 1, lambda: ("again", 1)) == "again"
    assert memory.recall("a", 1, lambda: pytest.fail("it has room")) == "small"


def test_what_cannot_be_made_leaves_what_there_was():
    memory = Memory(100)
    memory.recall("a", 1, lambda: ("first", 60))
    with pytest.raises(ZeroDivisionError):
        memory.recall("a", 2, lambda: (1 / 0, 1))
    assert memory.recall("a", 1, lambda: pytest.fail("it is there")) == "first"
