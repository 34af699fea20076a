"""What a payer sees: the hosted payment page, the bank's confirmation, and a bench with levers for demonstrations."""

import html
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from deploy.standalone.stripe_double import checkout, connect, refunds
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.words import WORDS
from deploy.standalone.stripe_double.world import ApiError

if TYPE_CHECKING:
    from deploy.standalone.stripe_double.server import Double

Answer = tuple[str, list[tuple[str, str]], bytes]
STYLE = """
:root{--ink:#1c2530;--paper:#f6f7f9;--line:#d5dae1;--accent:#4b3fd1;--bad:#a3262a;--hint:#566070}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:30rem;margin:0 auto;padding:1.25rem 1rem 3rem}main.wide{max-width:64rem}
h1{font-size:1.15rem;margin:0}.amount{font-size:2rem;font-weight:700;margin:.2rem 0 1rem}
.card{background:#fff;border:1px solid var(--line);border-radius:12px;padding:1.25rem;margin:1rem 0}
label{display:block;font-weight:600;margin:.75rem 0 .25rem}.pick label{display:inline;margin:0 0 0 .4rem}
.pick span{display:inline-block;margin:0 1rem .25rem 0}
input[type=text],input[type=email]{width:100%;font:inherit;
padding:.6rem .7rem;border:1px solid #8b93a0;border-radius:8px}
button,.button{font:inherit;font-weight:600;border:0;border-radius:8px;padding:.75rem 1rem;cursor:pointer}
button.main{width:100%;background:var(--accent);color:#fff;margin-top:1rem}
.plain,button.main.plain{background:#e8ebf0;color:var(--ink)}
a{color:var(--accent)}:focus-visible{outline:3px solid #f0a500;outline-offset:2px}
.error{background:#fdecec;color:var(--bad);border-radius:8px;padding:.7rem .9rem;margin:.75rem 0}
.test{background:#fff4da;color:#6b4600;border-radius:8px;padding:.5rem .9rem;font-size:.9rem}
.hint{color:var(--hint);font-size:.875rem}code{font-size:.85rem;white-space:nowrap}ul{padding-left:1.1rem}
.two{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
body:has(#type-card:checked) .sepa,body:has(#type-sepa:checked) .cardfields{display:none}
table{width:100%;border-collapse:collapse;font-size:.9rem}
td,th{text-align:left;padding:.4rem;border-top:1px solid var(--line)}
td form{display:inline}td button{padding:.3rem .6rem;font-size:.85rem}
"""


def respond(double: "Double", method: str, path: str, environ: JSON, text: str) -> Answer:
    query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    form = {name: values[-1] for name, values in parse_qs(text).items()}
    parts = path.strip("/").split("/")
    try:
        with double.world.store.transaction():
            if path == "/style.css":
                return "200 OK", [("Content-Type", "text/css; charset=utf-8")], STYLE.encode()
            if path == "/":
                return bench(double, method, form)
            if parts[:2] == ["c", "pay"] and len(parts) == 3:
                return session_page(double, method, parts[2], form, query, environ)
            if parts[:2] == ["c", "pay"] and parts[3:] == ["done"]:
                return leave(checkout.complete(double.world, parts[2]), double.world.url)
            if parts[0] == "connect" and len(parts) == 2:
                return onboarding_page(double, method, parts[1], query, environ)
            if parts[0] == "3ds" and len(parts) == 2:
                return bank_page(double, method, parts[1], form, query, environ)
    except ApiError as refusal:
        words = WORDS[language_of(environ, query, "auto")]
        return page(words, words["gone"], f"<p>{html.escape(str(refusal))}</p>", "404 Not Found")
    return page(WORDS["en"], "404", "<p>There is nothing here.</p>", "404 Not Found")


def language_of(environ: JSON, query: JSON, locale: str) -> str:
    wanted = query.get("lang") or (locale if locale not in ("", "auto", None) else "")
    return "en" if str(wanted or environ.get("HTTP_ACCEPT_LANGUAGE", "fr")).lower().startswith("en") else "fr"


def page(words: dict[str, str], title: str, content: str, status: str = "200 OK", *, wide: bool = False) -> Answer:
    text = (
        f'<!doctype html><html lang="{words["lang"]}"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="/style.css">'
        f'</head><body><main{" class=wide" if wide else ""}><p class="test">{words["test"]}</p>'
        f"{content}</main></body></html>"
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'"),
        ("Cache-Control", "no-store"),
    ]
    return status, headers, text.encode()


def redirect(url: str) -> Answer:
    return "303 See Other", [("Location", url)], b""


def leave(session: JSON, url: str) -> Answer:
    """Back to the shop once the session is complete, else back to the payment page."""
    if session["status"] != "complete":
        return redirect(f"{url}/c/pay/{session['id']}?retry=1")
    return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


def euros(cents: int, lang: str) -> str:
    whole, rest = divmod(cents, 100)
    if lang == "en":
        return f"€{whole:,}.{rest:02d}"
    return f"{whole:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0€"


def session_page(double: "Double", method: str, key: str, form: JSON, query: JSON, environ: JSON) -> Answer:
    session = checkout.retrieve_session(double.world, key)
    lang = language_of(environ, query, session["locale"])
    words = WORDS[lang]
    if session["status"] == "complete":
        return leave(session, double.world.url)
    if session["status"] != "open":
        back = session["cancel_url"] or session["success_url"]
        return page(
            words, words["gone"], f'<h1>{words["gone"]}</h1><p><a href="{html.escape(back)}">{words["back"]}</a></p>'
        )
    error = words["retry"] if query.get("retry") else ""
    if method == "POST":
        try:
            session = checkout.pay(double.world, key, typed(form))
        except ApiError as refusal:
            error = words.get(str(refusal.body["error"].get("decline_code") or refusal.body["error"].get("code")), "")
            error = error or str(refusal)
            session = checkout.retrieve_session(double.world, key)
        else:
            intent = checkout.intent_of(double.world, session)
            if intent["status"] == "requires_action":
                return redirect(intent["next_action"]["redirect_to_url"]["url"] + f"?lang={lang}")
            return leave(session, double.world.url)
    return page(words, words["title"], payment_form(session, words, form, error))


def typed(form: JSON) -> JSON:
    """The form of the page as the parameters of a payment method."""
    billing = {"name": form.get("name", "").strip(), "email": form.get("email", "").strip()}
    if form.get("type") == "sepa_debit":
        return {"type": "sepa_debit", "sepa_debit": {"iban": form.get("iban", "")}, "billing_details": billing}
    return {"type": "card", "card": {"number": form.get("number", "")}, "billing_details": billing}


def payment_form(session: JSON, words: dict[str, str], form: JSON, error: str) -> str:
    kinds = session["payment_method_types"]
    chosen = form.get("type", kinds[0])

    def value(name: str, default: Any = "") -> str:
        return html.escape(str(form.get(name, default) or ""))

    def pick(kind: str, ident: str, word: str) -> str:
        checked = " checked" if kind == chosen else ""
        return (
            f'<span><input type="radio" name="type" id="{ident}" value="{kind}"{checked}>'
            f'<label for="{ident}">{word}</label></span>'
        )

    lines = "".join(f"<li>{html.escape(line['description'])}</li>" for line in session["_lines"])
    amount = f'<p class="amount">{euros(session["amount_total"], words["lang"])}</p>' if session["amount_total"] else ""
    out = [f"<h1>{words['title']}</h1>{amount}<ul>{lines}</ul>"]
    if error:
        out.append(f'<p class="error" role="alert">{html.escape(error)}</p>')
    out.append('<form method="post" class="card">')
    picks = {
        "card": pick("card", "type-card", words["card"]),
        "sepa_debit": pick("sepa_debit", "type-sepa", words["sepa"]),
    }
    out.append(f'<div class="pick" role="radiogroup">{"".join(picks[kind] for kind in kinds if kind in picks)}</div>')
    if "card" in kinds:
        out.append(
            f'<div class="cardfields"><label for="number">{words["number"]}</label><input type="text" id="number" '
            f'name="number" inputmode="numeric" autocomplete="cc-number" value="{value("number")}" '
            'placeholder="4242 4242 4242 4242">'
            f'<div class="two"><div><label for="expiry">{words["expiry"]}</label><input type="text" id="expiry" '
            f'name="expiry" value="{value("expiry")}" placeholder="12 / 34"></div><div><label for="cvc">{words["cvc"]}'
            '</label><input type="text" id="cvc" name="cvc" placeholder="123"></div></div></div>'
        )
    if "sepa_debit" in kinds:
        out.append(
            f'<div class="sepa"><label for="iban">IBAN</label><input type="text" id="iban" name="iban" '
            f'value="{value("iban")}" placeholder="FR14 2004 1010 0505 0001 3M02 606">'
            f'<p class="hint">{words["mandate"]}</p></div>'
        )
    out.append(
        f'<label for="name">{words["name"]}</label><input type="text" id="name" name="name" value="{value("name")}">'
        f'<label for="email">{words["email"]}</label><input type="email" id="email" name="email" '
        f'value="{value("email", session["customer_email"])}">'
        f'<button class="main" name="pay" value="1">{words["pay"]}</button></form>'
    )
    if session["cancel_url"]:
        out.append(f'<p><a href="{html.escape(session["cancel_url"])}">{words["cancel"]}</a></p>')
    other = "fr" if words["lang"] == "en" else "en"
    out.append(f'<div class="card hint">{words["help"]}</div><p><a href="?lang={other}">{words["other"]}</a></p>')
    return "".join(out)


def bank_page(double: "Double", method: str, key: str, form: JSON, query: JSON, environ: JSON) -> Answer:
    """3-D Secure: the payer's bank asks for a yes."""
    words = WORDS[language_of(environ, query, "auto")]
    if method == "POST":
        session = checkout.authenticate(double.world, key, accepted=form.get("answer") == "yes")
        if session is not None:
            return leave(session, double.world.url)
        kind = "setup_intent" if key.startswith("seti_") else "payment_intent"
        intent = double.world.find(key, kind)
        return redirect(intent.get("return_url") or "/")
    try:
        asked = euros(double.world.find(key, "payment_intent")["amount"], words["lang"])
    except ApiError:  # an account that is set up: nothing is paid
        asked = ""
    amount = f'<p class="amount">{asked}</p>' if asked else ""
    body = (
        f'<h1>{words["bank"]}</h1>{amount}<p>{words["bank_asks"]}</p><form method="post" class="card two">'
        f'<button class="main" name="answer" value="yes">{words["yes"]}</button>'
        f'<button class="main plain" name="answer" value="no">{words["no"]}</button></form>'
    )
    return page(words, words["bank"], body)


def onboarding_page(double: "Double", method: str, key: str, query: JSON, environ: JSON) -> Answer:
    """Where a supplier gives Stripe its papers; here one button gives them all."""
    words = WORDS[language_of(environ, query, "auto")]
    if method == "POST":
        return redirect(connect.complete(double.world, key))
    double.world.find(key, "account_link")
    body = (
        f'<h1>{words["onboarding"]}</h1><p>{words["onboarding_lead"]}</p><form method="post" class="card">'
        f'<button class="main" name="done" value="1">{words["onboarding_done"]}</button></form>'
    )
    return page(words, words["onboarding"], body)


def bench(double: "Double", method: str, form: JSON) -> Answer:
    """The newest payments with levers, for somebody who demonstrates."""
    world = double.world
    if method == "POST":
        if form.get("do") == "dispute":
            refunds.open_dispute(world, form["intent"])
        else:
            checkout.settle(world, form["intent"], form.get("do", ""))
        return redirect("/")
    words, rows = WORDS["fr"], []
    for intent, _ in zip(world.store.newest("payment_intent"), range(100), strict=False):
        acts = {"processing": ("succeeded", "failed"), "succeeded": ("dispute",)}.get(intent["status"], ())
        buttons = "".join(f'<button class="plain" name="do" value="{act}">{words[act]}</button> ' for act in acts)
        rows.append(
            f"<tr><td><code>{intent['id'][:14]}…</code></td><td>{html.escape(intent['description'] or '')}</td>"
            f"<td>{euros(intent['amount'], 'fr')}</td><td>{intent['status']}</td><td><form method=post>"
            f'<input type="hidden" name="intent" value="{intent["id"]}">{buttons}</form></td></tr>'
        )
    table = "".join(rows) or f"<tr><td>{words['none']}</td></tr>"
    body = f"<h1>{words['bench']}</h1><p>{words['bench_lead']}</p><div class=card><table>{table}</table></div>"
    return page(words, words["bench"], body + f'<div class="card hint">{words["help"]}</div>', wide=True)
