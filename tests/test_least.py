"""The least N that passes: of every O, whatever was asked before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.topology import least as module
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.least import BLOCK, least_agreements
from tests import oracles_evidence as oracles


def uneven(agreements, opportunities):
    """Nothing that could be guessed from one O to the next."""
    share = agreements / np.maximum(opportunities, 1)
    return np.where(opportunities % 7 == 3, share**4, np.where(opportunities % 5 == 0, 0.0, share))


BOUNDS = [*dict.fromkeys(estimator.bound for estimator in ESTIMATORS.values()), uneven]


@given(
    st.sampled_from(BOUNDS),
    st.floats(0, 1),
    st.lists(st.integers(0, 150), min_size=1, max_size=3),
    st.sampled_from([1, 7, 64]),
)
def test_it_is_the_oracles_whatever_was_asked_before(bound, threshold, asked, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        patch.setattr(module, "KNOT", max(block // 3, 1))
        module._table.cache_clear()
        for most in asked:
            found = least_agreements(bound, threshold, most)
            assert found.dtype == np.int64
            assert found.tolist() == oracles.least_agreements(bound, threshold, most)
        module._table.cache_clear()


@pytest.mark.parametrize("bound", BOUNDS)
def test_of_many_opportunities_it_is_where_passing_begins(bound):
    most = 3 * BLOCK + 17
    least = least_agreements(bound, 0.55, most)
    assert least.shape == (most + 1,)
    some = np.unique(np.random.default_rng(0).integers(1, most + 1, 20_000))
    n = least[some]
    assert (bound(n, some) > 0.55)[n <= some].all()
    assert not (bound(n - 1, some) > 0.55)[n > 1].any()
    assert ((n >= 1) & (n <= some + 1)).all()


def test_what_was_found_is_not_looked_for_again():
    asked = []

    def counted(agreements, opportunities):
        asked.append(len(opportunities))
        return agreements / np.maximum(opportunities, 1)

    first = least_agreements(counted, 0.5, 1000).copy()
    asked.clear()
    again = least_agreements(counted, 0.5, 1000)
    assert (again == first).all()
    assert not asked
