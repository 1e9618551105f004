/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs: power, clocks, CPUs, huge pages, real time.
 *
 * All but the CPUs and the real-time class change the machine for everybody: by files of sysfs
 * (gpu/tuning.h), through changes that are taken back after the last container that wants them.
 */
#include "plan/knob_rule.h"

#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "gpu/tuning.h"
#include "host/session.h"

#define MAX_CPUS 8192
/* Source: RTKit, its defaults: priorities up to 20, and 200 ms of CPU time without a pause. */
#define REALTIME_PRIORITY 20
#define REALTIME_US	  200000
/* RLIMIT_NICE counts from 20 down: to -11, as RTKit has it for "high priority". */
#define REALTIME_NICE 31
#define CPU_MECHANISM "cpuset of the container's control group"

static int report_unsupported(
	struct plan_build *b, enum knob_id id, const char *reason, struct nvb_error **err)
{
	return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL, "%s", reason);
}

/* Why no file of the machine can be changed by this engine, whichever it is; NULL: it can. */
static const char *engine_problem(const struct plan_build *b)
{
	if (b->for_spec)
		return "a specification cannot change the machine and take it back";
	if (!b->req->changes_host)
		return "nobody would take it back: only 'nvbind run' with the engine 'bolt' stays "
		       "until the container ends";
	if (!b->req->tuning)
		return "whether this machine can is not known here";
	return NULL;
}

static const char *right_problem(int errnum)
{
	switch (errnum) {
	case 0:
		return NULL;
	case EROFS:
		return "sysfs is read-only here: run nvbind outside of the container";
	default:
		return "only root may: run nvbind with sudo";
	}
}

static const char *file_problem(const struct tuning_file *file)
{
	return right_problem(file->write_errnum);
}

static int change_file(struct plan_build *b, enum knob_id id, const struct tuning_file *file,
	const char *value, struct nvb_error **err)
{
	return knob_host_change(b, err, id, HOST_CHANGE_FILE, file->host_path, "%s", value);
}

/* Power of the GPUs. */

static const char *power_value(const struct tuning_power *power, uint64_t profile)
{
	switch ((enum power_profile)profile) {
	case POWER_MAXIMUM:
		return power->maximum;
	case POWER_SAVER:
		return power->saver;
	case POWER_BALANCED:
		break;
	}
	return power->balanced;
}

/* The board knows what they are. */
static const char *power_word(uint64_t profile)
{
	switch ((enum power_profile)profile) {
	case POWER_MAXIMUM:
		return "max";
	case POWER_SAVER:
		return "min";
	case POWER_BALANCED:
		break;
	}
	return "default";
}

/* What was done for one GPU. */
struct power_outcome {
	bool has_files, is_set, is_asked;
	const char *problem;
};

/* Whether the board allows it is known when it is asked: a library is loaded for that. */
static int ask_for_power(struct plan_build *b, const struct gpu *gpu, uint64_t profile,
	struct power_outcome *ret, struct nvb_error **err)
{
	const char *problem = right_problem(b->req->tuning->control_errnum);
	int r;

	*ret = (struct power_outcome){ .problem = problem };
	if (problem)
		return 0;
	r = knob_host_change(b, err, KNOB_POWER_PROFILE, HOST_CHANGE_GPU_POWER, gpu->pci_address,
		"%s", power_word(profile));
	ret->is_set = ret->is_asked = true;
	return r;
}

static int set_power(struct plan_build *b, const struct gpu *gpu, uint64_t profile,
	struct power_outcome *ret, struct nvb_error **err)
{
	struct power_outcome outcome = { 0 };

	if (gpu_has_power_limit(b->inv, gpu))
		return ask_for_power(b, gpu, profile, ret, err);
	vec_foreach (const struct tuning_power, power, &b->req->tuning->power) {
		const char *value = power_value(power, profile);
		int r = 0;

		if (power->gpu != gpu)
			continue;
		outcome.has_files = true;
		if (!value)
			continue;
		outcome.problem = file_problem(&power->file);
		if (outcome.problem)
			break;
		r = change_file(b, KNOB_POWER_PROFILE, &power->file, value, err);
		if (r < 0)
			return r;
		outcome.is_set = true;
	}
	*ret = outcome;
	return 0;
}

static const char *power_problem(const struct gpu *gpu, const struct power_outcome *outcome)
{
	if (outcome->problem)
		return outcome->problem;
	if (gpu->vendor == GPU_VENDOR_WSL)
		return "Windows decides about power";
	return outcome->has_files ? "it is the driver's own choice already"
				  : "its driver has no file for it";
}

/* True for one that stands before in the selection: two partitions of one GPU. */
static bool is_repeated(const struct plan_build *b, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (b->req->gpus.items[i].gpu == b->req->gpus.items[index].gpu)
			return true;
	return false;
}

static int resolve_power(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf left = STRBUF_INIT((size_t)64 << 10);
	const char *problem = engine_problem(b);
	bool is_set = false, is_asked = false;

	if (!problem && !b->req->gpus.n)
		problem = "the container gets no GPU";
	if (problem)
		return report_unsupported(b, KNOB_POWER_PROFILE, problem, err);
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;
		struct power_outcome outcome;
		int r;

		if (is_repeated(b, i))
			continue;
		r = set_power(b, gpu, value->number, &outcome, err);
		if (r < 0)
			return r;
		is_set |= outcome.is_set;
		is_asked |= outcome.is_asked;
		if (!outcome.is_set)
			strbuf_printf(&left, "%sGPU %u: %s", left.length ? "; " : "", gpu->index,
				power_problem(gpu, &outcome));
	}
	if (is_asked)
		strbuf_printf(&left,
			"%sa board that has one power limit only keeps it, and a "
			"warning says so",
			left.length ? "; " : "");
	if (strbuf_failed(&left))
		return NVB_OOM(err);
	return knob_report(b, err, KNOB_POWER_PROFILE, is_set ? KNOB_APPLIED : KNOB_UNSUPPORTED,
		!is_set	   ? NULL
		: is_asked ? "the driver's power limit, for as long as the container runs"
			   : "the driver's files in sysfs, for as long as the container runs",
		"%s", strbuf_str(&left));
}

/* Clocks of the GPUs. */

/* "1800" or "210-1800". */
static int check_clocks(const char *text, struct nvb_error **err)
{
	size_t first = strspn(text, "0123456789");
	uint64_t least = 0, most;
	bool is_good = number_parse_n(text, first, UINT16_MAX, &least);

	most = least;
	if (is_good && text[first] == '-')
		is_good = number_parse(text + first + 1, UINT16_MAX, &most);
	else if (is_good)
		is_good = !text[first];
	if (is_good && least && least <= most)
		return 0;
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.64s' is no clock: it is MHZ or MIN-MAX", text);
}

static int resolve_clocks(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r = check_clocks(value->text, err);

	return r < 0 ? r
		     : report_unsupported(b, KNOB_GPU_CLOCKS,
			       "this version locks no clocks; 'nvidia-smi -lgc MIN,MAX' does on "
			       "NVIDIA's GPUs, for root. power_profile chooses clocks on others",
			       err);
}

/* CPUs. */

struct cpu_bits {
	uint64_t words[MAX_CPUS / 64];
};

static bool read_cpu(const char **text, uint64_t *ret)
{
	size_t digits = strspn(*text, "0123456789");

	if (!number_parse_n(*text, digits, MAX_CPUS - 1, ret))
		return false;
	*text += digits;
	return true;
}

/* "0-3,8". False: it is no such list. Source: cpuset(7), "List format", without strides. */
static bool read_cpus(const char *text, struct cpu_bits *ret)
{
	for (;;) {
		uint64_t first, last;

		if (!read_cpu(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!read_cpu(&text, &last) || last < first)
				return false;
		}
		for (uint64_t cpu = first; cpu <= last; cpu++)
			ret->words[cpu / 64] |= UINT64_C(1) << cpu % 64;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* The first CPU that is not online; -1: none, or it is not known which are. */
static int find_offline(const struct plan_build *b, const struct cpu_bits *cpus)
{
	const struct machine_tuning *tuning = b->req->tuning;
	struct cpu_bits online = { 0 };

	if (!tuning || !tuning->online_cpus || !read_cpus(tuning->online_cpus, &online))
		return -1;
	for (size_t cpu = 0; cpu < MAX_CPUS; cpu++)
		if (cpus->words[cpu / 64] & ~online.words[cpu / 64] & UINT64_C(1) << cpu % 64)
			return (int)cpu;
	return -1;
}

static int check_cpus(const struct plan_build *b, const char *text, struct nvb_error **err)
{
	struct cpu_bits cpus = { 0 };
	int offline;

	if (!read_cpus(text, &cpus))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.64s' is no list of CPUs", text),
			"write it as 0-3,8, or auto for those near the GPUs");
	offline = find_offline(b, &cpus);
	if (offline < 0)
		return 0;
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "CPU %d is not online: this machine has %s",
		offline, b->req->tuning->online_cpus);
}

static const char *cpus_of_node(const struct machine_tuning *tuning, int numa_node)
{
	vec_foreach (const struct tuning_node, node, &tuning->nodes)
		if (numa_node >= 0 && node->numa_node == numa_node)
			return node->cpus;
	return NULL;
}

static bool is_repeated_node(const struct plan_build *b, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (b->req->gpus.items[i].gpu->numa_node ==
			b->req->gpus.items[index].gpu->numa_node)
			return true;
	return false;
}

/* Those of the nodes of all selected GPUs. *ret_cpus NULL: *ret_problem says why. */
static int near_cpus(struct plan_build *b, const char **ret_cpus, const char **ret_problem,
	struct nvb_error **err)
{
	const struct selection *gpus = &b->req->gpus;
	const char *cpus = NULL;

	*ret_cpus = NULL;
	*ret_problem = !b->req->tuning ? "which CPUs are near the GPUs is not known here"
		       : !gpus->n      ? "the container gets no GPU to be near of"
				       : NULL;
	for (size_t i = 0; i < gpus->n && !*ret_problem; i++) {
		const char *more = cpus_of_node(b->req->tuning, gpus->items[i].gpu->numa_node);

		if (!more)
			*ret_problem = "the machine tells of no CPUs that are nearer to the GPUs "
				       "than others";
		if (!more || is_repeated_node(b, i))
			continue;
		cpus = cpus ? arena_printf(b->plan->arena, "%s,%s", cpus, more) : more;
		if (!cpus)
			return NVB_OOM(err);
	}
	if (!*ret_problem)
		*ret_cpus = cpus;
	return 0;
}

static int resolve_cpus(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	bool is_auto = strcmp(value->text, "auto") == 0;
	const char *cpus = value->text, *problem = NULL;
	int r = is_auto ? near_cpus(b, &cpus, &problem, err) : check_cpus(b, cpus, err);

	if (r < 0)
		return r;
	if (!problem && b->for_spec)
		problem = "a specification cannot choose CPUs: the engine's own option does";
	if (!problem && !b->req->sets_cpus)
		problem = "the container gets no control group here that could keep it there: run "
			  "as root, or with the engine's own option (--cpuset-cpus)";
	if (problem)
		return plan_knob(b, err, knob_table[KNOB_CPU_SET].name, value->text,
			KNOB_UNSUPPORTED, NULL, "%s", problem);
	b->plan->cpu_set = cpus;
	return plan_knob(b, err, knob_table[KNOB_CPU_SET].name, value->text, KNOB_ENFORCED,
		CPU_MECHANISM, "%s%s", is_auto ? "near the GPUs: " : "", is_auto ? cpus : "");
}

/* True if `word` is one of those separated by blanks; unknown ones may hold any. */
static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = words; p && *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == length && strncmp(p, word, n) == 0)
			return true;
		p += n;
	}
	return !words;
}

static int resolve_governor(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const char *problem = engine_problem(b);
	const struct machine_tuning *tuning = b->req->tuning;
	size_t n_before = b->plan->host_changes.n;

	if (!problem && !tuning->cpus.n)
		problem = "the kernel cannot choose the CPUs' frequency here: firmware or "
			  "hypervisor does";
	for (size_t i = 0; !problem && i < tuning->cpus.n; i++) {
		const struct tuning_cpus *cpus = &tuning->cpus.items[i];
		int r;

		problem = file_problem(&cpus->governor);
		if (!problem && !has_word(cpus->governors, value->text)) {
			problem = arena_printf(
				b->plan->arena, "the CPUs' driver has only: %s", cpus->governors);
			if (!problem)
				return NVB_OOM(err);
		}
		r = problem ? 0
			    : change_file(b, KNOB_CPU_GOVERNOR, &cpus->governor, value->text, err);
		if (r < 0)
			return r;
	}
	if (!problem)
		return knob_report(b, err, KNOB_CPU_GOVERNOR, KNOB_APPLIED,
			"cpufreq, for as long as the container runs", "%s", "");
	/* All CPUs or none. */
	b->plan->host_changes.n = n_before;
	return report_unsupported(b, KNOB_CPU_GOVERNOR, problem, err);
}

/* As many as there are are held, too: so that another container's end does not take them away. */
static int resolve_huge_pages(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const char *problem = engine_problem(b);
	const struct tuning_file *file = problem ? NULL : &b->req->tuning->huge_pages;
	uint64_t current = 0;
	bool is_enough;
	int r = 0;

	if (!problem && !file->path)
		problem = "the kernel has no huge pages of 2 MiB";
	is_enough = !problem && number_parse(file->current, UINT64_MAX, &current) &&
		    current >= value->number;
	if (!problem && !is_enough)
		problem = file_problem(file);
	if (problem)
		return report_unsupported(b, KNOB_HUGE_PAGES, problem, err);
	if (!file->write_errnum)
		r = change_file(
			b, KNOB_HUGE_PAGES, file, is_enough ? file->current : value->text, err);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_HUGE_PAGES, KNOB_APPLIED, "vm.nr_hugepages", "%s",
		is_enough ? "the machine has as many already"
			  : "of the whole machine, for as long as the container runs; programs "
			    "take them with mmap(MAP_HUGETLB)");
}

static const char *realtime_problem(const struct plan_build *b)
{
	if (b->for_spec)
		return "a specification cannot raise limits";
	if (!b->req->changes_host)
		return "the engine raises limits by its own option: --ulimit rtprio=20";
	if (!b->req->session)
		return "whether the caller may raise limits is not known here";
	return b->req->session->can_raise_limits
		       ? NULL
		       : "it would raise limits, which needs CAP_SYS_RESOURCE: run nvbind with "
			 "sudo";
}

/* What a sound server asks RTKit for, which a container has none of. */
static int resolve_realtime(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	static const struct {
		const char *type;
		uint64_t value;
	} limits[] = {
		{ "RLIMIT_RTPRIO", REALTIME_PRIORITY },
		{ "RLIMIT_RTTIME", REALTIME_US },
		{ "RLIMIT_NICE", REALTIME_NICE },
	};
	const char *name = knob_table[KNOB_REALTIME].name, *problem;

	if (!value->number)
		return plan_knob(b, err, name, value->text, KNOB_APPLIED,
			"no limit is raised for it", "%s", "");
	problem = realtime_problem(b);
	if (problem)
		return plan_knob(b, err, name, value->text, KNOB_UNSUPPORTED, NULL, "%s", problem);
	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		int r = knob_rlimit(b, limits[i].type, limits[i].value, err);

		if (r < 0)
			return r;
	}
	return plan_knob(b, err, name, value->text, KNOB_APPLIED,
		"RLIMIT_RTPRIO 20, RLIMIT_NICE, RLIMIT_RTTIME 200 ms",
		"programs may choose SCHED_RR for their sound threads; one that computes 200 ms "
		"without a pause is ended, so that it cannot stop the machine");
}

static const struct knob_rule rules[] = {
	{ KNOB_POWER_PROFILE, resolve_power },
	{ KNOB_GPU_CLOCKS, resolve_clocks },
	{ KNOB_CPU_SET, resolve_cpus },
	{ KNOB_CPU_GOVERNOR, resolve_governor },
	{ KNOB_HUGE_PAGES, resolve_huge_pages },
	{ KNOB_REALTIME, resolve_realtime },
};

const struct knob_rule_table knob_rules_host = { rules, ELEMENTS(rules) };
