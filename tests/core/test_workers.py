"""Work shared out to threads gives what one thread gives, in order, and fails as it does."""

import threading

import pytest
from animamimic.core import workers
from animamimic.core.workers import each, use_workers


@pytest.fixture
def three_workers():
    use_workers(3)
    yield
    use_workers(1)


def test_results_come_in_the_order_of_the_items(three_workers):
    """The first item waits for the last."""
    last = threading.Event()

    def square(item):
        if item == 2:
            last.set()
        assert last.wait(30)
        return item * item

    assert each(square, range(3)) == [0, 1, 4]


def test_what_a_worker_calls_stays_on_its_thread(three_workers):
    def names(_):
        return {threading.current_thread().name, *each(lambda _: threading.current_thread().name, range(5))}

    found = each(names, range(6))
    assert all(len(one) == 1 for one in found)
    assert threading.current_thread().name not in set().union(*found)


def test_what_a_single_item_calls_is_shared_out(three_workers):
    """Two pieces of it wait for each other."""
    both = threading.Barrier(2)

    def meets(_):
        both.wait(30)
        return threading.current_thread().name

    (names,) = each(lambda _: each(meets, range(2)), [0])
    assert len(set(names)) == 2


def test_an_error_is_that_of_the_first_item_that_fails(three_workers):
    def failing(item):
        if item:
            raise ValueError(item)

    with pytest.raises(ValueError, match=r"^1$"):
        each(failing, range(4))


def test_each_thread_begins_as_it_is_told():
    begun = []
    use_workers(2, lambda: begun.append(threading.current_thread().name))
    meet = threading.Barrier(2, timeout=30)
    used = set(each(lambda _: (meet.wait(), threading.current_thread().name)[1], range(2)))
    use_workers(1)
    assert sorted(begun) == sorted(used)


def test_torch_is_wide_only_where_it_is_asked_to(three_workers):
    import torch

    before = torch.get_num_threads()
    with workers.wide_torch():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
