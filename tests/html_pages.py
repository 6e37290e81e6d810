"""A page taken apart, for tests that ask what is in it."""

from html.parser import HTMLParser

VOID = {"meta", "input", "img", "br", "image", "line", "circle", "rect", "path"}


class Page(HTMLParser):
    """Elements of a page, refusing what does not close."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.wrong = [], [], {}, []
        self.feed(text)
        self.close()
        self.wrong += [f"{tag} stays open" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.wrong.append(f"an attribute twice in {tag}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at line {self.getpos()[0]}")

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        self.texts.setdefault(where, []).append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]
