"""Who may open the addresses of the assembled product."""

from tests.access import COMPANY_ROLES, EVERYBODY, Visit

VISITS = [
    Visit("home", EVERYBODY),
    Visit("home_company", COMPANY_ROLES | {"staff"}, lambda w: {"company": w.company.pk}),
    Visit("home_staff", {"staff"}),
    Visit("home_person", {"employee"}),
    Visit("home_merchant", {"merchant"}, lambda w: {"merchant": w.merchant.pk}),
    Visit("set_language", EVERYBODY, method="post"),
    Visit("gallery", {"staff"}),
    Visit("schema", EVERYBODY),
    Visit("api_docs", EVERYBODY),
]
