/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's first instructions. See pass_through.h.
 *
 * Nothing is relocated yet, and there is no thread-local storage: no pointer in static data, and no
 * function of another file: tests/check-static looks for either.
 */
#include "runtime/pass_through.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "gpu/trusted_file.h"
#include "request/runtime_policy.h"
#include "runtime/arguments.h"
#include "runtime/low_level.h"

/* What is longer is no plain case. */
#define POLICY_BYTES   4096
#define PATH_BYTES     256
#define VARIABLES      1024
#define PROCESS_DIGITS 10

/* The stack is the kernel's: argc, argv[], NULL, envp[], NULL, auxv[] with AT_NULL at the end. */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl pass_through_start\n"
	".hidden pass_through_start\n"
	".type pass_through_start, @function\n"
	"pass_through_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	call pass_through\n"
	"	xorl %edx, %edx\n" /* no function for atexit() */
	"	jmp _start\n"
	".size pass_through_start, . - pass_through_start\n");

static long call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl pass_through_start\n"
	".hidden pass_through_start\n"
	".type pass_through_start, %function\n"
	"pass_through_start:\n"
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	mov x0, sp\n"
	"	bl pass_through\n"
	"	mov x0, xzr\n"
	"	b _start\n"
	".size pass_through_start, . - pass_through_start\n");

static long call(long number, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
	return x0;
}
#else
#error "not for this architecture; see src/runtime/meson.build"
#endif

/* Where a string, a buffer or a structure is, as the kernel takes it. */
static long at(const void *pointer)
{
	return (long)(uintptr_t)pointer;
}

/* Not on the stack: of it, only what is written becomes memory. */
static struct {
	char policy[POLICY_BYTES];
	char policy_path[PATH_BYTES];
	char program[PATH_BYTES];
	char self[sizeof(LOW_LEVEL_SELF_VARIABLE "=:1") + PROCESS_DIGITS];
	char *environment[VARIABLES];
} memory;

struct start {
	char **argv, **envp;
	size_t n_envp;
	uid_t euid;
	bool secure; /* unknown is true */
};

/* Strings. */

static bool is_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The text behind "NAME="; NULL: another name. */
static const char *value_of(const char *assignment, const char *name)
{
	while (*name && *assignment == *name) {
		assignment++;
		name++;
	}
	return *name || *assignment != '=' ? NULL : assignment + 1;
}

static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

struct slice {
	const char *text;
	size_t length;
};

static struct slice slice_until(const char *text, char end)
{
	struct slice s = { text, 0 };

	while (text[s.length] && text[s.length] != end)
		s.length++;
	return s;
}

static bool slice_has(const struct slice *s, char c)
{
	for (size_t i = 0; i < s->length; i++)
		if (s->text[i] == c)
			return true;
	return false;
}

/* False: no room. */
static bool append(char *to, size_t *at_byte, const struct slice *s)
{
	if (s->length >= PATH_BYTES - *at_byte)
		return false;
	for (size_t i = 0; i < s->length; i++)
		to[(*at_byte)++] = s->text[i];
	to[*at_byte] = '\0';
	return true;
}

/* How the program was started. */

static void read_stack(uintptr_t *stack, struct start *ret)
{
	const Elf64_auxv_t *auxv;

	ret->argv = (char **)(stack + 1);
	ret->envp = ret->argv + stack[0] + 1;
	ret->n_envp = 0;
	ret->euid = 0;
	ret->secure = true;
	while (ret->envp[ret->n_envp])
		ret->n_envp++;
	auxv = (const Elf64_auxv_t *)(const void *)(ret->envp + ret->n_envp + 1);
	for (; auxv->a_type != AT_NULL; auxv++) {
		if (auxv->a_type == AT_EUID)
			ret->euid = (uid_t)auxv->a_un.a_val;
		if (auxv->a_type == AT_SECURE)
			ret->secure = auxv->a_un.a_val != 0;
	}
}

static const char *variable(const struct start *s, const char *name)
{
	for (size_t i = 0; i < s->n_envp; i++) {
		const char *value = value_of(s->envp[i], name);

		if (value)
			return value;
	}
	return NULL;
}

/* An option that is ours where no command is: --version, --help, in any spelling. */
static bool may_be_ours(const char *word)
{
	if (*word != '-')
		return false;
	while (*word == '-')
		word++;
	return *word == 'v' || *word == 'h';
}

/*
 * True if a command is there that makes no container, whatever the options mean: no word at all is
 * the name of one that does.
 */
static bool is_pass_through(const struct start *s)
{
	static const struct {
		char name[12];
		bool makes_container;
	} commands[] = {
#define X(name, makes_container) { name, makes_container },
		RUNTIME_COMMANDS(X)
#undef X
	};
	const char *name = s->argv[0] ? base_name(s->argv[0]) : "";
	bool found = false;

	if (!is_equal(name, "nvbind-runtime") && !is_equal(name, "nvidia-container-runtime"))
		return false;
	for (char **word = s->argv + 1; *word; word++) {
		if (may_be_ours(*word))
			return false;
		for (size_t i = 0; i < ELEMENTS(commands); i++) {
			if (!is_equal(*word, commands[i].name))
				continue;
			if (commands[i].makes_container)
				return false;
			found = true;
		}
	}
	return found;
}

/* The policy. */

enum answer {
	ANSWER_UNCLEAR,
	ANSWER_NONE,
	ANSWER_FOUND,
};

static bool is_safe(const struct start *s, const char *path, bool is_file)
{
	struct stat st;

	return call(SYS_newfstatat, AT_FDCWD, at(path), at(&st), AT_SYMLINK_NOFOLLOW) == 0 &&
	       !trusted_file_find_fault(&st, is_file, s->euid);
}

/* As path_is_normal(); but a part that begins with a dot is no plain case either. */
static bool is_normal(const char *path)
{
	if (*path != '/')
		return false;
	for (; *path; path++)
		if (*path == '/' && (!path[1] || path[1] == '/' || path[1] == '.'))
			return false;
	return true;
}

/* As runtime_policy_read() has it, where no part of the path is a link. */
static bool is_trusted(const struct start *s, const char *path)
{
	const struct slice all = slice_until(path, '\0');
	char *copy = memory.policy_path;
	size_t length = 0;
	struct stat root;

	if (!is_normal(path) || !append(copy, &length, &all) ||
		call(SYS_newfstatat, AT_FDCWD, at("/"), at(&root), AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	/* In a user namespace without the machine's root nobody's trust can be told. */
	if (root.st_uid != 0)
		return true;
	if (trusted_file_find_fault(&root, false, s->euid))
		return false;
	for (size_t i = 1; i < length; i++) {
		bool safe;

		if (copy[i] != '/')
			continue;
		copy[i] = '\0';
		safe = is_safe(s, copy, false);
		copy[i] = '/';
		if (!safe)
			return false;
	}
	return is_safe(s, copy, true);
}

/* Returns the length; 0: it is longer, or not readable. */
static size_t read_policy(const char *path)
{
	const long fd = call(SYS_openat, AT_FDCWD, at(path),
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return 0;
	n = call(SYS_read, fd, at(memory.policy), POLICY_BYTES, 0);
	(void)call(SYS_close, fd, 0, 0, 0);
	/* A regular file gives all that is asked for, so this was the end. */
	return n > 0 && n < POLICY_BYTES ? (size_t)n : 0;
}

/*
 * The text is one object with keys of the table, each once, and values of the key's type, all of
 * printable ASCII without escapes: NULL where it is not, so that nothing gets through here that the
 * reader of policies refuses. None of these lets the zero byte behind the text through.
 */
enum key_type {
	KEY_TRUST,
	KEY_SWITCH,
	KEY_SET,
	KEY_LEVEL,
	KEY_PATH,
	KEY_TEXTS,
	KEY_PROGRAMS,
};

/* No pointers, but the names themselves. */
static const struct {
	char name[24];
	enum key_type type;
} keys[] = {
#define KEY(name, type, member, meaning) { name, KEY_##type },
#include "request/runtime_policy_keys.def"
#undef KEY
};

#define WORD(word, value) word,
static const char trust_words[][12] = { RUNTIME_POLICY_TRUST_WORDS(WORD) };
static const char level_words[][12] = { RUNTIME_POLICY_LEVEL_WORDS(WORD) };
static const char switch_words[][12] = { "true", "false" };
#undef WORD

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

/* *ret: between the quotes. */
static const char *skip_string(const char *p, struct slice *ret)
{
	if (*p++ != '"')
		return NULL;
	ret->text = p;
	while (*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\')
		p++;
	ret->length = (size_t)(p - ret->text);
	return *p == '"' ? skip_space(p + 1) : NULL;
}

static bool slice_is(const struct slice *s, const char *text)
{
	for (size_t i = 0; i < s->length; i++)
		if (s->text[i] != text[i])
			return false;
	return !text[s->length];
}

static bool is_one_of(const struct slice *s, const char (*words)[12], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(s, words[i]))
			return true;
	return false;
}

/* As is_normal(), which takes a string. */
static bool is_normal_slice(const struct slice *s)
{
	if (!s->length || s->text[0] != '/')
		return false;
	for (size_t i = 0; i < s->length; i++)
		if (s->text[i] == '/' &&
			(i + 1 == s->length || s->text[i + 1] == '/' || s->text[i + 1] == '.'))
			return false;
	return s->length < PATH_BYTES;
}

static const char *skip_list(const char *p, bool of_programs)
{
	struct slice item;
	size_t n = 0;

	do {
		p = skip_string(skip_space(p + 1), &item);
		if (!p || !item.length || slice_has(&item, '=') || ++n > RUNTIME_POLICY_LIST_ITEMS)
			return NULL;
		if (of_programs && slice_has(&item, '/') && !is_normal_slice(&item))
			return NULL;
	} while (*p == ',');
	return *p == ']' ? skip_space(p + 1) : NULL;
}

static const char *skip_word(const char *p, struct slice *ret)
{
	ret->text = p;
	while (*p >= 'a' && *p <= 'z')
		p++;
	ret->length = (size_t)(p - ret->text);
	return skip_space(p);
}

/* What is no plain case is a set of capabilities, null, and an empty list. */
static const char *skip_value(const char *p, enum key_type type)
{
	struct slice value;
	bool valid = false;

	if (type == KEY_TEXTS || type == KEY_PROGRAMS)
		return *p == '[' ? skip_list(p, type == KEY_PROGRAMS) : NULL;
	p = type == KEY_SWITCH ? skip_word(p, &value) : skip_string(p, &value);
	if (!p)
		return NULL;
	if (type == KEY_SWITCH)
		valid = is_one_of(&value, switch_words, ELEMENTS(switch_words));
	else if (type == KEY_TRUST)
		valid = is_one_of(&value, trust_words, ELEMENTS(trust_words));
	else if (type == KEY_LEVEL)
		valid = is_one_of(&value, level_words, ELEMENTS(level_words));
	else if (type == KEY_PATH)
		valid = is_normal_slice(&value);
	return valid ? p : NULL;
}

/* ELEMENTS(keys): there is none. */
static size_t find_key(const struct slice *name)
{
	size_t i = 0;

	while (i < ELEMENTS(keys) && !slice_is(name, keys[i].name))
		i++;
	return i;
}

/* *ret_list: at the bracket of the list of low-level runtimes. */
static enum answer find_list(const char *p, const char **ret_list)
{
	enum answer answer = ANSWER_NONE;
	struct slice name;
	uint64_t seen = 0;

	p = skip_space(p);
	if (*p != '{')
		return ANSWER_UNCLEAR;
	if (*skip_space(p + 1) == '}')
		return *skip_space(skip_space(p + 1) + 1) ? ANSWER_UNCLEAR : ANSWER_NONE;
	do {
		size_t i;

		p = skip_string(skip_space(p + 1), &name);
		i = p ? find_key(&name) : 0;
		if (!p || *p != ':' || i == ELEMENTS(keys) || (seen & UINT64_C(1) << i))
			return ANSWER_UNCLEAR;
		seen |= UINT64_C(1) << i;
		p = skip_space(p + 1);
		/* The only key of its type. */
		if (keys[i].type == KEY_PROGRAMS) {
			answer = ANSWER_FOUND;
			*ret_list = p;
		}
		p = skip_value(p, keys[i].type);
	} while (p && *p == ',');
	return p && *p == '}' && !*skip_space(p + 1) ? answer : ANSWER_UNCLEAR;
}

_Static_assert(ELEMENTS(keys) <= 64, "find_list() has a bit for each");

static enum answer ask_policy(const struct start *s, const char **ret_list)
{
	const char *path = variable(s, RUNTIME_POLICY_VARIABLE);
	const bool is_named = path && *path;
	struct stat st;

	if (!is_named) {
		path = RUNTIME_POLICY_PATH;
		if (call(SYS_newfstatat, AT_FDCWD, at(path), at(&st), 0) == -ENOENT)
			return ANSWER_NONE;
	}
	if (!is_trusted(s, path) || !read_policy(path))
		return ANSWER_UNCLEAR;
	return find_list(memory.policy, ret_list);
}

/* The low-level runtime. */

static void write_self(void)
{
	const struct slice name = slice_until(LOW_LEVEL_SELF_VARIABLE "=", '\0');
	uint64_t pid = (uint64_t)call(SYS_getpid, 0, 0, 0, 0), unit = 1;
	size_t n = 0;

	(void)append(memory.self, &n, &name);
	while (pid / unit > 9)
		unit *= 10;
	for (; unit; unit /= 10)
		memory.self[n++] = (char)('0' + pid / unit % 10);
	memory.self[n++] = ':';
	memory.self[n++] = '1';
	memory.self[n] = '\0';
}

/* Returns only if it fails. */
static void execute(const struct start *s, char *path)
{
	char *own_name = s->argv[0];
	size_t n = 0;

	for (; n < s->n_envp; n++)
		memory.environment[n] = s->envp[n];
	write_self();
	memory.environment[n++] = memory.self;
	memory.environment[n] = NULL;
	s->argv[0] = path;
	(void)call(SYS_execve, at(path), at(s->argv), at(memory.environment), 0);
	s->argv[0] = own_name;
}

/* True if it is the one to be executed. */
static bool is_low_level(const char *path)
{
	struct stat self, st;

	if (call(SYS_newfstatat, AT_FDCWD, at(path), at(&st), 0) != 0 || !S_ISREG(st.st_mode))
		return false;
	return call(SYS_newfstatat, AT_FDCWD, at("/proc/self/exe"), at(&self), 0) != 0 ||
	       self.st_dev != st.st_dev || self.st_ino != st.st_ino;
}

/* ANSWER_FOUND: its path is in memory.program. */
static enum answer find_program(const struct slice *name)
{
	const struct slice slash = { "/", 1 };
	size_t length = 0;

	if (slice_has(name, '/')) {
		if (name->text[0] != '/' || !append(memory.program, &length, name))
			return ANSWER_UNCLEAR;
		return is_low_level(memory.program) ? ANSWER_FOUND : ANSWER_NONE;
	}
	for (const char *dir = SPAWN_SYSTEM_PATH;; dir++) {
		const struct slice part = slice_until(dir, ':');

		length = 0;
		if (!append(memory.program, &length, &part) ||
			!append(memory.program, &length, &slash) ||
			!append(memory.program, &length, name))
			return ANSWER_UNCLEAR;
		if (is_low_level(memory.program))
			return ANSWER_FOUND;
		dir += part.length;
		if (!*dir)
			return ANSWER_NONE;
	}
}

/* Of a list that skip_list() let through. */
static enum answer find_in_list(const char *p)
{
	enum answer answer;
	struct slice name;

	do {
		p = skip_string(skip_space(p + 1), &name);
		answer = p && name.length ? find_program(&name) : ANSWER_UNCLEAR;
	} while (answer == ANSWER_NONE && *p == ',');
	return answer;
}

static enum answer find_default(void)
{
	static const char names[][8] = { RUNTIME_POLICY_DEFAULT_RUNTIMES };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const struct slice name = slice_until(names[i], '\0');
		const enum answer answer = find_program(&name);

		if (answer != ANSWER_NONE)
			return answer;
	}
	return ANSWER_NONE;
}

static enum answer find_low_level(const struct start *s)
{
	const char *named = variable(s, LOW_LEVEL_VARIABLE), *list = NULL;
	struct slice name;

	if (named && *named) {
		name = slice_until(named, '\0');
		return find_program(&name);
	}
	switch (ask_policy(s, &list)) {
	case ANSWER_NONE:
		return find_default();
	case ANSWER_FOUND:
		return find_in_list(list);
	case ANSWER_UNCLEAR:
		break;
	}
	return ANSWER_UNCLEAR;
}

__attribute__((used, visibility("hidden"))) void pass_through(uintptr_t *stack)
{
	struct start start;

	read_stack(stack, &start);
	/* Who was started by itself is not in the plain case. */
	if (start.secure || start.n_envp + 2 > VARIABLES || !is_pass_through(&start) ||
		variable(&start, LOW_LEVEL_SELF_VARIABLE))
		return;
	if (find_low_level(&start) == ANSWER_FOUND)
		execute(&start, memory.program);
}
