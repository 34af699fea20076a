"""The codes of labels and the drawings of signatures, without any database."""

import pytest
import zxingcpp
from PIL import Image

from purchasing import labels
from purchasing.rules import signature
from purchasing.rules.errors import RuleError


class TestALabel:
    def test_carries_a_code_that_a_camera_reads(self):
        code = labels.code_for(12, 7)
        path, side = labels.symbol(f"https://erb.example/h/{code}/")
        picture = Image.new("L", (side * 4, side * 4), 255)
        for run in path.split("M")[1:]:
            (x, y), length = map(int, run.split("h")[0].split(" ")), int(run.split("h")[1].split("v")[0])
            picture.paste(0, (x * 4, y * 4, (x + length) * 4, (y + 1) * 4))
        assert zxingcpp.read_barcode(picture).text.endswith(f"/h/{code}/")

    @pytest.mark.parametrize("code", ["12-7-aaaaaaaaaaaa", "12-8-", "x", "9" * 30 + "-1-a", "", "-1--1-a", "١-١-a"])
    def test_with_a_code_of_somebody_else_leads_nowhere(self, code):
        assert labels.read_code(code) is None

    def test_reads_its_own_code(self):
        assert labels.read_code(f" {labels.code_for(12, 7).upper()} ") == (12, 7)


class TestASignature:
    @pytest.mark.parametrize(
        "drawn",
        [
            {},
            [],
            [[]],
            [[[1, 2, 3]]],
            [[["1", "2"]]],
            [[[1e9, 2]]],
            [[[True, 1]]],
            [[[-1, 0]]],
            [[[0, 999]]],
            [[[0, 0]] * 5_001],
        ],
    )
    def test_is_made_of_whole_numbers_on_the_pad(self, drawn):
        with pytest.raises(RuleError):
            signature.read(drawn)

    def test_of_a_dot_is_none(self):
        with pytest.raises(RuleError):
            signature.drawing([[(1, 1), (2, 2)]])
