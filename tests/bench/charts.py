# SPDX-License-Identifier: Apache-2.0
"""The figures of a report: one file each. What was not measured has no figure."""
import os

import svg
from targets import FRESH, KEPT, line, runtimes

CONFIDENCE = 'whisker: where the median lies with 95 % confidence'
HUNDREDTHS = 'bar: median; whisker: 5th to 95th percentile; warm; pinned to one processor'
STARTS = (('nvbind-runtime, no GPU: passed through', 0), ('nvbind-runtime, 1 GPU', 0), ('nvbind-runtime, 8 GPUs', 0),
          ('of it: mounts and nodes of 8 GPUs, in the low-level runtime and the kernel', 2), ('other GPU runtime, 1 GPU', 1),
          ('other GPU runtime, 8 GPUs', 1))
SHORT = {STARTS[0][0]: 'nvbind-runtime, no GPU', STARTS[3][0]: 'of it: in the low-level runtime'}


def median(item):
    """Reports of older form have no confidence: the whisker is then the middle."""
    return item.get('median_from_ms', item['p50_ms']), item['p50_ms'], item.get('median_to_ms', item['p50_ms'])


def added_chart(name, runtime):
    rows = []
    for kind in (FRESH, KEPT):
        for what, series in STARTS:
            found = line(runtime.get('differences'), '%s, %s' % (what, kind))
            if found:
                rows.append(('%s, %s' % (SHORT.get(what, what), kind), series, *median(found)))
    return rows and svg.bars('Time added to one container start under %s' % name, 'bar: median; ' + CONFIDENCE, 'milliseconds more than %s alone' % name, rows)


def start_chart(report):
    starts = [item for item in (report.get('start') or {}).get('starts', []) if item['runs']]
    rows = [(item['name'], 0 if item['name'].startswith('nvbind') else 2 if item['name'].startswith('low-level') else 1, *median(item)) for item in starts]
    return rows and svg.bars('One container, from the command to its end', 'bar: median; ' + CONFIDENCE, 'milliseconds', rows)


def growth_chart(report, series, title, unit, factor=1):
    points = sorted((point for point in (report.get('growth') or {}).get('points', []) if point['series'] == series), key=lambda point: point['x'])
    if len(points) < 2:
        return None
    name = os.path.basename(report['growth']['low_level_runtime'])

    def of(part):
        return [(point['x'] * factor, *median(point[part])) for point in points]

    return svg.lines(title, 'point: median; %s; fresh root, %s' % (CONFIDENCE, name), unit, 'milliseconds added',
                     (('in all', of('added')), ('by nvbind itself', of('itself'))))


def steps_chart(report, part, title):
    rows = [(item['name'], 0, item['warm']['p5_us'], item['warm']['p50_us'], item['warm']['p95_us'])
            for item in (report.get(part) or {}).get('steps', []) if 'warm' in item]
    return rows and svg.bars(title, HUNDREDTHS, 'microseconds', rows)


def charts(report):
    found = {'added-' + name: added_chart(name, runtime) for name, runtime in runtimes(report).items()}
    found.update({
        'start': start_chart(report),
        'growth-gpus': growth_chart(report, 'gpus', 'More GPUs', 'GPUs'),
        'growth-mig': growth_chart(report, 'mig', 'More MIG instances: 7 on each GPU', 'MIG instances', 7),
        'growth-files': growth_chart(report, 'files', 'More driver files', 'mounts of driver files'),
        'growth-config': growth_chart(report, 'config', "A longer configuration of the engine's", 'kB of config.json'),
        'steps': steps_chart(report, 'micro', 'Inside of nvbind, 8 GPUs'),
        'floor': steps_chart(report, 'floor', 'What the machine takes for the parts of a start'),
    })
    return {name: chart for name, chart in found.items() if chart}


def write(report, directory):
    os.makedirs(directory, exist_ok=True)
    made = charts(report)
    for name, chart in made.items():
        with open(os.path.join(directory, name + '.svg'), 'w', encoding='utf-8') as file:
            file.write(chart)
    return sorted(made)
