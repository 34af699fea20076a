"""The examples in the docstrings of the rules run as written."""

import doctest

import pytest

from purchasing.rules import hints, landed, packs, shares, shortage, spacing, subsidy, surplus, tiers


class TestAnExample:
    @pytest.mark.parametrize("module", [hints, landed, packs, shares, shortage, spacing, subsidy, surplus, tiers])
    def test_runs_as_written(self, module):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed
