"""Reading XMILE (OASIS XMILE 1.0; Stella, Vensim's and sdCloud's writings of it) into a `Model`.

::

    from forkpoint.dynamics.read_xmile import read_xmile

    teacup = read_xmile("teacup.xmile")
    teacup.run()["teacup_temperature"]

Read: stocks (also non-negative), flows, auxiliaries, graphical functions (continuous, extrapolating, discrete), arrays
(apply-to-all and element by element), modules, macros, delays, smooths, and the functions of section 3.5 that are
deterministic. Not read, with an error that says so: queues, conveyors, random functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from xml.etree import ElementTree

from forkpoint.dynamics.exchange.build import Imported, build
from forkpoint.dynamics.exchange.draft import Declaration, Draft, Kind, Lookup, MacroText
from forkpoint.dynamics.exchange.formula import Call, Expression, Name, Number, canonical, parse
from forkpoint.dynamics.exchange.scalars import transformed
from forkpoint.errors import DataError, InputError
from forkpoint.files import read_text

KINDS: dict[str, Kind] = {"stock": "stock", "flow": "flow", "aux": "aux", "gf": "lookup"}
NOT_READ = {"conveyor": "a conveyor", "queue": "a queue", "oven": "an oven"}


def read_xmile(path: Path | str) -> Imported:
    """The model in an XMILE file. Raises InputError naming file, variable and what is wrong or not translated."""
    return build(draft_xmile(read_text(path), Path(path).name))


def draft_xmile(text: str, file: str) -> Draft:
    """What an XMILE text declares."""
    try:
        root = ElementTree.fromstring(with_prefixes(text))
    except ElementTree.ParseError as error:
        line, column = error.position
        raise InputError(f"{file}: line {line}, column {column + 1}: not well-formed XML: {error}") from error
    for node in root.iter():
        node.tag = node.tag.rsplit("}", 1)[-1] if isinstance(node.tag, str) else ""
    draft = Draft(file, "xmile")
    read_clock(root, draft)
    for dim in root.findall("./dimensions/dim"):
        read_dimension(dim, draft)
    for macro in root.findall("./macro"):
        read_macro(macro, draft)
    models = {canonical(model.get("name", "")): model for model in root.findall("./model")}
    main = next(iter(models.values()), None)
    if main is None:
        raise InputError(f"{file}: no <model> in it")
    defaults = Defaults(root.find("./behavior"))
    ModelReader(draft, models, defaults).read(main, "", {})
    return draft


def with_prefixes(text: str) -> str:
    """The text with every prefix declared that it uses: some writers leave out ``xmlns:isee``."""
    used = set(re.findall(r"<([A-Za-z_][\w.-]*):", text)) | set(re.findall(r"\s([A-Za-z_][\w.-]*):[\w.-]+\s*=", text))
    missing = sorted(prefix for prefix in used - {"xml", "xmlns"} if f"xmlns:{prefix}" not in text)
    declared = "".join(f' xmlns:{prefix}="urn:undeclared:{prefix}"' for prefix in missing)
    return re.sub(r"<xmile\b", f"<xmile{declared}", text, count=1)


def read_clock(root: ElementTree.Element, draft: Draft) -> None:
    """Start, stop, step and method from ``<sim_specs>``."""
    specs = root.find("./sim_specs")
    if specs is None:
        specs = root.find("./model/sim_specs")
    if specs is None:
        raise InputError(f"{draft.file}: no <sim_specs>, so the run has no start, stop and step")
    draft.start = number_of(specs.findtext("start") or "0", draft, "start")
    draft.stop = number_of(specs.findtext("stop") or "", draft, "stop")
    step = specs.find("dt")
    draft.step = number_of(step.text or "", draft, "dt") if step is not None else 1.0
    if step is not None and step.get("reciprocal", "").casefold() == "true" and draft.step:
        draft.step = 1.0 / draft.step
    method = specs.get("method", "euler").casefold()
    draft.method = "rk4" if method.startswith("rk4") else "euler"


def number_of(text: str, draft: Draft, key: str) -> float:
    """A number in a field. Raises DataError."""
    try:
        return float(text)
    except ValueError as error:
        raise DataError(draft.file, "sim_specs", key, text, "a number") from error


def read_dimension(dim: ElementTree.Element, draft: Draft) -> None:
    """A dimension with its labels, or numbered ones from its size."""
    labels = [elem.get("name", "") for elem in dim.findall("elem")]
    if not labels:
        labels = [str(n + 1) for n in range(int(dim.get("size", "0") or 0))]
    draft.add_dimension(dim.get("name", ""), labels)


def read_macro(node: ElementTree.Element, draft: Draft) -> None:
    """A macro: its parameters, its own formula, and inner variables if it has some."""
    name = canonical(node.get("name", ""))
    parameters = tuple(canonical(parm.text or "") for parm in node.findall("parm"))
    inner = ModelReader(draft, {}, Defaults(None)).declarations(node, "", {})
    text = node.findtext("eqn")
    if text:
        inner.append(Declaration(node.get("name", ""), "aux", parse(text, f"{draft.file}: macro '{name}'")))
    draft.macros[name] = MacroText(name, parameters, tuple(inner))


class Defaults:
    """What ``<behavior>`` says of all stocks and all flows."""

    def __init__(self, node: ElementTree.Element | None) -> None:
        self.non_negative = {
            kind: node is not None and any(is_set(node.find(f"{place}non_negative")) for place in ("./", f"./{kind}/"))
            for kind in ("stock", "flow")
        }


def is_set(node: ElementTree.Element | None) -> bool:
    """Whether an option element is there and not switched off."""
    return node is not None and (node.text or "").strip().casefold() != "false"


class ModelReader:
    """Reads ``<model>`` elements, modules included, into a draft."""

    def __init__(self, draft: Draft, models: dict[str, ElementTree.Element], defaults: Defaults) -> None:
        self.draft, self.models, self.defaults = draft, models, defaults

    def read(self, model: ElementTree.Element, prefix: str, inputs: dict[str, str], depth: int = 0) -> None:
        """The variables of a model and of its modules. ``inputs``: a module's variables that come from outside."""
        if depth > 20:
            raise InputError(f"{self.draft.file}: modules contain each other without end at '{prefix}'")
        defaults = self.defaults
        if model.find("./behavior") is not None:
            self.defaults = Defaults(model.find("./behavior"))
        self.draft.declarations += self.declarations(model, prefix, inputs)
        for module in [*model.findall("./variables/module"), *model.findall("./module")]:
            name = canonical(module.get("name", ""))
            inner = self.models.get(canonical(module.get("run", "")) or name) or self.models.get(name)
            if inner is None:
                raise InputError(f"{self.draft.file}: module '{name}' has no <model> of that name")
            own = f"{prefix}{name}."
            connected = {}
            for connect in [*module.findall("connect"), *module.findall("connect2")]:
                target = canonical(connect.get("to", "").rsplit(".", 1)[-1])
                source = canonical(connect.get("from", ""))
                connected[target] = source[1:] if source.startswith(".") else f"{prefix}{source}"
            self.read(inner, own, connected, depth + 1)
        self.defaults = defaults

    def declarations(self, model: ElementTree.Element, prefix: str, inputs: dict[str, str]) -> list[Declaration]:
        """The variables of one model."""
        variables = model.find("./variables")
        nodes = list(variables) if variables is not None else [n for n in model if n.tag in KINDS and n.get("name")]
        own = {canonical(node.get("name", "")) for node in nodes if node.tag in KINDS or node.tag == "module"}
        scope = Scope(prefix, own, inputs)
        found: list[Declaration] = []
        for node in nodes:
            if node.tag in KINDS and canonical(node.get("name", "")) not in inputs:
                found += self.variable(node, prefix, scope.move)
            elif node.tag in KINDS:
                label, source = prefix + node.get("name", ""), inputs[canonical(node.get("name", ""))]
                found.append(Declaration(label, "aux", Name(source)))
        return found

    def variable(
        self, node: ElementTree.Element, prefix: str, move: Callable[[Expression], Expression]
    ) -> Iterator[Declaration]:
        """The equations of one variable: one, or one for each element."""
        label = prefix + node.get("name", "").replace("\\n", " ")
        for tag, words in NOT_READ.items():
            if node.find(tag) is not None:
                raise self.draft.error(label, f"it is {words}, which is not translated")
        dims = tuple(canonical(dim.get("name", "")) for dim in node.findall("./dimensions/dim"))
        elements = node.findall("./element")
        whole = self.equation(node, node, label, dims, move)
        texts = node.findall("eqn")
        if dims and not elements and len(texts) > 1:
            # Some writers give one <eqn> an element, in the order of the labels, last dimension fastest.
            for labels, own in zip(self.all_labels(dims), texts, strict=True):
                place = ElementTree.Element("element")
                place.append(own)
                yield self.equation(node, place, label, labels, move, dims)
            return
        if dims and not elements and whole.formula is None and (values := self.listed(node, label, dims)):
            yield from (self.with_formula(whole, subs, Number(value)) for subs, value in values)
            return
        if not elements:
            yield whole
        for element in elements:
            labels = tuple(canonical(part) for part in element.get("subscript", "").split(","))
            yield self.equation(node, element, label, labels, move, dims)

    def with_formula(self, whole: Declaration, labels: tuple[str, ...], formula: Expression) -> Declaration:
        """The declaration of one element of a list of numbers."""
        return replace(whole, formula=formula, subscripts=labels, over=whole.subscripts)

    def all_labels(self, dims: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The labels of all elements, the last dimension fastest."""
        return list(product(*(self.draft.dimensions.get(dim, ()) for dim in dims)))

    def listed(
        self, node: ElementTree.Element, label: str, dims: tuple[str, ...]
    ) -> list[tuple[tuple[str, ...], float]]:
        """Elements given as numbers between commas, the last dimension fastest; empty if the text is no such list."""
        parts = [part for part in re.split(r"[,;]", node.findtext("eqn") or "") if part.strip()]
        labels = self.all_labels(dims)
        if len(parts) < 2 or len(parts) != len(labels):
            return []
        try:
            return list(zip(labels, map(float, parts), strict=True))
        except ValueError as error:
            raise self.draft.error(label, "its list of elements holds something that is not a number") from error

    def equation(
        self, node: ElementTree.Element, place: ElementTree.Element, label: str, subscripts: tuple[str, ...],
        move: Callable[[Expression], Expression], over: tuple[str, ...] = (),
    ) -> Declaration:  # fmt: skip
        """One equation: its own formula and graphical function, or the variable's where the element has none."""
        kind = KINDS[node.tag]
        graph = place if node.tag == "gf" else place.find("gf") if place.find("gf") is not None else node.find("gf")
        lookup = self.lookup(graph, label) if graph is not None else None
        text = (place.findtext("eqn") or node.findtext("eqn") or "").strip()
        formula = self.formula(text, label, subscripts, move)
        if kind == "aux" and formula is None and lookup is not None:
            kind = "lookup"
        option = place.find("non_negative") if place.find("non_negative") is not None else node.find("non_negative")
        non_negative = is_set(option) if option is not None else self.defaults.non_negative.get(kind, False)
        flows = {
            tag: tuple(getattr(move(Name(canonical(flow.text or ""))), "name", "") for flow in node.findall(tag))
            for tag in ("inflow", "outflow")
        }
        initial = self.formula((node.findtext("init_eqn") or "").strip(), label, subscripts, move)
        return Declaration(
            label, kind, formula, subscripts, over, lookup=lookup, non_negative=non_negative, inflows=flows["inflow"],
            outflows=flows["outflow"], active_initial=initial if kind != "stock" else None,
            unit=(node.findtext("units") or "").strip(), meaning=" ".join((node.findtext("doc") or "").split()),
        )  # fmt: skip

    def formula(
        self, text: str, label: str, subscripts: tuple[str, ...], move: Callable[[Expression], Expression]
    ) -> Expression | None:
        """The formula in a text; None where there is none, or only a comment or a list of elements."""
        if not text or (subscripts and is_list(text)):
            return None
        if text.startswith("{") and text.endswith("}") and text.count("{") == 1:
            return None
        if "???" in text:
            raise self.draft.error(label, "its equation is '???': the file was written without it")
        return move(parse(text, f"{self.draft.file}: '{label}'"))

    def lookup(self, node: ElementTree.Element, label: str) -> Lookup:
        """A ``<gf>``."""
        ys = self.numbers(node.find("ypts"), label)
        scale = node.find("xscale")
        points = node.find("xpts")
        if points is not None and (points.text or "").strip():
            xs = self.numbers(points, label)
        elif scale is not None:
            low, high = (number_of(scale.get(key, ""), self.draft, f"xscale {key}") for key in ("min", "max"))
            xs = tuple(low + (high - low) * n / (len(ys) - 1) for n in range(len(ys)))
        else:
            raise self.draft.error(label, "its graphical function has neither <xpts> nor <xscale>")
        if len(xs) != len(ys) or not xs or any(b < a for a, b in pairwise(xs)):
            raise self.draft.error(label, "its graphical function needs as many y as x values, and rising x values")
        kind = node.get("type", "continuous").casefold()
        if node.get("discrete", "").casefold() == "true":
            kind = "discrete"
        if kind not in ("continuous", "extrapolate", "discrete"):
            raise self.draft.error(label, f"a graphical function of type '{kind}' is not known")
        return Lookup(xs, ys, kind)  # type: ignore[arg-type]

    def numbers(self, node: ElementTree.Element | None, label: str) -> tuple[float, ...]:
        """The numbers of ``<xpts>`` or ``<ypts>`` with their separator."""
        if node is None:
            raise self.draft.error(label, "its graphical function has no <ypts>")
        try:
            return tuple(float(part) for part in (node.text or "").split(node.get("sep", ",")) if part.strip())
        except ValueError as error:
            raise self.draft.error(
                label, f"its graphical function holds something that is not a number: {error}"
            ) from error


def is_list(text: str) -> bool:
    """Whether a text is several numbers between commas or semicolons."""
    if "," not in text and ";" not in text:
        return False
    try:
        return all(math.isfinite(float(part)) for part in re.split(r"[,;]", text.strip(" ;,")))
    except ValueError:
        return False


class Scope:
    """Names inside a module: its own get the module's prefix, its inputs lead outside, ``.name`` is of the top."""

    def __init__(self, prefix: str, own: set[str], inputs: dict[str, str]) -> None:
        self.prefix, self.own, self.inputs = prefix, own, inputs

    def move(self, formula: Expression) -> Expression:
        """The formula with names as the whole model knows them."""
        if not self.prefix:
            return formula
        return transformed(self.calls(formula), lambda name: Name(self.full(name.name), name.subscripts))

    def full(self, name: str) -> str:
        """The full name of a name inside the module."""
        if name in self.inputs:
            return self.inputs[name]
        return f"{self.prefix}{name}" if name.partition(".")[0] in self.own else name.removeprefix(".")

    def calls(self, formula: Expression) -> Expression:
        """Calls of the module's own graphical functions under their full names."""
        if isinstance(formula, Call) and formula.function in self.own:
            return Call(f"{self.prefix}{formula.function}", formula.arguments, formula.subscripts)
        return formula
