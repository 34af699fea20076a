from importlib.util import find_spec

app_name = "benefit_card"
urlpatterns = []
if find_spec("benefit_card.till_urls"):
    from benefit_card import till_urls

    urlpatterns += till_urls.urlpatterns
