"""The plots of bench/http and script/compare: plain SVG, written by hand.

They follow the page they stand on: no background of their own, and colours
for both a light and a dark one. Every line is labelled where it ends, with its
value, so that nobody has to match a legend. Scales are logarithmic, for what
is compared here differs by factors; so there are dots, and no bars.
"""

import math
from xml.sax.saxutils import escape

STYLE = """
text { font-family: Inter, "Segoe UI", "Helvetica Neue", Helvetica, Arial,
       "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.panel { font-size: 14px; font-weight: 600; }
.soft { fill: #656d76; }
.small { font-size: 11.5px; }
.strong { font-weight: 600; }
.grid { stroke: #8c959f; stroke-opacity: 0.25; stroke-width: 1; }
.axis { stroke: #8c959f; stroke-width: 1; }
.band { fill: #1a7f37; fill-opacity: 0.09; }
.limit { stroke: #1a7f37; stroke-width: 1.25; stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round;
        stroke-linecap: round; }
.stem { stroke-width: 1.5; stroke-opacity: 0.45; }
.dot { stroke: none; }
.hollow { fill: none; stroke-width: 2; }
.round { fill-opacity: 0.3; }
.f-a { fill: #0969da; } .s-a { stroke: #0969da; }
.f-b { fill: #bc4c00; } .s-b { stroke: #bc4c00; }
.f-c { fill: #6e7781; } .s-c { stroke: #6e7781; }
.f-d { fill: #1a7f37; } .s-d { stroke: #1a7f37; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .soft { fill: #9198a1; }
  .band { fill: #1a7f37; fill-opacity: 0.09; }
.limit { stroke: #3fb950; }
  .f-a { fill: #58a6ff; } .s-a { stroke: #58a6ff; }
  .f-b { fill: #f0883e; } .s-b { stroke: #f0883e; }
  .f-c { fill: #9198a1; } .s-c { stroke: #9198a1; }
  .f-d { fill: #3fb950; } .s-d { stroke: #3fb950; }
}
"""

LABEL_GAP = 17  # px between two labels at least


class Drawing:
    """SVG elements in the order they are drawn."""

    def __init__(self, width, height, description):
        self.width, self.height = width, height
        self.parts = [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
            'width="%d" height="%d" role="img">' % (width, height, width,
                                                    height),
            "<title>%s</title>" % escape(description),
            "<style>%s</style>" % STYLE,
        ]

    def text(self, x, y, text, style="", anchor="start"):
        self.parts.append(
            '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>'
            % (x, y, style, anchor, escape(text)))

    def line(self, x1, y1, x2, y2, style):
        self.parts.append(
            '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>'
            % (x1, y1, x2, y2, style))

    def box(self, x1, y1, x2, y2, style):
        self.parts.append(
            '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s"/>'
            % (x1, y1, x2 - x1, y2 - y1, style))

    def dot(self, x, y, radius, style):
        self.parts.append('<circle cx="%.1f" cy="%.1f" r="%.1f" class="%s"/>'
                          % (x, y, radius, style))

    def path(self, points, style):
        self.parts.append('<polyline points="%s" class="%s"/>' % (
            " ".join("%.1f,%.1f" % p for p in points), style))

    def save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(self.parts + ["</svg>"]) + "\n")


class Log:
    """A logarithmic scale from values to pixels."""

    def __init__(self, low, high, start, end):
        self.low, self.high = low, high
        self.start, self.end = start, end

    def __call__(self, value):
        value = min(max(value, self.low), self.high)
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, steps=(1, 2, 5)):
        exponent = math.floor(math.log10(self.low))
        found = []
        while 10 ** exponent <= self.high * 1.0001:
            found += [s * 10 ** exponent for s in steps
                      if self.low * 0.9999 <= s * 10 ** exponent
                      <= self.high * 1.0001]
            exponent += 1
        return found


def number(value, digits=2):
    """So many significant digits, and a thin space between thousands."""
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = "{:,.{}f}".format(value, min(places, 3))
    return text.replace(",", "\u2009")


def plain(value):
    """A round value as short as it goes."""
    return "{:,g}".format(value).replace(",", "\u2009")


def spread(wanted, gap, top, bottom):
    """Moves label positions apart, keeping their order, each as little as
    it goes: pushed down from the top, then up from the bottom."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = list(wanted)
    floor = top
    for i in order:
        placed[i] = max(placed[i], floor)
        floor = placed[i] + gap
    ceiling = bottom
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    return placed


# --- bench/http ----------------------------------------------------------

HTTP_WIDTH = 860
HTTP_NAMES = 130   # px for the servers' names
HTTP_VALUES = 150  # px for the values
HTTP_ROW = 27
HTTP_HEAD = 46     # px for a panel's title and the names of its lines
HTTP_FOOT = 52     # px for its numbers, and air


def http_style(name):
    if name.startswith("rota"):
        return "a"
    return "d" if name.startswith("bare") else "c"


def http_axis(d, x, top, bottom):
    steps = (1, 2, 5) if x.high / x.low > 8 else (1, 1.5, 2, 3, 4, 5, 6, 8)
    for tick in x.ticks(steps):
        d.line(x(tick), top, x(tick), bottom, "grid")
        d.text(x(tick), bottom + 17, plain(tick), "small soft", "middle")
    d.line(x.start, bottom, x.end, bottom, "axis")


def http_aim(d, x, top, bottom, limit, aim):
    """The limit, and from there the band to the aim."""
    if aim:
        d.box(x(limit), top - 8, x(limit * aim), bottom, "band")
        d.text(x(limit * aim) + 4, top - 10, "aim %s×" % plain(aim),
               "small soft")
    d.line(x(limit), top - 8, x(limit), bottom, "limit")
    d.text(x(limit) - 4, top - 10, "limit", "small f-d", "end")


def http_row(d, x, y, row, limit):
    name, median, rounds = row
    style = http_style(name)
    strong = "strong" if style == "a" else ""
    d.text(HTTP_NAMES, y + 4.5, name, strong, "end")
    if limit:
        d.line(x(limit), y, x(median), y, "stem s-" + style)
        d.text(HTTP_WIDTH, y + 4.5, "%.2f×" % (median / limit),
               strong or "soft", "end")
    for value in rounds:
        d.dot(x(value), y, 3, "round f-" + style)
    d.dot(x(median), y, 5.5, "dot f-" + style)
    d.text(x.end + 14, y + 4.5, number(median, 3) + " µs", strong)


def http_panel(d, top, title, rows, aim):
    """rows: (name, median, [rounds]) in the order to be drawn."""
    values = [v for _, _, rounds in rows for v in rounds]
    bare = [m for name, m, _ in rows if name.startswith("bare")]
    limit = min(bare) if bare else None
    x = Log(min(values) * 0.88, max(values) * 1.12, HTTP_NAMES + 14,
            HTTP_WIDTH - HTTP_VALUES)
    first = top + HTTP_HEAD
    bottom = first + HTTP_ROW * len(rows) + 6

    d.text(0, top + 8, title, "panel")
    http_axis(d, x, first, bottom)
    if limit:
        http_aim(d, x, first, bottom, limit, aim)
    for i, row in enumerate(rows):
        http_row(d, x, first + HTTP_ROW * (i + 0.6), row, limit)
    return bottom + HTTP_FOOT


def http(panels, path):
    """panels: (title, rows, aim) as http_panel takes them."""
    height = 60 + sum(HTTP_HEAD + HTTP_ROW * len(rows) + 6 + HTTP_FOOT
                      for _, rows, _ in panels)
    d = Drawing(HTTP_WIDTH, height, "CPU time of the server for one request")
    d.text(0, 20, "What one request costs the server", "title")
    d.text(0, 40, "CPU µs per request, logarithmic · large dot: median · "
           "small dots: the rounds · lower is better", "small soft")
    d.text(HTTP_WIDTH, 40, "× the better bare loop", "small soft", "end")
    top = 72
    for title, rows, aim in panels:
        top = http_panel(d, top, title, rows, aim)
    d.save(path)


# --- script/compare ------------------------------------------------------

COMPARE_PANEL = 212
COMPARE_GUTTER = 118  # px for the labels right of a panel
COMPARE_LEFT = 44
COMPARE_TOP = 96
COMPARE_HEIGHT = 230


def compare_axes(d, left, y, counts):
    right, bottom = left + COMPARE_PANEL, COMPARE_TOP + COMPARE_HEIGHT
    for tick in y.ticks((1,) if y.high / y.low > 200 else (1, 2, 5)):
        d.line(left, y(tick), right, y(tick), "grid")
        d.text(left - 7, y(tick) + 4, plain(tick), "small soft", "end")
    d.line(left, bottom, right, bottom, "axis")
    for i, count in enumerate(counts):
        d.text(left + i * compare_step(counts), bottom + 18, plain(count),
               "small soft", "middle")


def compare_step(counts):
    """Pixels from one count to the next."""
    return COMPARE_PANEL / max(1, len(counts) - 1)


def compare_line(d, style, points, y):
    """points: (x, (value, failed)). Returns the last value's height."""
    d.path([(x, y(p[0])) for x, p in points], "line s-" + style)
    for x, (value, failed) in points:
        if failed:
            d.dot(x, y(value), 6.5, "hollow s-" + style)
        d.dot(x, y(value), 3.5, "dot f-" + style)
    return y(points[-1][1][0])


def compare_panel(d, left, title, counts, series, unit):
    """series: (label, style, [(value, failed) or None for each count])."""
    right, bottom = left + COMPARE_PANEL, COMPARE_TOP + COMPARE_HEIGHT
    values = [p[0] for _, _, points in series for p in points if p]
    y = Log(min(values) / 1.4, max(values) * 1.4, bottom, COMPARE_TOP)
    ends = []

    d.text(left, COMPARE_TOP - 16, title, "panel")
    compare_axes(d, left, y, counts)
    for label, style, points in reversed(series):  # the first one on top
        known = [(left + i * compare_step(counts), p)
                 for i, p in enumerate(points) if p]
        if known:
            height = compare_line(d, style, known, y)
            ends.append((height, label, style, known[-1][1][0]))
    places = spread([e[0] for e in ends], 2 * LABEL_GAP, COMPARE_TOP + 4,
                    bottom - LABEL_GAP)
    for (_, label, style, value), place in zip(ends, places):
        shown = plain(value) if value == int(value) else number(value, 3)
        d.text(right + 12, place + 1, shown + unit, "strong f-" + style)
        d.text(right + 12, place + 15, label, "small f-" + style)


def compare(title, subtitle, counts, panels, path):
    """panels: (title, unit, series) as compare_panel takes them."""
    width = len(panels) * (COMPARE_LEFT + COMPARE_PANEL + COMPARE_GUTTER)
    d = Drawing(width, COMPARE_TOP + COMPARE_HEIGHT + 52, title)
    d.text(0, 20, title, "title")
    d.text(0, 41, subtitle, "small soft")
    left = COMPARE_LEFT
    for name, unit, series in panels:
        compare_panel(d, left, name, counts, series, unit)
        left += COMPARE_PANEL + COMPARE_GUTTER + COMPARE_LEFT
    d.text(0, COMPARE_TOP + COMPARE_HEIGHT + 44,
           "requests at once · both scales logarithmic · "
           "a ring marks requests that failed", "small soft")
    d.save(path)
