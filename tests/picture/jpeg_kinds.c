/* Writes the kinds of JPEG that PIL does not write: YCCK, unusual sampling, arithmetic coding. Used by
   make_reference.py to make tests/data/picture; not part of the build. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

struct kind {
  const char *name;
  int components;   /* 3: RGB is given; 4: its complement and a constant black */
  int h, v;         /* sampling of the first component */
  int arithmetic;
};

static const struct kind kinds[] = {
    {"ycck", 4, 1, 1, 0},    {"ycck_420", 4, 2, 2, 0}, {"rgb_440", 3, 1, 2, 0},
    {"rgb_411", 3, 4, 1, 0}, {"rgb_410", 3, 4, 2, 0},  {"arithmetic", 3, 2, 2, 1},
};

static void write_kind(const struct kind *kind, const unsigned char *rgb, int width, int height, const char *folder) {
  char path[4096];
  struct jpeg_compress_struct encoder;
  struct jpeg_error_mgr errors;
  unsigned char *line = malloc((size_t)width * 4);
  snprintf(path, sizeof path, "%s/%s.jpg", folder, kind->name);
  FILE *file = fopen(path, "wb");
  if (file == NULL || line == NULL) exit(1);
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  jpeg_stdio_dest(&encoder, file);
  encoder.image_width = (JDIMENSION)width;
  encoder.image_height = (JDIMENSION)height;
  encoder.input_components = kind->components;
  encoder.in_color_space = kind->components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&encoder);
  if (kind->components == 4) jpeg_set_colorspace(&encoder, JCS_YCCK);
  encoder.comp_info[0].h_samp_factor = kind->h;
  encoder.comp_info[0].v_samp_factor = kind->v;
  for (int i = 1; i < kind->components; ++i) {
    /* Black is sampled as luminance is. */
    encoder.comp_info[i].h_samp_factor = i == 3 ? kind->h : 1;
    encoder.comp_info[i].v_samp_factor = i == 3 ? kind->v : 1;
  }
  encoder.arith_code = kind->arithmetic;
  jpeg_set_quality(&encoder, 90, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const unsigned char *pixel = rgb + ((size_t)y * width + x) * 3;
      memcpy(line + x * kind->components, pixel, 3);
      if (kind->components == 4) line[x * 4 + 3] = (unsigned char)(255 - (x + y) % 64);
    }
    jpeg_write_scanlines(&encoder, &line, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  fclose(file);
  free(line);
}

int main(int argument_count, char **arguments) {
  if (argument_count != 5) return 1;
  const int width = atoi(arguments[2]), height = atoi(arguments[3]);
  const size_t bytes = (size_t)width * height * 3;
  unsigned char *rgb = malloc(bytes);
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL || rgb == NULL || fread(rgb, 1, bytes, file) != bytes) return 1;
  fclose(file);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) write_kind(&kinds[i], rgb, width, height, arguments[4]);
  free(rgb);
  return 0;
}
