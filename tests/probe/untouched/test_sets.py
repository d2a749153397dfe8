"""A set is put back with the order of its members, in which user code may go through it."""

import pytest

from lightning_infogeo.probe.untouched import untouched
from tests.helpers.hiding_places import Holder


class Member:
    """Of a place in a set that its number gives."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return self.number


def once_larger():
    """A set that has lost most of its members: filled anew it would be smaller, and in another order."""
    members = [Member(7 * (37 * k % 101)) for k in range(101)]
    found = set(members)
    found.difference_update(members[20:])
    return found


def add(found):
    found.update(Member(k) for k in (3, 50, 51))


def remove(found):
    found.discard(next(iter(found)))


def exchange(found):
    remove(found)
    add(found)


def fill_anew(found):
    members = list(found)
    found.clear()
    found.update(members)


@pytest.mark.parametrize("read", [add, remove, exchange])
def test_its_members_are_put_back_in_their_order(read):
    owner = Holder(seen=once_larger())
    before, same = list(owner.seen), owner.seen
    with untouched(owner) as trace:
        read(owner.seen)
        assert list(owner.seen) != before
    assert list(owner.seen) == before
    assert owner.seen is same
    assert trace.changed == []


def test_an_order_that_is_lost_is_named():
    owner = Holder(seen=once_larger())
    before = list(owner.seen)
    with untouched(owner) as trace:
        fill_anew(owner.seen)
    assert set(owner.seen) == set(before)
    assert list(owner.seen) != before
    assert trace.changed == ["seen (set)"]
