"""Our pages as a person reads and fills them: forms, errors, rows, links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"input", "meta", "link", "br", "hr", "img"}


@dataclass
class Node:
    """One element of a page."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    def all(self, tag: str, css: str = "") -> Iterator[Node]:
        """The elements below with this tag and class, but none of a template for scripts."""
        for child in self.children:
            if isinstance(child, Node) and child.tag != "template":
                if child.tag == tag and (not css or css in child.get("class").split()):
                    yield child
                yield from child.all(tag, css)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def raw(self) -> str:
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def text(self) -> str:
        """What a reader sees, with single blanks."""
        return " ".join(self.raw.split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("page")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if any(node.tag == tag for node in self.open):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


class Page:
    """A response, read."""

    def __init__(self, response: Any) -> None:
        reader = _Reader()
        reader.feed(response.text)
        self.root = reader.root
        self.status = response.status_code
        self.headers = response.headers

    @property
    def text(self) -> str:
        return self.root.text

    @property
    def title(self) -> str:
        return next(self.root.all("h1")).text

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a list's rows."""
        return [
            [cell.text for cell in row.all("td") if "select" not in cell.get("class").split()]
            for table in self.root.all("table", "grid")
            for body in table.all("tbody")
            for row in body.all("tr")
        ]

    @property
    def keys(self) -> list[str]:
        """The first cell of each of a list's rows."""
        return [row[0] for row in self.rows]

    @property
    def links(self) -> dict[str, str]:
        """Relation -> address of the pager's links."""
        return {link.get("rel"): link.get("href") for link in self.root.all("a") if link.get("rel")}

    @property
    def chips(self) -> list[str]:
        return [chip.text.removesuffix(" ×") for chip in self.root.all("span", "chip")]

    @property
    def messages(self) -> list[str]:
        return [message.text for message in self.root.all("div", "message")]

    @property
    def errors(self) -> dict[str, str]:
        """Field -> what the page says is wrong with it, beside the field."""
        return {
            span.get("id").removeprefix("error-"): span.text
            for span in self.root.all("span", "error")
        }

    @property
    def history(self) -> list[str]:
        """The record's entries, newest first."""
        return [item.text for part in self.root.all("ol", "history") for item in part.all("li")]

    @property
    def form(self) -> dict[str, str]:
        """What the record's form would send if it were saved as it is."""
        return self.form_with("version")

    def form_with(self, name: str) -> dict[str, str]:
        """What the one form with a field of this name would send."""
        forms = [form for form in self.root.all("form") if name in _sends(form)]
        assert len(forms) == 1, f"{len(forms)} forms on {self.text}"
        return _sends(forms[0])


def _sends(form: Node) -> dict[str, str]:
    sent = {}
    for control in form.all("input"):
        kind = control.get("type")
        if kind not in {"checkbox", "radio", "submit"} or "checked" in control.attributes:
            sent[control.get("name")] = control.get("value")
    for area in form.all("textarea"):
        sent[area.get("name")] = area.raw.removeprefix("\r\n").removeprefix("\n")
    for select in form.all("select"):
        options = list(select.all("option"))
        chosen = [option for option in options if "selected" in option.attributes] or options
        sent[select.get("name")] = chosen[0].get("value")
    return sent


def visit(client: Any, address: str, **arguments: Any) -> Page:
    """Follow ``address``, with ``arguments`` where it has none of its own."""
    return Page(client.get(address, query_string=arguments or None))


def filled(form: Mapping[str, str], typed: Mapping[str, str | None]) -> dict[str, str]:
    """``form`` with what was typed over it; None clears a check box."""
    return {name: text for name, text in {**form, **typed}.items() if text is not None}


def add(client: Any, table: str, typed: Mapping[str, str | None]) -> Page:
    """Open the form for a new record, fill it in and save it."""
    address = f"/admin/{table}/new/"
    return Page(client.post(address, data=filled(visit(client, address).form, typed)))


def save(client: Any, table: str, row_id: int, typed: Mapping[str, str | None]) -> Page:
    """Open a record's form, change it and save it."""
    page = visit(client, f"/admin/{table}/edit/", id=row_id)
    return post(client, table, row_id, filled(page.form, typed))


def post(client: Any, table: str, row_id: int, form: Mapping[str, str]) -> Page:
    """Save a record's form that was opened before."""
    return Page(client.post(f"/admin/{table}/edit/?id={row_id}", data=form))


def delete(client: Any, table: str, row_id: int) -> Page:
    """Open a record's delete page and confirm."""
    address = f"/admin/{table}/delete/?id={row_id}"
    return Page(client.post(address, data=visit(client, address).form))
