/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds two vectors on a GPU and compares with the processor's sums. Uses the driver alone, found
 * by dlopen("libcuda.so.1") as programs do; the kernel is PTX, which the driver compiles.
 * Prints "GPUs N", then one line per GPU: "GPU I sums right". Exit status 0 only if all are.
 * Source: CUDA Driver API reference, 12.0: cuInit, cuDeviceGet, cuCtxCreate_v2, cuModuleLoadData,
 * cuMemAlloc_v2, cuMemcpyHtoD_v2, cuMemcpyDtoH_v2, cuLaunchKernel.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

#define N 4096
#define THREADS 256

static const char ptx[] =
	".version 6.0\n"
	".target sm_50\n"
	".address_size 64\n"
	".visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c)\n"
	"{\n"
	"	.reg .b32 %r<5>;\n"
	"	.reg .b64 %rd<8>;\n"
	"	.reg .f32 %f<4>;\n"
	"	mov.u32 %r1, %ctaid.x;\n"
	"	mov.u32 %r2, %ntid.x;\n"
	"	mov.u32 %r3, %tid.x;\n"
	"	mad.lo.s32 %r4, %r1, %r2, %r3;\n"
	"	mul.wide.s32 %rd1, %r4, 4;\n"
	"	ld.param.u64 %rd2, [a];\n"
	"	ld.param.u64 %rd3, [b];\n"
	"	ld.param.u64 %rd4, [c];\n"
	"	add.s64 %rd5, %rd2, %rd1;\n"
	"	add.s64 %rd6, %rd3, %rd1;\n"
	"	add.s64 %rd7, %rd4, %rd1;\n"
	"	ld.global.f32 %f1, [%rd5];\n"
	"	ld.global.f32 %f2, [%rd6];\n"
	"	add.f32 %f3, %f1, %f2;\n"
	"	st.global.f32 [%rd7], %f3;\n"
	"	ret;\n"
	"}\n";

/* name, parameters: every function returns a CUresult, 0 for success. */
#define FUNCTIONS(X)                                                              \
	X(cuInit, (unsigned flags))                                               \
	X(cuDeviceGetCount, (int *count))                                         \
	X(cuDeviceGet, (int *device, int ordinal))                                \
	X(cuCtxCreate_v2, (void **context, unsigned flags, int device))           \
	X(cuCtxDestroy_v2, (void *context))                                       \
	X(cuModuleLoadData, (void **module, const void *image))                   \
	X(cuModuleGetFunction, (void **function, void *module, const char *name)) \
	X(cuMemAlloc_v2, (uint64_t *address, size_t bytes))                       \
	X(cuMemcpyHtoD_v2, (uint64_t to, const void *from, size_t bytes))         \
	X(cuMemcpyDtoH_v2, (void *to, uint64_t from, size_t bytes))               \
	X(cuLaunchKernel, (void *function, unsigned gx, unsigned gy, unsigned gz, \
		unsigned bx, unsigned by, unsigned bz, unsigned shared_bytes,     \
		void *stream, void **parameters, void **extra))

#define X(name, parameters) static int(*name) parameters;
FUNCTIONS(X)
#undef X

#define TRY(call)                                                       \
	do {                                                            \
		int result = (call);                                    \
		if (result != 0) {                                      \
			fprintf(stderr, "%s: error %d\n", #call, result); \
			return 1;                                       \
		}                                                       \
	} while (0)

static int load(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
#define X(name, parameters)                                   \
	*(void **)&name = dlsym(library, #name);              \
	if (!name) {                                          \
		fprintf(stderr, "libcuda lacks %s\n", #name); \
		return 1;                                     \
	}
	FUNCTIONS(X)
#undef X
	return 0;
}

static int add_on(int ordinal)
{
	static float a[N], b[N], c[N];
	uint64_t da = 0, db = 0, dc = 0;
	void *parameters[] = { &da, &db, &dc };
	void *context = NULL, *module = NULL, *function = NULL;
	int device = 0;

	for (int i = 0; i < N; i++) {
		a[i] = (float)i;
		b[i] = (float)(2 * i + ordinal);
		c[i] = -1;
	}
	TRY(cuDeviceGet(&device, ordinal));
	TRY(cuCtxCreate_v2(&context, 0, device));
	TRY(cuModuleLoadData(&module, ptx));
	TRY(cuModuleGetFunction(&function, module, "add"));
	TRY(cuMemAlloc_v2(&da, sizeof(a)));
	TRY(cuMemAlloc_v2(&db, sizeof(b)));
	TRY(cuMemAlloc_v2(&dc, sizeof(c)));
	TRY(cuMemcpyHtoD_v2(da, a, sizeof(a)));
	TRY(cuMemcpyHtoD_v2(db, b, sizeof(b)));
	TRY(cuLaunchKernel(function, N / THREADS, 1, 1, THREADS, 1, 1, 0, NULL, parameters, NULL));
	TRY(cuMemcpyDtoH_v2(c, dc, sizeof(c)));
	TRY(cuCtxDestroy_v2(context));
	for (int i = 0; i < N; i++) {
		if (c[i] != a[i] + b[i]) {
			fprintf(stderr, "GPU %d: element %d is %g\n", ordinal, i, (double)c[i]);
			return 1;
		}
	}
	printf("GPU %d sums right\n", ordinal);
	return 0;
}

int main(void)
{
	int count = 0;

	if (load() != 0)
		return 1;
	TRY(cuInit(0));
	TRY(cuDeviceGetCount(&count));
	printf("GPUs %d\n", count);
	for (int i = 0; i < count; i++)
		if (add_on(i) != 0)
			return 1;
	return count ? 0 : 1;
}
