/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "base/number.h"
#include "bench/bench.h"
#include "bench/compare_list.h"
#include "bench/process.h"
#include "nvbind/command.h"
#include "nvbind/sibling.h"
#include "request/selector.h"

#define DEFAULT_ROUNDS	50
#define DEFAULT_SECONDS 10
#define MAX_ROUNDS	100000
#define MAX_SECONDS	86400
#define PROGRESS_NS	100000000

struct bench_arguments {
	struct arena *arena;
	struct bench_options options;
	bool json;
};

/* The signal that ended the bench; 0: none. */
static volatile sig_atomic_t stopped_by;

static int set_count(
	const char *name, const char *value, uint64_t max, uint64_t *ret, struct nvb_error **err)
{
	if (number_parse(value, max, ret) && *ret)
		return 0;
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'--%s' takes a number from 1 to %llu, not '%s'",
		name, (unsigned long long)max, value);
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct bench_arguments *arguments = target;
	struct bench_options *o = &arguments->options;
	uint64_t count = 0;
	int r = 0;

	switch (id) {
	case OPTION_BENCH_GPU:
		r = selector_check(value, err);
		if (r >= 0 && string_list_add(arguments->arena, &o->selectors, value) < 0)
			return NVB_OOM(err);
		break;
	case OPTION_BENCH_COMPARE:
		return compare_list_parse(value, o, err);
	case OPTION_BENCH_IMAGE:
		if (!value[0] || value[0] == '-')
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "use the image '%s'", value);
		o->image = value;
		break;
	case OPTION_BENCH_ROUNDS:
		r = set_count("rounds", value, MAX_ROUNDS, &count, err);
		o->rounds = (size_t)count;
		break;
	case OPTION_BENCH_SECONDS:
		r = set_count("seconds", value, MAX_SECONDS, &count, err);
		o->seconds = (unsigned)count;
		break;
	case OPTION_BENCH_JSON:
		arguments->json = true;
		break;
	default:
		break;
	}
	return r < 0 ? r : 0;
}

/* Those that are there. */
static int find_programs(struct arena *a, struct bench_options *o, struct nvb_error **err)
{
	const struct {
		const char *name, **target;
	} programs[] = {
		{ "nvbind", &o->nvbind },
		{ "nvbind-runtime", &o->runtime },
		{ "nvbind-hook", &o->hook },
	};

	for (size_t i = 0; i < ELEMENTS(programs); i++) {
		bool exists = false;
		int r = sibling_path(a, programs[i].name, programs[i].target, &exists, err);

		if (r < 0)
			return r;
		if (!exists)
			*programs[i].target = NULL;
	}
	return 0;
}

static void stop(int signum)
{
	stopped_by = signum;
}

/* Containers, images and directories are removed before we end; a second signal does not hurry. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = stop };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ELEMENTS(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
	/* Nobody reads the progress any more: that must not end us before the clean-up. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

static size_t terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
		       ? (size_t)size.ws_col - 1
		       : 79;
}

/* One line that is written over, a few times a second: a terminal that is busy disturbs. */
static void show_progress(void *user, const struct measure_progress *p)
{
	int64_t *shown_ns = user, now_ns = process_clock_ns();
	char line[512];

	if (now_ns - *shown_ns < PROGRESS_NS)
		return;
	*shown_ns = now_ns;
	(void)snprintf(line, sizeof(line), "round %zu of at most %zu: %s: %s", p->round, p->rounds,
		p->part, p->line + strspn(p->line, " "));
	(void)fprintf(stderr, "\r\033[K%.*s", (int)terminal_columns(), line);
	(void)fflush(stderr);
}

static int print(const struct bench_report *report, bool json, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r = json ? bench_report_format_json(report, &text, err)
		     : bench_report_format_text(report, &text, err);

	if (r < 0)
		return r;
	(void)fputs(text, stdout);
	return 0;
}

static int run(struct bench_arguments *arguments, const struct command_context *context,
	struct nvb_error **err)
{
	_cleanup_(bench_report_freep) struct bench_report *report = NULL;
	struct bench_options *o = &arguments->options;
	int64_t shown_ns = 0;
	bool shows = isatty(STDERR_FILENO) && !context->quiet;
	int r = find_programs(arguments->arena, o, err);

	if (r < 0)
		return r;
	o->host_root = context->host_root;
	o->stop = &stopped_by;
	o->progress = shows ? show_progress : NULL;
	o->user = &shown_ns;
	catch_signals();
	r = bench_run(o, &report, err);
	if (shows)
		(void)fputs("\r\033[K", stderr);
	if (r < 0)
		return r;
	if (r > 0)
		log_warning("stopped: what was not finished is not shown");
	r = r > 0 ? 128 + stopped_by : print(report, arguments->json, err);
	return r;
}

static int check_options(const struct bench_options *o, struct nvb_error **err)
{
	if (!o->image || o->compare_docker || o->compare_podman)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'--image' is for engines: it needs '--compare docker' or 'podman'"),
		"nvbind measures its own containers without an image");
}

int cmd_bench(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct command_context local = *context;
	struct bench_arguments arguments = { .arena = arena,
		.options = { .rounds = DEFAULT_ROUNDS, .seconds = DEFAULT_SECONDS } };
	int r;

	if (!arena)
		return NVB_OOM(err);
	r = command_parse(COMMAND_BENCH, &local, argc, argv, set_option, &arguments, NULL, err);
	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_BENCH, r, argc, argv, err);
	if (r >= 0)
		r = check_options(&arguments.options, err);
	return r < 0 ? r : run(&arguments, &local, err);
}
