"""Words in both languages: the same keys and fields, and rows for every claim, event and trap."""

import re

from forkpoint.catalog import catalog
from forkpoint.report.words import LANGUAGES, words
from forkpoint.rules.products import against_products
from forkpoint.world.loops import named_loops
from forkpoint.world.observables import observables
from forkpoint.world.reference import VENDORS, references
from forkpoint.world.results import headline
from forkpoint.world.verdict import links


def test_both_languages_have_the_same_words():
    english, chinese = (words(language).texts for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", chinese[key])), key


def test_the_model_s_vocabulary_has_words():
    for language in LANGUAGES:
        texts = words(language).texts
        wanted = [f"vendor.{v}" for v in VENDORS] + [f"loop.{n}" for n in named_loops()]
        wanted += [f"loop_says.{n}" for n in named_loops()] + [f"headline.{r['title']}" for r in headline()]
        wanted += [f"sector.{r.sector}" for r in references().values()] + [f"series.{o.series}" for o in observables()]
        wanted += [f"unit.{r['unit']}" for r in headline()]
        assert [w for w in dict.fromkeys(wanted) if w not in texts] == []


def test_english_words_of_the_loops_are_the_model_s():
    texts = words("en").texts
    for name, loop in named_loops().items():
        assert texts[f"loop.{name}"] == loop.title
        assert texts[f"loop_says.{name}"] == loop.says


def test_every_claim_event_and_trap_is_translated():
    chinese = words("zh")
    sign = re.compile(r"[\u4e00-\u9fff]")
    for claim in catalog().claims:
        own = chinese.claim(claim)
        assert sign.search(own["subject"] + own["predicate"]), claim.claim_id
        for field in ("better_value", "cause", "effect", "delay"):
            assert bool(own[field]) == bool(getattr(claim, field)), (claim.claim_id, field)
    assert [e.event_id for e in catalog().events if not sign.search(chinese.event(e))] == []
    assert [o.id for o in observables() if not o.relative and not sign.search(chinese.trap(o.id, o.trap))] == []


def test_every_variable_of_a_claim_is_translated():
    loops = {loop.switch for loop in named_loops().values()}
    used = {v for one in links().values() if one.effect for v in (*one.path, one.effect, *dict(one.without))} - loops
    assert [v for v in sorted(used) if words("zh").variable(v) == words("en").variable(v)] == []
    assert words("en").variable("order_value") == "order value"


def test_what_has_no_translation_stays_as_it_is():
    claim = catalog().claims[0]
    assert words("en").claim(claim)["subject"] == claim.subject
    assert words("zh").trap("no-such-series", "as told") == "as told"


def test_chinese_is_set_in_chinese_signs():
    """No ASCII comma, colon, semicolon or bracket touches a Chinese character, in any text or translated row."""
    chinese = words("zh")
    told = list(chinese.texts.values()) + [chinese.event(e) for e in catalog().events]
    told += [part for c in catalog().claims for part in chinese.claim(c).values()]
    told += [chinese.trap(o.id, o.trap) for o in observables()]
    assert [t for t in told if re.search(r"[\u4e00-\u9fff][,:;()]|[,:;()][\u4e00-\u9fff]", t)] == []


def test_every_scope_unit_and_vintage_has_words():
    """What an event catches, a series' unit and a product's law are words in both languages, unless a name."""
    plain = re.compile(r"^[A-Z.\d][\w./-]*( [A-Z\d][\w.-]*)*$")
    scopes = {c for e in catalog().events for c in e.affected_chips if not plain.match(c) and not c.startswith(".")}
    units = {o.unit for o in catalog().observations if o.series in {one.series for one in observables()}}
    for language in LANGUAGES:
        texts = words(language).texts
        wanted = [f"scope.{s}" for s in scopes] + [f"unit.{u}" for u in units]
        wanted += [f"law_of.{p['law']}" for p in against_products()]
        assert [w for w in wanted if w not in texts] == []
