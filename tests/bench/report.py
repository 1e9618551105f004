# SPDX-License-Identifier: Apache-2.0
"""A report as text for a terminal."""
from targets import evaluate, floor_of_start, runtimes

SPREAD = (('p5_ms', 'p5'), ('p25_ms', 'p25'), ('p50_ms', 'p50'), ('p75_ms', 'p75'), ('p95_ms', 'p95'), ('cpu_p50_ms', 'cpu p50'))
STARTS = (('min_ms', 'min'), *SPREAD, ('runs', 'runs'))
DIFFERENCES = (('of_minima_ms', 'min'), *SPREAD)
STEPS = (('min_us', 'min'), ('p50_us', 'p50'), ('p95_us', 'p95'), ('p99_us', 'p99'), ('runs', 'runs'))
SERIES = (('warm', ''), ('first', ', first time in a process'), ('cold', ', empty caches of files'))


def cell(value):
    if value is None:
        return '-'
    if not isinstance(value, float):
        return str(value)
    return '%.2f' % value if abs(value) >= 1 else '%.3g' % value


def table(title, rows, columns):
    """`columns`: (key, heading) of the numbers behind each row's name."""
    if not rows:
        return
    width = max([len(title)] + [len(row['name']) for row in rows])
    print('\n%-*s%s' % (width, title, ''.join('%10s' % heading for _, heading in columns)))
    for row in rows:
        print('%-*s%s' % (width, row['name'], ''.join('%10s' % cell(row.get(key)) for key, _ in columns)))


def with_unit(value, unit):
    return '-' if value is None else '%s %s' % (cell(value), unit)


def print_targets(report):
    rows = evaluate(report)
    width = max(len(row['what']) for row in rows)
    print('\n%-*s%12s%12s%14s' % (width, 'Targets', 'at most', 'median', 'fastest'))
    for row in rows:
        print('%-*s%12s%12s%14s  %s' % (width, row['what'], *(with_unit(row[key], row['unit']) for key in ('at_most', 'measured', 'fastest')), row['verdict']))


def print_starts(title, part):
    table(title, part.get('starts'), STARTS)
    table('Added by', part.get('differences'), DIFFERENCES)


def print_runtime(name, part):
    facts = part.get('facts')
    if facts:
        print('\n%s is used %s' % (name, facts['way']))
    print_starts('create and start under %s, milliseconds' % name, part)
    for what, ratio in part.get('ratios', {}).items():
        print('The other GPU runtime adds %.1f times as much with %s (%.1f by minima)' % (ratio['p50_ms'], what, ratio['of_minima_ms']))
    table('With empty caches of files, milliseconds', part.get('cold'), STARTS[:-2])
    if facts:
        print('Peak memory of nvbind-runtime in KiB: %s' % ', '.join('%s with %s' % (kib, what) for what, kib in facts['peak_kib'].items()))
        for what, counts in facts['configurations'].items():
            print('%s: %s' % (what, ', '.join('%d %s' % (number, key.replace('_', ' ')) for key, number in counts.items())))


def print_start(part):
    print_starts('One whole container, milliseconds', part)
    facts = part.get('facts')
    if not facts:
        return
    executed = facts['programs_executed']
    print('Peak memory of nvbind: %s KiB without GPUs, %s KiB with 8' % (facts['nvbind_peak_kib']['none'], facts['nvbind_peak_kib']['all']))
    print('Programs executed by one start: %s' % ('unknown, strace is not installed' if executed is None else ', '.join(executed)))


def print_programs(part):
    print_starts('Making a CDI specification, milliseconds', part)
    for name, kib in part.get('peak_kib', {}).items():
        print('Peak memory of %s: %s KiB' % (name, kib))
    if part.get('kept'):
        print('While a container runs, nvbind keeps %(kib)d KiB in %(processes)d processes' % part['kept'])


def print_growth(part):
    points = [dict(point, name='%s %s' % (point['series'], point['x']), added=point['added']['p50_ms'], added_min=point['added']['of_minima_ms'],
                   itself=point['itself']['p50_ms'], itself_min=point['itself']['of_minima_ms']) for point in part.get('points', [])]
    table('Growth, milliseconds added to a start', points, (('mounts', 'mounts'), ('nodes', 'nodes'), ('added', 'p50'), ('added_min', 'min'),
                                                            ('itself', 'itself'), ('itself_min', 'min'), ('runs', 'runs')))
    slopes = [{'name': 'per %s, %s' % (series, what), **values} for series, parts in part.get('slopes', {}).items() for what, values in parts.items()]
    table('Slopes by least squares, microseconds', slopes,
          (('of_minima_us', 'min'), ('median_from_us', 'from'), ('p50_us', 'p50'), ('median_to_us', 'to')))


def print_steps(title, part):
    for key, suffix in SERIES:
        table(title + suffix, [dict(step[key], name=step['name']) for step in part.get('steps', []) if key in step], STEPS)


def skipped(report):
    parts = [report.get(name) or {} for name in ('micro', 'floor', 'start', 'programs', 'growth')] + list(runtimes(report).values())
    for part in parts:
        yield from part.get('skipped', [])
        for step in part.get('steps', []):
            if 'skipped' in step:
                yield '%s: %s' % (step['name'], step['skipped'])


def print_all(report):
    print('The numbers are of this machine, at this time:')
    for key, value in report['machine'].items():
        print('  %-14s %s' % (key, '-' if value is None else value))
    for name, part in runtimes(report).items():
        print_runtime(name, part)
    print_start(report.get('start') or {})
    print_programs(report.get('programs') or {})
    print_growth(report.get('growth') or {})
    print_steps('Inside of nvbind, microseconds', report.get('micro') or {})
    print_steps('The floor, microseconds', report.get('floor') or {})
    of_start = floor_of_start(report)
    if of_start:
        print('Of a start with 8 GPUs: %(mounts)d mounts and %(nodes)d nodes, %(kernel_us)d in the kernel; two more programs, %(programs_us)d' % of_start)
    calls = report.get('calls')
    if calls:
        print('\nSystem calls of nvbind-runtime itself: %s' % ', '.join('%d for %s' % (found['calls'], name) for name, found in calls.items()))
    print_targets(report)
    for reason in skipped(report):
        print('Skipped: ' + reason)
