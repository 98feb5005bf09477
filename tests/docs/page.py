"""A page of the documentation, as the test reads it: fenced blocks, and the
mark that stands above a block in a comment that no reader sees.

    <!-- example: body int fd, rota_request *r -->   statements; in a function
                                                     of these parameters,
                                                     below the last "top"
    <!-- example: top -->        declarations and functions of a file
    <!-- example: run -->        a program; a ```text block behind it is what
                                 it prints
    <!-- example: file hello.c -->   a program that is saved under this name
                                     for the next session
    <!-- session -->             above a ```console block: run as printed
    <!-- example: none, WHY -->  not compiled
"""

import re

MARK = re.compile(r"<!-- (example: (\w+),? ?(.*)|(session)) -->$")


class Block:
    def __init__(self, page, line, language, mark, argument):
        self.page = page          # "README.md"
        self.line = line          # of its first line of text
        self.language = language  # "c", "console", "text", ""
        self.mark = mark          # "body", "session", ...; None
        self.argument = argument  # what stands behind the mark
        self.lines = []
        self.prints = None        # the text of the ```text block behind it
        self.above = None         # the last "top" block above it

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"

    @property
    def where(self):
        return "%s:%d" % (self.page, self.line)


def read(text, page):
    """The blocks of a page, in order."""
    blocks, block, mark, last, top = [], None, (None, ""), None, None
    for number, line in enumerate(text.splitlines(), 1):
        if block is None and line.startswith("```"):
            block = Block(page, number + 1, line[3:].strip(), *mark)
            block.above = top
        elif block is not None and line.startswith("```"):
            blocks.append(block)
            if last and last.mark == "run" and block.language == "text":
                last.prints = block.text
            top = block if block.mark == "top" else top
            block, mark, last = None, (None, ""), block
        elif block is not None:
            block.lines.append(line)
        elif line.strip():
            found = MARK.match(line)
            last = None
            mark = (found.group(2) or found.group(4), found.group(3) or "") \
                if found else (None, "")
    if block is not None:
        raise ValueError("%s: a block without an end" % block.where)
    return blocks


def links(text):
    """The relative links of a page, fragments cut off."""
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    found = [link.split("#")[0] for link in found]
    return [link for link in found if link and "://" not in link]
