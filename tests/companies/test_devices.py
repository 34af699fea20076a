"""The list of devices one is signed in on names them as their owner would."""

import pytest

from companies.templatetags.devices import device

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


class TestADevice:
    @pytest.mark.parametrize(
        ("user_agent", "words"),
        [
            (CHROME, "Chrome, Linux"),
            (CHROME + " Edg/140.0", "Edge, Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit Version/18.0 Safari/604.1",
                "Safari, iPhone",
            ),
            ("curl/8.0", "appareil inconnu"),
            ("", "appareil inconnu"),
        ],
    )
    def test_is_called_by_its_browser_and_system(self, user_agent, words):
        assert device(user_agent) == words
