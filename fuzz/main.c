/* main.c - stands for libFuzzer where there is no clang: inputs from files, then mutations of them until time is up.
 *
 * It takes libFuzzer's arguments, of which it knows -max_total_time=SECONDS and -seed=N; files and folders are inputs.
 * Files alone are run once each. An input is written to `current` before it runs, so that a crash leaves it there.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH_MAX 1200u
#define INPUTS_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input
{
  uint8_t *data;
  size_t   size;
};

static struct input inputs[INPUTS_MAX];
static size_t ninputs;
static uint64_t state = 1;

static uint32_t draw(uint32_t n)            /* xorshift64*, below n */
{
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32) % n;
}

static void read_file(const char *path)
{
  FILE *f = fopen(path, "rb");
  if (f == NULL || ninputs == INPUTS_MAX) return;
  uint8_t *data = malloc(LENGTH_MAX);
  if (data) inputs[ninputs++] = (struct input){ data, fread(data, 1, LENGTH_MAX, f) };
  fclose(f);
}

static int read_folder(const char *path)
{
  char name[4096];
  DIR *folder = opendir(path);
  if (folder == NULL) return 0;
  for (const struct dirent *e; (e = readdir(folder)) != NULL; )
    if (e->d_name[0] != '.' && snprintf(name, sizeof name, "%s/%s", path, e->d_name) < (int)sizeof name)
      read_file(name);
  closedir(folder);
  return 1;
}

static void run(const uint8_t *data, size_t size)
{
  FILE *f = fopen("current", "wb");
  if (f)
    {
      fwrite(data, 1, size, f);
      fclose(f);
    }
  LLVMFuzzerTestOneInput(data, size);
}

/* The beginning of one input and the end of another, some bytes of it changed. */

static size_t mutate(uint8_t *out)
{
  const struct input *a = &inputs[draw((uint32_t)ninputs)], *b = &inputs[draw((uint32_t)ninputs)];
  size_t head = a->size ? draw((uint32_t)a->size + 1) : 0, from = b->size ? draw((uint32_t)b->size) : 0;
  size_t tail = b->size - from;
  if (head + tail > LENGTH_MAX) tail = LENGTH_MAX - head;
  memcpy(out, a->data, head);
  memcpy(out + head, b->data + from, tail);
  size_t size = head + tail;
  for (uint32_t i = draw(8); size && i > 0; i--) out[draw((uint32_t)size)] = (uint8_t)draw(256);
  return size;
}

int main(int argc, char **argv)
{
  int seconds = 60, folders = 0;
  for (int i = 1; i < argc; i++)
    {
      if (sscanf(argv[i], "-max_total_time=%d", &seconds) == 1 || sscanf(argv[i], "-seed=%lu", &state) == 1) continue;
      if (argv[i][0] == '-') continue;
      if (read_folder(argv[i]))
        folders++;
      else
        read_file(argv[i]);
    }
  for (size_t i = 0; i < ninputs; i++) run(inputs[i].data, inputs[i].size);
  uint64_t n = ninputs;
  time_t end = time(NULL) + seconds;
  uint8_t data[LENGTH_MAX];
  for (; folders && ninputs && time(NULL) < end; n++) run(data, mutate(data));
  printf("%llu inputs run\n", (unsigned long long)n);
  for (size_t i = 0; i < ninputs; i++) free(inputs[i].data);
  return 0;
}
