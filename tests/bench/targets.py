# SPDX-License-Identifier: Apache-2.0
"""What is aimed at, and what a report says of it. A row that was not measured has no value, and no verdict."""

FRESH, KEPT = 'fresh root', 'kept root'


def line(lines, name):
    return next((item for item in lines or [] if item['name'] == name), None)


def field(item, key):
    return None if item is None else item.get(key)


def difference(runtime, name):
    """Of one low-level runtime's report."""
    return line((runtime or {}).get('differences'), name)


def runtimes(report):
    return report.get('runtimes') or {}


def step(report, part, key, series='warm'):
    return next((item.get(series) for item in (report.get(part) or {}).get('steps', []) if item['key'] == key), None)


def percentile(report, key, percent):
    return field(step(report, 'micro', key), 'p%d_us' % percent)


def start(report, name):
    return field(line((report.get('start') or {}).get('starts'), name), 'p50_ms')


def ratio(more, less):
    return round(more / less, 3) if more and less else None


def run_ratio(report, other):
    return ratio(start(report, 'nvbind run --gpu all'), start(report, other))


def peak_mb(report):
    peaks = [kib for runtime in runtimes(report).values() for kib in runtime.get('facts', {}).get('peak_kib', {}).values() if kib]
    return round(max(peaks) / 1024, 2) if peaks else None


def kept_mb(report):
    kept = (report.get('programs') or {}).get('kept')
    return round(kept['kib'] / 1024, 2) if kept else None


def share_of_other(report, name):
    found = runtimes(report).get(name, {})
    return ratio(*(field(difference(found, '%s, 8 GPUs, %s' % (who, FRESH)), 'p50_ms') for who in ('nvbind-runtime', 'other GPU runtime')))


def cdi_share(report):
    found = report.get('programs') or {}
    return round(1 / found['ratio'], 3) if found.get('ratio') else None


def per_gpu(report):
    return (report.get('growth') or {}).get('slopes', {}).get('gpus', {}).get('added')


def at_64(report):
    points = (report.get('growth') or {}).get('points', [])
    return next((point['added'] for point in points if point['series'] == 'gpus' and point['x'] == 64), None)


# What, unit, at most, how it is got from the report: a number, or a difference of starts with the interval that holds its median.
ROWS = (
    ('8 GPUs added to a start, crun, fresh root', 'ms', 2, lambda r: difference(runtimes(r).get('crun'), 'nvbind-runtime, 8 GPUs, ' + FRESH)),
    ('8 GPUs added to a start, crun, kept root', 'ms', 2, lambda r: difference(runtimes(r).get('crun'), 'nvbind-runtime, 8 GPUs, ' + KEPT)),
    ('8 GPUs added to a start, runc, fresh root', 'ms', 2, lambda r: difference(runtimes(r).get('runc'), 'nvbind-runtime, 8 GPUs, ' + FRESH)),
    ('8 GPUs added to a start, runc, kept root', 'ms', 2, lambda r: difference(runtimes(r).get('runc'), 'nvbind-runtime, 8 GPUs, ' + KEPT)),
    ('the same, of what nvidia-container-runtime adds, crun', 'x', 1 / 25, lambda r: share_of_other(r, 'crun')),
    ('the same, of what nvidia-container-runtime adds, runc', 'x', 1 / 25, lambda r: share_of_other(r, 'runc')),
    ('request to plan, 8 GPUs, p50', 'us', 20, lambda r: percentile(r, 'plan', 50)),
    ('request to plan, 8 GPUs, p99', 'us', 100, lambda r: percentile(r, 'plan', 99)),
    ('edit a config.json of 13 kB, text to text, p50', 'us', 300, lambda r: percentile(r, 'edit_13kB', 50)),
    ('inventory lookup, p50', 'us', 1, lambda r: percentile(r, 'lookup', 50)),
    ('lease, take and release, p50', 'us', 2, lambda r: percentile(r, 'lease', 50)),
    ('nvbind run with 8 GPUs, of the low-level runtime alone', 'x', 1.3, lambda r: run_ratio(r, 'low-level runtime, no GPU')),
    ('the same, of the low-level runtime with 8 GPUs', 'x', 1.3, lambda r: run_ratio(r, 'low-level runtime, 8 GPUs')),
    ('the same, of podman run', 'x', 1 / 5, lambda r: run_ratio(r, 'podman run, no GPU')),
    ('the same, of docker run', 'x', 1 / 8, lambda r: run_ratio(r, 'docker run, no GPU')),
    ('peak memory of nvbind-runtime', 'MiB', 4, peak_mb),
    ('memory kept per running capsule by nvbind', 'MiB', 2, kept_mb),
    ('CDI specification for 8 GPUs, of nvidia-ctk cdi generate', 'x', 1 / 10, cdi_share),
    ('time added per additional GPU', 'us', 40, per_gpu),
    ('time added to a start with 64 GPUs', 'ms', 3, at_64),
)


def judge(low, high, limit):
    """An interval with the limit inside says nothing yet: more rounds, or a quieter machine."""
    if low is None:
        return 'not measured'
    return 'met' if high <= limit else 'NOT MET' if low > limit else 'open: %.3g to %.3g' % (low, high)


def evaluate(report):
    result = []
    for what, unit, limit, value_of in ROWS:
        value = value_of(report)
        low, high, fastest = value, value, None
        if isinstance(value, dict):
            value, low, high, fastest = (value['%s_%s' % (key, unit)] for key in ('p50', 'median_from', 'median_to', 'of_minima'))
        result.append({'what': what, 'unit': unit, 'at_most': round(limit, 3), 'measured': value, 'fastest': fastest,
                       'verdict': judge(low, high, limit)})
    return result


def floor_of_start(report):
    """What 8 GPUs cost whoever adds them, from the parts that were measured alone: mounts and nodes in the kernel, and two more programs with a static C
    library, one for each of create and start. None where a part is missing."""
    found = {item['key']: item['warm']['p50_us'] for item in (report.get('floor') or {}).get('steps', []) if 'warm' in item}
    counts = next((facts for runtime in runtimes(report).values() for name, facts in runtime.get('facts', {}).get('configurations', {}).items()
                   if name.startswith('nvbind-runtime, 8 GPUs')), None)
    if not counts or not {'bind', 'remount', 'private', 'mknod', 'exec_static', 'exec_bare'} <= found.keys():
        return None
    kernel = counts['mounts'] * (found['bind'] + found['remount'] + found['private']) + counts['nodes'] * found['mknod']
    return {**counts, 'kernel_us': round(kernel), 'programs_us': round(2 * found['exec_static']), 'bare_us': round(2 * found['exec_bare'])}
