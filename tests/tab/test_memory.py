from infogeo_tensorboard.memory import Memory


def test_a_value_is_known_in_its_version_alone():
    memory = Memory(100)
    memory.keep("a", 1, "first", 10)
    assert [memory.known("a", version) for version in (1, 2)] == ["first", None]
    memory.keep("a", 2, "second", 10)
    assert [memory.known("a", version) for version in (1, 2)] == [None, "second"]
    assert memory.used == 10


def test_the_least_recently_used_go_first_and_room_is_kept():
    memory = Memory(100)
    for name in "abc":
        memory.keep(name, 1, name, 40)
        assert memory.used <= 100
        assert memory.known("a", 1) == "a"
    assert memory.known("b", 1) is None
    memory.keep("b", 1, "again", 20)
    assert memory.used == 100


def test_what_is_larger_than_the_room_is_not_kept():
    memory = Memory(100)
    memory.keep("a", 1, "small", 60)
    memory.keep("b", 1, "large", 101)
    assert memory.known("b", 1) is None
    assert memory.known("a", 1) == "small"
