/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nvbind ollama`: what is asked for, what is found out, and what is decided, in this order. The
 * decisions are a command line of `nvbind run`.
 */
#pragma once

#include "gpu/inventory.h"
#include "model/estimate.h"
#include "model/store.h"
#include "nvbind/command.h"
#include "request/selector.h"
#include "request/settings.h"

#define OLLAMA_CONTEXT_MOST  (UINT64_C(1) << 24)
#define OLLAMA_PARALLEL_MOST UINT64_C(4096)

struct ollama_options {
	struct command_context context;
	const char *model;		   /* a name, or a GGUF file's path */
	const char *models_dir;		   /* NULL: not given */
	const char *preset;		   /* NULL: not given */
	uint64_t context_length, parallel; /* 0: not given */
	bool kv_given;
	enum kv_type kv;
	const char *image, *runtime, *name; /* NULL: not given */
	struct string_list gpus, ports, configs, command;
	bool detach, dry_run, json;
};

/* What a preset asks for; 0 and NULL where it says nothing. */
struct ollama_preset {
	const char *name;
	const char *origin; /* "built in", or the place in a file */
	const char *precision;
	uint64_t context_length, parallel, limit_bytes;
	bool kv_given;
	enum kv_type kv;
	bool wants_mig;
	const char *note; /* what is wrong with it; NULL: nothing */
};

/*
 * That of --preset, else the configuration's default_ollama_profile. Files define them too. All
 * empty if there is none. Errors: NVB_ERR_USAGE, those of config_load().
 */
int ollama_preset_find(const struct ollama_options *o, struct arena *a, struct ollama_preset *ret,
	struct nvb_error **err);

struct ollama_model {
	const char *shown;     /* as users call it */
	const char *directory; /* of the models, on the host */
	bool directory_exists;
	bool directory_is_default; /* ours to make */
	bool is_file;		   /* a GGUF file, of no store */
	bool is_stored;
	struct stored_model stored;
	struct gguf_info gguf;
	bool has_gguf;
	const char *why_no_gguf; /* its file cannot be read; NULL: it was, or there is none */
	struct name_guess guess;
};

/* A model that is not there yet is no error. `ret->stored` must be freed. */
int ollama_model_find(const struct ollama_options *o, struct arena *a, struct ollama_model *ret,
	struct nvb_error **err);

struct ollama_gpu {
	struct selected_gpu item;
	uint64_t bytes; /* 0: unknown */
	bool is_free;	/* of these, all are unused now; else it is the size */
};

struct ollama_gpu_list VEC(struct ollama_gpu);

/* The GPUs of --gpu, or all usable ones, with their memory. None is no error without --gpu. */
int ollama_gpus_find(const struct host_tree *tree, const struct inventory *inv,
	const struct string_list *selectors, struct arena *a, struct ollama_gpu_list *ret,
	struct nvb_error **err);

enum ollama_fit {
	OLLAMA_FIT_UNKNOWN,
	OLLAMA_FITS,
	OLLAMA_FITS_NOT,
};

struct ollama_setting {
	const char *name, *value, *reason;
};

struct ollama_setting_list VEC(struct ollama_setting);

/* Everything that was decided. */
struct ollama_choice {
	struct ollama_gpu_list gpus; /* in the inventory's order */
	const char *why_gpus;
	bool has_estimate;
	struct model_estimate estimate;
	struct model_load load;
	enum ollama_fit fit;
	bool spread; /* no GPU of them holds it alone */
	const char *image;
	struct ollama_setting_list settings; /* variables of the container */
	struct string_list notes;
	struct string_list run; /* words behind `nvbind` */
};

struct ollama_inputs {
	const struct ollama_options *options;
	const struct ollama_preset *preset;
	const struct ollama_model *model;
	const struct ollama_gpu_list *gpus;
	struct arena *arena;
};

/* ollama_gpus.c: fills gpus, why_gpus, estimate, fit, image. `load` is set. */
int ollama_gpus_choose(
	const struct ollama_inputs *in, struct ollama_choice *choice, struct nvb_error **err);
/* Of the model, on so many GPUs. As model_estimate(). */
int ollama_estimate(const struct ollama_inputs *in, const struct model_load *load,
	struct model_estimate *ret, struct nvb_error **err);

/* ollama_choice.c: all of it. Pure. */
int ollama_choose(
	const struct ollama_inputs *in, struct ollama_choice *ret, struct nvb_error **err);

/* malloc'd. */
int ollama_format_text(const struct ollama_inputs *in, const struct ollama_choice *choice,
	char **ret, struct nvb_error **err);
int ollama_format_json(const struct ollama_inputs *in, const struct ollama_choice *choice,
	char **ret, struct nvb_error **err);
