"""A web process that has just started does not let its first readers wait for icons, addresses and templates."""

from unittest.mock import patch
from zipfile import ZipFile

from companies import icons
from companies.templatetags.ui import icon
from deploy import warm


class TestWarmingUp:
    def test_compiles_every_page_of_ours(self):
        """Also the one test that every template can be compiled at all."""
        names = warm.templates()
        assert {"base.html", "benefit_card/company_cards.html", "ui/panel.html"} <= set(names)
        assert warm.up() == len(names)

    def test_draws_icons_from_an_archive_that_is_opened_once(self):
        icons._archive.cache_clear(), icons._drawing.cache_clear(), icons.drawn.cache_clear()
        with patch("companies.icons.ZipFile", side_effect=ZipFile) as opened:
            shown = [icon(name, size=18) for name in ("truck", "id-card", "truck", "circle-check")]
        assert opened.call_count == 1 and shown[0] == shown[2]
        assert shown[0].startswith('<svg width="18" height="18"') and 'aria-hidden="true" class="icon"' in shown[0]
