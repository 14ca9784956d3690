"""Building a model: what is found, in which order, and every mistake in words."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import Everything, everything, example

from forkpoint.dynamics import Dimension, Model, aux, flow, parameter, series, stock
from forkpoint.dynamics import functions as f
from forkpoint.errors import InputError, ModelError, UnknownName

REGION = Dimension("region", ("north", "south"))
VENDOR = Dimension("vendor", ("a", "b", "c"))


def rate():
    """A rate."""
    return 1.0


def test_a_module_is_a_sector():
    model = example("sir").build()
    assert set(model.stocks) == {"susceptible", "infectious", "recovered"}
    assert model["infections"].meaning == "New cases: every case meets susceptibles in proportion."
    assert model["infections"].source == "Kermack & McKendrick 1927."
    assert model["infections"].inputs == ("contact_rate", "susceptible", "infectious", "population")
    assert model["infections"].sector == "gallery_sir"
    assert model["infections"](0.5, 10.0, 2.0, 20.0) == 0.5
    assert ("infections", "infectious") in model.links()
    assert ("population", "susceptible") in model.links(initial=True)
    assert "sir" not in model
    assert repr(model) == "Model(SIR: 3 stock, 2 flow, 1 aux, 4 parameter, 0 series)"


def test_order_puts_inputs_first_and_graph_has_all_links():
    model = everything()
    for position, name in enumerate(model.order):
        assert all(i not in model.order[position:] for i in model[name].inputs if i != name)
    graph = model.graph()
    assert graph.nodes["cost"]["kind"] == "aux"
    assert graph.has_edge("made", "cost")
    assert graph.has_edge("orders", "ordered_stage1")


def test_a_variable_imported_by_two_sectors_is_one():
    class First:
        level = stock(1.0, doc="A level.")

    class Second:
        same = First.level
        change = flow(into="level")(rate)

    assert set(Model(First, Second).variables) == {"level", "rate"}


def broken(message: str, *declared: object, dimensions: tuple[Dimension, ...] = (REGION, VENDOR)) -> None:
    members = {getattr(d, "name", "") or f"unnamed_{i}": d for i, d in enumerate(declared)}
    with pytest.raises(ModelError) as caught:
        Model(members, dimensions=dimensions)
    assert message in str(caught.value), str(caught.value)


def test_an_unknown_input_names_the_nearest():
    def births(birth_rat, people):
        """Births."""
        return birth_rat * people

    broken("needs 'birth_rat', which no variable of the model is called; did you mean birth_rate or births?",
           flow(into="people")(births), stock(1.0, name="people"), parameter(0.1, name="birth_rate"))  # fmt: skip


def test_a_cycle_without_a_stock_is_printed():
    def chicken(egg):
        """Chicken."""
        return egg

    def egg(nest):
        """Egg."""
        return nest

    def nest(chicken):
        """Nest."""
        return chicken

    broken("a cycle without a stock in it: chicken → nest → egg → chicken; one of them must be a stock or a delay",
           aux()(chicken), aux()(egg), aux()(nest))  # fmt: skip


def test_initial_values_in_a_circle():
    def left(right):
        """Left."""
        return right

    def right(left):
        """Right."""
        return left

    broken("initial values depend on each other in a circle: left → right → left", stock()(left), stock()(right))


def test_a_missing_initial_value():
    broken("stock 'people'", stock(doc="People.", name="people"))
    broken("has no initial value", stock(doc="People.", name="people"))


def test_a_name_used_twice():
    with pytest.raises(ModelError, match=r"the name 'level' is used twice: stock 'level' .*, parameter 'level'"):
        Model([stock(1.0, name="level"), parameter(1.0, name="level")])


def test_reserved_and_unusable_names():
    broken("'time' is an input that every model has", parameter(1.0, name="time"))
    broken("a name must be a Python identifier", parameter(1.0, name="growth rate"))


def test_a_flow_needs_stocks():
    with pytest.raises(ModelError, match="a flow needs a stock to flow into or out of"):
        flow()(rate)
    broken("into='peple' is unknown, not a stock; did you mean people?", flow(into="peple")(rate),
           stock(1.0, name="people"))  # fmt: skip
    broken("outof='people' is a parameter, not a stock", flow(outof="people")(rate), parameter(1.0, name="people"))


def test_a_flow_into_an_array_says_where():
    people = stock(1.0, dims=("region",), name="people")
    broken("so it must say which label of stock 'people'", flow(into="people")(rate), people)
    broken("into='people[region=north]'", flow(into="people")(rate), people)
    broken("must name a label of a dimension", flow(into="people[region=east]")(rate), people)
    broken("must name a label of a dimension", flow(into="people[vendor=a]")(rate), people)


def test_dimensions_that_do_not_fit():
    price = parameter(1.0, dims=("vendor",), name="price")

    def cost(price):
        """Cost."""
        return price

    broken("is declared over () but its equation also varies over 'vendor': sum it with total(…, over='vendor')",
           aux()(cost), price)  # fmt: skip
    broken("is declared over 'country', which is no dimension of the model (it has: region, vendor)",
           parameter(1.0, dims=("country",), name="price"))  # fmt: skip
    broken("did you mean region?", parameter(1.0, dims=("regions",), name="price"))
    broken("lists its dimensions as (vendor, region); the model's order is (region, vendor)",
           parameter(1.0, dims=("vendor", "region"), name="price"))  # fmt: skip


def test_sums_over_what_does_not_vary():
    price = parameter(1.0, dims=("vendor",), name="price")

    def cost(price, size):
        """Cost."""
        return f.total(size, over="vendor") * f.total(price, over="vendor")

    def missing(price):
        """Cost."""
        return f.total(price, over="region")

    size = parameter(1.0, name="size")
    broken("total over 'vendor': the value does not vary over 'vendor'", aux()(cost), price, size)
    broken("'region' is not a dimension of this equation (it has: vendor)", aux()(missing), price)


def test_an_equation_that_cannot_be_evaluated():
    def wrong(price):
        """Wrong."""
        return price.missing_attribute

    broken("cannot be evaluated: AttributeError", aux()(wrong), parameter(1.0, name="price"))


def test_an_equation_that_branches_on_a_value():
    def wrong(price):
        """Wrong."""
        return price if price > 1.0 else 0.0

    broken("An equation chooses with where(…), not with if, and, or, max, min", aux()(wrong),
           parameter(1.0, name="price"))  # fmt: skip


def test_an_equation_that_calls_numpy_says_so_when_compiled():
    def wrong(level):
        """Works on NumPy only."""
        return np.exp(level)

    model = Model([aux()(wrong), stock(1.0, name="level")], start=0.0, stop=1.0, step=1.0)
    assert model.run()["wrong"][0] == np.e
    with pytest.raises(ModelError, match=r"An equation uses forkpoint\.dynamics\.functions, not numpy"):
        model.run(engine="jax")


def test_hidden_numbers_and_unnamed_inputs_are_refused():
    def hidden(price, rate=0.1):
        """Hidden number."""
        return price * rate

    def many(*inputs):
        """Inputs without names."""
        return inputs

    with pytest.raises(ModelError, match="input 'rate' has a default value; declare it as a parameter"):
        aux()(hidden)
    with pytest.raises(ModelError, match="inputs must be named one by one"):
        aux()(many)


def test_what_is_no_sector_or_dimension():
    with pytest.raises(ModelError, match="a sector is a module, class, mapping or list of declarations, not int"):
        Model(3)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="which is no named variable"):
        Model([parameter(1.0)])
    with pytest.raises(ModelError, match="has the label 'a' twice"):
        Dimension("vendor", ("a", "b", "a"))
    with pytest.raises(ModelError, match="a dimension needs a name"):
        Dimension("vendor", ())
    with pytest.raises(ModelError, match="two dimensions have the same name"):
        Model(Everything, dimensions=(REGION, REGION))
    with pytest.raises(ModelError, match="a series holds 'step', 'linear' or 'event', not 'cubic'"):
        series({0.0: 1.0}, hold="cubic")  # type: ignore[arg-type]


def test_looking_up_an_unknown_name():
    model = example("sir").build()
    with pytest.raises(UnknownName, match="did you mean infectious"):
        model["infectous"]
    with pytest.raises(ModelError, match=r"parameter 'illness'.*has no equation"):
        model.equation("illness")
    with pytest.raises(InputError, match="a run needs start=, as the model gives none"):
        Model([stock(1.0, name="level")]).run()
