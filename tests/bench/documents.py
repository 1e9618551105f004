# SPDX-License-Identifier: Apache-2.0
"""Puts a report's numbers into docs/PERFORMANCE.md: what stands between `<!-- measured: NAME -->` and `<!-- end -->`."""
import os
import re

import charts
from report import cell, skipped, with_unit
from targets import evaluate, floor_of_start, runtimes

PART = re.compile(r'(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)', re.DOTALL)
SERIES = {'gpus': 'GPU', 'mig': 'MIG instance', 'files': 'mount of a driver file', 'config': "kB of the engine's config.json"}


def markdown(headings, rows):
    lines = ['| %s |' % ' | '.join(headings), '|%s' % ('---|' * len(headings))]
    return '\n'.join(lines + ['| %s |' % ' | '.join(row) for row in rows]) + '\n'


def machine(report):
    return markdown(('', ''), [(key, 'absent' if value is None else str(value)) for key, value in report['machine'].items()])


def targets(report):
    return markdown(('what', 'target', 'median', 'of the fastest starts', ''), [
        (row['what'], '≤ ' + with_unit(row['at_most'], row['unit']), with_unit(row['measured'], row['unit']), with_unit(row['fastest'], row['unit']),
         row['verdict']) for row in evaluate(report)])


def between(item, unit='ms'):
    return '%s – %s' % tuple(cell(item['median_%s_%s' % (end, unit)]) for end in ('from', 'to'))


def added(report):
    text = ''
    for name, part in runtimes(report).items():
        if 'differences' not in part:
            continue
        text += '%s, %s (medians over %d starts each):\n\n' % (name, part['facts']['way'], part['starts'][0]['runs'])
        text += markdown(('added to a start', 'median, ms', '95 % confidence', 'of the fastest starts', 'processor time'), [
            (item['name'], cell(item['p50_ms']), between(item), cell(item['of_minima_ms']), cell(item['cpu_p50_ms'])) for item in part['differences']])
        text += '\n'
    return text.rstrip('\n') + '\n' if text else 'Not measured.\n'


def starts(report):
    found = (report.get('start') or {}).get('starts', [])
    return markdown(('one whole container', 'median, ms', 'fastest', '95th percentile'),
                    [(item['name'], cell(item['p50_ms']), cell(item['min_ms']), cell(item['p95_ms'])) for item in found])


def growth(report):
    found = (report.get('growth') or {}).get('slopes', {})
    return markdown(('microseconds per', 'added, median', '95 % confidence', 'by the fastest starts', 'by nvbind itself, median', 'by the fastest starts'), [
        (SERIES[series], cell(parts['added']['p50_us']), between(parts['added'], 'us'), cell(parts['added']['of_minima_us']),
         cell(parts['itself']['p50_us']), cell(parts['itself']['of_minima_us'])) for series, parts in found.items()])


def steps(report):
    return markdown(('inside of one process', 'median, µs', 'p99', 'first time in a process', 'empty caches of files'), [
        (step['name'], cell(step['warm']['p50_us']), cell(step['warm']['p99_us']), *(cell(step.get(key, {}).get('p50_us')) for key in ('first', 'cold')))
        for step in (report.get('micro') or {}).get('steps', [])])


def floor(report):
    of_start = floor_of_start(report)
    sentence = ''
    if of_start:
        sentence = ('The %(mounts)d mounts and %(nodes)d nodes of 8 GPUs come to %(kernel_us)d µs in the kernel, if each costs what '
                    'one costs alone. Two programs that are executed on the way, for `create` and `start`, cost %(programs_us)d µs before '
                    'they do anything: %(bare_us)d µs without a C library.\n\n' % of_start)
    return sentence + markdown(('the machine alone', 'median, µs', 'fastest'), [
        (step['name'], cell(step['warm']['p50_us']), cell(step['warm']['min_us'])) for step in (report.get('floor') or {}).get('steps', []) if 'warm' in step])


def trace(report):
    calls = report.get('calls')
    if not calls:
        return 'Not measured.\n'
    text = ''
    for name, found in calls.items():
        text += '`%s`: %d system calls (%s).\n\n' % (name, found['calls'], ', '.join('%d %s' % (number, call) for call, number in found['by_name'].items()))
        if 'kept' not in name:  # much the same
            text += '```\n%s\n```\n\n' % '\n'.join(found['lines'])
    return text.rstrip('\n') + '\n'


def left_out(report):
    reasons = list(skipped(report))
    return ''.join('* %s\n' % reason for reason in reasons) or 'Nothing.\n'


def figures(report):
    return ''.join('![%s](figures/%s.svg)\n' % (name, name) for name in sorted(charts.charts(report)))


WRITERS = {'machine': machine, 'targets': targets, 'added': added, 'starts': starts, 'growth': growth, 'steps': steps, 'floor': floor,
           'trace': trace, 'skipped': left_out, 'figures': figures}


def write(report, source):
    path = os.path.join(source, 'docs', 'PERFORMANCE.md')
    with open(path, encoding='utf-8') as file:
        text = file.read()
    text = PART.sub(lambda match: match.group(1) + WRITERS[match.group(2)](report) + match.group(3), text)
    figures_directory = os.path.join(source, 'docs', 'figures')
    for name in os.listdir(figures_directory) if os.path.isdir(figures_directory) else ():
        if name.endswith('.svg'):
            os.unlink(os.path.join(figures_directory, name))
    charts.write(report, figures_directory)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
