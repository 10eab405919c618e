/* mica_camera.h: frames as cameras give them, in C99. All rules of mica.h hold. The library opens no camera, `mica
 * watch` does; JPEG frames are pictures for mica_picture_decode.
 *
 *     mica_yuv frame = {0};
 *     frame.layout = MICA_YUV_NV12;
 *     frame.width = 640, frame.height = 480;
 *     frame.planes[0] = bytes, frame.bytes[0] = 640 * 480;
 *     frame.planes[1] = bytes + 640 * 480, frame.bytes[1] = 640 * 240;
 *     mica_picture_from_yuv(&frame, &picture, &error);
 */
#ifndef MICA_CAMERA_H
#define MICA_CAMERA_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the samples of a frame lie. Chroma is of two pixels of a row, and, but in YUYV, of two rows; of an odd width or
 * height the last is of fewer. */
typedef enum mica_yuv_layout {
  MICA_YUV_NV12 = 0, /* two planes: Y; U V U V */
  MICA_YUV_I420 = 1, /* three planes: Y; U; V */
  MICA_YUV_YUYV = 2  /* one plane: Y U Y V */
} mica_yuv_layout;
typedef enum mica_yuv_matrix {
  MICA_YUV_BT601 = 0, /* JPEG, cameras, pictures of up to 576 lines */
  MICA_YUV_BT709 = 1  /* videos of more lines */
} mica_yuv_matrix;

typedef struct mica_yuv {
  mica_yuv_layout layout;
  mica_yuv_matrix matrix;
  int full_range; /* 0: luma 16 to 235, chroma 16 to 240, as in videos; else 0 to 255, as in JPEG */
  uint32_t width, height;
  const uint8_t *planes[3]; /* as many as the layout has */
  size_t bytes[3];          /* of each plane, from there on: nothing behind them is read */
  size_t strides[3];        /* bytes from row to row; 0: rows follow each other */
} mica_yuv;

/* The pixels are copied; the caller frees the picture. Of full range and BT.601 they are, bit for bit, what
 * libjpeg-turbo makes of a JPEG with these samples (each colour the sum of products in 1/65536, rounded once; chroma
 * interpolated between its places in the middle of its pixels), so that a camera's raw frame looks as its JPEG does; of
 * other ranges and matrices the factors alone differ. MICA_INVALID_ARGUMENT where a plane has fewer bytes than its
 * rows. */
mica_status mica_picture_from_yuv(const mica_yuv *frame, mica_picture **picture, mica_error *error);

/* The mean luma of columns x rows cells of the picture, row by row, 0 to 255: to see cheaply whether two pictures
 * differ, and where. `luma` has room for columns * rows, each 1 to 1024. */
mica_status mica_picture_luma(const mica_picture *picture, uint32_t columns, uint32_t rows, uint8_t *luma,
                              mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_CAMERA_H */
