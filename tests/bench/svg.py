# SPDX-License-Identifier: Apache-2.0
"""Charts as plain SVG: readable on light and dark pages, every axis with its unit, every value with its spread."""
import math
from xml.sax.saxutils import escape

STYLE = """\
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note, .tick { fill: #57606a; font-size: 11px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.spread { stroke: #24292f; stroke-width: 1.2; fill: none }
.s0 { fill: #3b6fb6; stroke: #3b6fb6 } .s1 { fill: #c1662b; stroke: #c1662b } .s2 { fill: #7a8a99; stroke: #7a8a99 } .s3 { fill: #3d8b57; stroke: #3d8b57 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .note, .tick { fill: #9198a1 } .grid { stroke: #3d444d } .spread { stroke: #e6edf3 }
.s0 { fill: #6ea4ea; stroke: #6ea4ea } .s1 { fill: #e08d55; stroke: #e08d55 } .s2 { fill: #9aa7b4; stroke: #9aa7b4 } .s3 { fill: #63b881; stroke: #63b881 }
.line { fill: none }
}
</style>
"""
WIDTH, LEFT, RIGHT, TOP = 900, 340, 70, 62
BAR, GAP = 18, 10


def text(x, y, content, anchor='start', kind=''):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>\n' % (x, y, anchor, kind, escape(content))


def rule(x1, y1, x2, y2, kind):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>\n' % (x1, y1, x2, y2, kind)


def document(title, note, height, body):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n%s'
            % (WIDTH, height, escape(title, {'"': '&quot;'}), STYLE)
            + text(16, 24, title, kind='title') + text(16, 42, note, kind='note') + body + '</svg>\n')


def ticks(low, high):
    """Round numbers, at most eight, the first not above `low`, the last not below `high`."""
    span = (high - low) or 1
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5) if span / (power * factor) <= 6)
    return [step * number for number in range(math.floor(low / step), math.ceil(high / step) + 1)]


def number(value):
    return '%.4g' % value


def bars(title, note, unit, rows):
    """`rows`: (label, series, low, middle, high). The whisker goes from low to high."""
    marks = ticks(min(0, *(row[2] for row in rows)), max(row[4] for row in rows))
    low, high = marks[0], marks[-1]
    bottom = TOP + len(rows) * (BAR + GAP)

    def place(value):
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    body = ''.join(rule(place(mark), TOP - 6, place(mark), bottom, 'grid') + text(place(mark), bottom + 15, number(mark), 'middle', 'tick') for mark in marks)
    for index, (label, series, least, middle, most) in enumerate(rows):
        y = TOP + index * (BAR + GAP)
        start, end = sorted((place(0), place(middle)))
        centre = y + BAR / 2
        body += text(LEFT - 8, centre + 4, label, 'end')
        body += '<rect x="%.1f" y="%.1f" width="%.1f" height="%d" class="s%d"/>\n' % (start, y, max(end - start, 1), BAR, series)
        body += rule(place(least), centre, place(most), centre, 'spread')
        body += ''.join(rule(place(value), centre - 4, place(value), centre + 4, 'spread') for value in (least, most))
        body += text(max(place(most), end) + 6, centre + 4, number(middle))
    return document(title, note, bottom + 42, body + text((LEFT + WIDTH - RIGHT) / 2, bottom + 34, unit, 'middle', 'note'))


def lines(title, note, x_unit, y_unit, series):
    """`series`: (label, [(x, low, middle, high)])."""
    left, top = 70, TOP + 18
    bottom = top + 320
    xs = sorted({point[0] for _, points in series for point in points})
    values = [value for _, points in series for point in points for value in point[1:]]
    marks = ticks(min(0, *values), max(values))

    def across(x):
        return left + (x - min(0, xs[0])) / (xs[-1] or 1) * (WIDTH - left - 190)

    def up(y):
        return bottom - (y - marks[0]) / (marks[-1] - marks[0]) * (bottom - top)

    body = ''.join(rule(left, up(mark), WIDTH - 190, up(mark), 'grid') + text(left - 8, up(mark) + 4, number(mark), 'end', 'tick') for mark in marks)
    last = None
    for x in xs:
        if last is None or across(x) - last > 18:
            body += text(across(x), bottom + 16, number(x), 'middle', 'tick')
            last = across(x)
    for index, (label, points) in enumerate(series):
        body += '<polyline class="s%d line" points="%s"/>\n' % (index, ' '.join('%.1f,%.1f' % (across(x), up(y)) for x, _, y, _ in points))
        for x, least, middle, most in points:
            body += rule(across(x), up(least), across(x), up(most), 'spread')
            body += '<circle cx="%.1f" cy="%.1f" r="3.5" class="s%d"/>\n' % (across(x), up(middle), index)
        body += '<rect x="%d" y="%.1f" width="12" height="12" class="s%d"/>\n' % (WIDTH - 180, top + index * 22, index)
        body += text(WIDTH - 162, top + index * 22 + 10, label)
    return document(title, note, bottom + 48, body + text((left + WIDTH - 190) / 2, bottom + 38, x_unit, 'middle', 'note')
                    + text(16, top - 14, y_unit, kind='note'))
