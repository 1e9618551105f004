/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many contenders for few GPUs, killed at random: lease-contenders [SECONDS [CONTENDERS [GPUS]]]
 *
 * Contenders are processes that take one to three GPUs, shared or alone, keep them for a while and
 * give them back, or leave them to their witnesses. The parent kills some, with or without a child
 * that has inherited the lock, and starts others in their place.
 *
 * The referee is a table in shared memory that knows nothing of leases: a holder enters himself
 * behind the grant, takes himself out before the release, and then looks who else is in. An entry
 * of somebody who has really ended (his pidfd says so) is not one: he was killed in between.
 *
 * Speaks TAP: no double grant, no deadlock, no leak.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/number.h"
#include "base/path.h"
#include "lease/lease.h"

#define MAX_CONTENDERS 512
#define MAX_GPUS       32
#define MAX_KEYS       3
#define STALL_S	       20

struct place {
	_Atomic pid_t pid;
	_Atomic uint32_t turn; /* counts those who had this place */
	_Atomic bool ended;    /* reaped: the number may be another's by now */
};

struct table {
	/* Tickets of those who have the GPU; 0: nobody. */
	_Atomic uint64_t alone[MAX_GPUS], beside[MAX_GPUS][MAX_CONTENDERS];
	struct place places[MAX_CONTENDERS];
	_Atomic uint64_t grants, refusals, kills, doubles, errors;
	_Atomic bool stop;
};

static struct table *table;
static unsigned n_contenders = 200, n_gpus = 8;
static struct lease_dir dir = LEASE_DIR_INIT;
static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % n;
}

static uint64_t ticket_of(unsigned who)
{
	return (uint64_t)table->places[who].turn << 16 | (who + 1);
}

static bool has_ended(uint64_t ticket)
{
	const unsigned who = (unsigned)(ticket & 0xffff) - 1;
	const pid_t pid = table->places[who].pid;
	struct pollfd wait = { .events = POLLIN };
	bool ended;

	if (ticket_of(who) != ticket || table->places[who].ended)
		return true;
	wait.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (wait.fd < 0)
		return true;
	ended = poll(&wait, 1, 0) == 1;
	(void)close(wait.fd);
	return ended || table->places[who].ended || ticket_of(who) != ticket;
}

static void complain(const char *what, unsigned gpu, uint64_t mine, uint64_t other)
{
	table->doubles++;
	printf("# %s: GPU %u, tickets %llx and %llx\n", what, gpu, (unsigned long long)mine,
		(unsigned long long)other);
}

static void enter_alone(unsigned gpu, unsigned me)
{
	const uint64_t mine = ticket_of(me), before = atomic_exchange(&table->alone[gpu], mine);

	if (before && !has_ended(before))
		complain("two alone", gpu, mine, before);
	for (unsigned i = 0; i < n_contenders; i++) {
		const uint64_t other = table->beside[gpu][i];

		if (other && other != mine && !has_ended(other))
			complain("alone beside another", gpu, mine, other);
	}
}

static void enter_beside(unsigned gpu, unsigned me)
{
	const uint64_t mine = ticket_of(me);
	uint64_t other;

	table->beside[gpu][me] = mine;
	other = table->alone[gpu];
	if (other && !has_ended(other))
		complain("beside one alone", gpu, mine, other);
}

static void leave(unsigned gpu, unsigned me)
{
	uint64_t mine = ticket_of(me);

	(void)atomic_compare_exchange_strong(&table->alone[gpu], &mine, 0);
	table->beside[gpu][me] = 0;
}

static void keep(unsigned most_us)
{
	const struct timespec pause_time = { .tv_nsec = (long)random_below(most_us) * 1000 };

	(void)nanosleep(&pause_time, NULL);
}

struct turn {
	unsigned gpus[MAX_KEYS], n;
	char names[MAX_KEYS][32];
	struct lease_key keys[MAX_KEYS];
};

static void choose(struct turn *turn)
{
	const unsigned first = random_below(n_gpus);

	turn->n = 1 + random_below(n_gpus < MAX_KEYS ? n_gpus : MAX_KEYS);
	for (unsigned i = 0; i < turn->n; i++) {
		turn->gpus[i] = (first + i * (1 + n_gpus / 4)) % n_gpus;
		(void)snprintf(
			turn->names[i], sizeof(turn->names[i]), "0000:%02x:00.0", turn->gpus[i]);
		turn->keys[i] = (struct lease_key){ .gpu = turn->names[i] };
	}
}

static void take_turn(unsigned me)
{
	struct turn turn;
	struct lease_request request = { .mode = LEASE_EXCLUSIVE, .holder = "contender" };
	_cleanup_error_ struct nvb_error *err = NULL;
	struct lease *lease = NULL;
	int r;

	choose(&turn);
	request.keys = (struct lease_key_list){ turn.keys, turn.n, turn.n };
	request.engine = "test";
	request.keep_lock = random_below(2);
	if (random_below(3) == 0)
		request.mode = random_below(2) ? LEASE_SHARED : LEASE_VIRTUAL;
	r = lease_take(&dir, &request, &lease, &err);
	if (r < 0) {
		table->refusals += r == NVB_ERR_BUSY;
		if (r != NVB_ERR_BUSY && !table->errors++)
			printf("# %s\n", nvb_error_message(err));
		keep(2000);
		return;
	}
	table->grants++;
	for (unsigned i = 0; i < turn.n; i++)
		request.mode == LEASE_EXCLUSIVE ? enter_alone(turn.gpus[i], me)
						: enter_beside(turn.gpus[i], me);
	keep(3000);
	/* Some end with their leases, as containers do. */
	if (random_below(8) == 0)
		_exit(0);
	for (unsigned i = 0; i < turn.n; i++)
		leave(turn.gpus[i], me);
	lease_release(lease);
}

static void __attribute__((noreturn)) contend(unsigned me, uint64_t seed)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_state = seed;
	while (!table->stop)
		take_turn(me);
	_exit(0);
}

/* Its entries are nobody's once he has ended, and must not be the next one's. */
static void start(unsigned me, uint64_t seed)
{
	pid_t pid;

	for (unsigned gpu = 0; gpu < n_gpus; gpu++)
		leave(gpu, me);
	table->places[me].turn++;
	pid = fork();
	if (pid == 0) {
		table->places[me].pid = getpid();
		table->places[me].ended = false;
		contend(me, seed);
	}
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	table->places[me].pid = pid;
	table->places[me].ended = false;
}

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned find(pid_t pid)
{
	for (unsigned i = 0; i < n_contenders; i++)
		if (table->places[i].pid == pid)
			return i;
	return MAX_CONTENDERS;
}

/* Only the parent reaps, so the number is still that process's. */
static void kill_one(void)
{
	const pid_t pid = table->places[random_below(n_contenders)].pid;

	table->kills += kill(pid, SIGKILL) == 0;
}

/* Those who ended, by themselves or not, are followed by others. */
static void reap(bool again)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, again ? WNOHANG : 0)) > 0) {
		const unsigned who = find(pid);

		if (who == MAX_CONTENDERS)
			continue;
		table->places[who].ended = true;
		if (!again)
			continue;
		start(who, random_state ^ (uint64_t)pid << 20);
		if (random_below(2))
			kill_one();
	}
}

/* Returns false if nobody got anything for a long time. */
static bool run(double seconds)
{
	const double end = now_s() + seconds;
	double progress_at = now_s();
	uint64_t progress = 0;

	for (unsigned i = 0; i < n_contenders; i++)
		start(i, i * UINT64_C(0x9e3779b97f4a7c15));
	while (now_s() < end) {
		kill_one();
		reap(true);
		keep(4000);
		if (table->grants != progress) {
			progress = table->grants;
			progress_at = now_s();
		}
		if (now_s() - progress_at > STALL_S)
			return false;
	}
	return true;
}

/* Everybody is gone: how many slots still say that somebody holds them. */
static size_t count_left(unsigned *ret_gpus_taken)
{
	struct arena *arena = arena_new();
	struct lease_entry_list entries = { 0 };
	struct string_list warnings = { 0 };
	size_t left = 0;

	if (!arena || lease_list(&dir, arena, &entries, &warnings, NULL) < 0 || warnings.n)
		left++;
	vec_foreach (struct lease_entry, entry, &entries)
		left += entry->witness != LEASE_WITNESS_NONE;
	for (unsigned gpu = 0; gpu < n_gpus; gpu++) {
		char name[32];
		struct lease_key key = { .gpu = name };
		const struct lease_request all = { .keys = { &key, 1, 1 },
			.mode = LEASE_EXCLUSIVE,
			.holder = "end",
			.engine = "test" };
		struct lease *lease = NULL;

		(void)snprintf(name, sizeof(name), "0000:%02x:00.0", gpu);
		*ret_gpus_taken += lease_take(&dir, &all, &lease, NULL) >= 0;
		lease_release(lease);
	}
	arena_free(arena);
	return left;
}

static void report(bool good, unsigned number, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", number, what);
}

static unsigned read_number(char **argv, int i, unsigned most, unsigned otherwise)
{
	uint64_t value;

	return argv[i] && number_parse(argv[i], most, &value) && value ? (unsigned)value
								       : otherwise;
}

int main(int argc, char **argv)
{
	char top[] = "/dev/shm/nvbind-contenders-XXXXXX", path[64];
	const unsigned seconds = argc > 1 ? read_number(argv, 1, 86400, 5) : 5;
	unsigned gpus_taken = 0;
	bool alive;
	size_t left;

	if (argc > 2)
		n_contenders = read_number(argv, 2, MAX_CONTENDERS, n_contenders);
	if (argc > 3)
		n_gpus = read_number(argv, 3, MAX_GPUS, n_gpus);
	table = mmap(
		NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED || !mkdtemp(top))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/leases", top);
	if (lease_dir_open_path(path, &dir, NULL) < 0)
		return 1;
	random_state = (uint64_t)getpid();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..4\n");
	alive = run(seconds);
	table->stop = true;
	reap(false);
	left = count_left(&gpus_taken);
	printf("# %u contenders, %u GPUs, %u s: %llu grants, %llu refusals, %llu kills, %llu "
	       "errors, "
	       "%llu double grants, %zu slots and %u GPUs left\n",
		n_contenders, n_gpus, seconds, (unsigned long long)table->grants,
		(unsigned long long)table->refusals, (unsigned long long)table->kills,
		(unsigned long long)table->errors, (unsigned long long)table->doubles, left,
		n_gpus - gpus_taken);
	report(table->doubles == 0, 1, "no GPU is granted twice");
	report(alive, 2, "somebody always gets one");
	report(left == 0 && gpus_taken == n_gpus, 3, "nothing is held by the dead");
	report(table->grants > 0 && table->errors == 0, 4, "nothing else is refused");
	lease_dir_done(&dir);
	(void)path_remove_tree(AT_FDCWD, top);
	return table->doubles || !alive || left || gpus_taken != n_gpus || table->errors;
}
