#!/usr/bin/env python3
"""Makes tests/data/picture/processors.json: what transformers makes of every field of every supported processor file.

Not part of the test run: the result is kept, and this is how it came to be.
Needs Python 3.10 with numpy, transformers 5.24 and pillow 13.0.0, or 12.0.0 for the family minicpmv4_6, whose recorded
outputs were made with that:
    python3 make_processors.py ../data/picture/processors.json FAMILY ...
The cases of other families stay as they are.

A case is a file (`base`) with one member set to a value or removed, and the CRC-32 of the pixel values that the class
gives for a picture of each of SIZES, or null where it fails: where it has no answer, mica must have none either.
"""
import json
import pathlib
import sys
import warnings
import zlib

import numpy as np
from PIL import Image

from make_reference import source
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import PaddleOCRVLImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

SIZES = ((70, 42), (33, 101), (56, 56))
CLASSES = {"CLIPImageProcessor": CLIPImageProcessorPil, "LlavaImageProcessor": LlavaImageProcessorPil,
           "GotOcr2ImageProcessor": GotOcr2ImageProcessorPil, "Qwen2VLImageProcessor": Qwen2VLImageProcessorPil,
           "Idefics3ImageProcessor": Idefics3ImageProcessorPil, "SmolVLMImageProcessor": SmolVLMImageProcessorPil,
           "LlavaNextImageProcessor": LlavaNextImageProcessorPil,
           "LlavaOnevisionImageProcessor": LlavaOnevisionImageProcessorPil,
           "PaddleOCRVLImageProcessor": PaddleOCRVLImageProcessorPil, "PixtralImageProcessor": PixtralImageProcessorPil,
           "Glm4vImageProcessor": Glm4vImageProcessorPil, "Glm46VImageProcessor": Glm46VImageProcessorPil,
           "MiniCPMV4_6ImageProcessor": MiniCPMV4_6ImageProcessorPil,
           "Gemma3ImageProcessor": Gemma3ImageProcessorPil, "SiglipImageProcessor": SiglipImageProcessorPil}
COMMON = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
          "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
          "resample": 3, "rescale_factor": 0.00392156862745098}
CROP = {**COMMON, "crop_size": {"height": 56, "width": 56}, "do_center_crop": True, "size": {"shortest_edge": 56}}
SQUARES = {**COMMON, "resample": 1, "do_image_splitting": True, "do_pad": True, "max_image_size": {"longest_edge": 56},
           "size": {"longest_edge": 168}}
GRIDS = [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]
SIDES = [56, 112, 168, 224]
SMART = {**COMMON, "merge_size": 2, "patch_size": 14, "size": {"longest_edge": 60000, "shortest_edge": 3136},
         "temporal_patch_size": 2}
PIXTRAL = {**COMMON, "image_processor_type": "PixtralImageProcessor", "do_pad": True, "size": {"longest_edge": 98}}
SQUARE = {**COMMON, "size": {"height": 56, "width": 56}}
BASES = {
    "llava": [{**CROP, "image_processor_type": "CLIPImageProcessor"},
              {**CROP, "image_processor_type": "LlavaImageProcessor", "do_pad": True},
              {**CROP, "image_processor_type": "LlavaImageProcessor", "do_pad": True, "do_center_crop": False}],
    "internvl": [{**COMMON, "image_processor_type": "GotOcr2ImageProcessor", "crop_to_patches": True, "max_patches": 6,
                  "min_patches": 1, "size": {"height": 56, "width": 56}}],
    "qwen2_vl": [{**COMMON, "image_processor_type": "Qwen2VLImageProcessor", "merge_size": 2, "patch_size": 14,
                  "size": {"longest_edge": 60000, "shortest_edge": 3136}, "temporal_patch_size": 2},
                 {**COMMON, "image_processor_type": "Qwen2VLImageProcessor", "merge_size": 2, "patch_size": 14,
                  "min_pixels": 3136, "max_pixels": 60000, "temporal_patch_size": 2}],
    "idefics3": [{**SQUARES, "image_processor_type": "Idefics3ImageProcessor"},
                 {**SQUARES, "image_processor_type": "SmolVLMImageProcessor"}],
    "llava_next": [{**CROP, "image_processor_type": "LlavaNextImageProcessor", "do_pad": True,
                    "image_grid_pinpoints": GRIDS}],
    "llava_onevision": [{**COMMON, "image_processor_type": "LlavaOnevisionImageProcessor", "do_pad": True,
                         "size": {"height": 56, "width": 56},
                         "image_grid_pinpoints": [[height, width] for height in SIDES for width in SIDES]}],
    "qwen2_5_vl": [{**SMART, "image_processor_type": "Qwen2VLImageProcessor"}],
    "qwen3_vl": [{**SMART, "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 16}],
    "qwen3_5": [{**SMART, "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 16}],
    "paddleocr_vl": [{**SMART, "image_processor_type": "PaddleOCRVLImageProcessor", "temporal_patch_size": 1}],
    "glm4v": [{**SMART, "image_processor_type": "Glm4vImageProcessor"},
              {**SMART, "image_processor_type": "Glm46VImageProcessor"}],
    "glm_ocr": [{**SMART, "image_processor_type": "Glm46VImageProcessor"}],
    "lighton_ocr": [{**PIXTRAL, "patch_size": {"height": 14, "width": 14}}],
    "mistral3": [{**PIXTRAL, "patch_size": 14}],
    "minicpmv4_6": [{**COMMON, "image_processor_type": "MiniCPMV4_6ImageProcessor", "patch_size": 14,
                     "max_slice_nums": 4, "scale_resolution": 56, "slice_mode": True, "downsample_mode": "16x",
                     "use_image_id": True}],
    "gemma3": [{**SQUARE, "image_processor_type": "Gemma3ImageProcessor", "resample": 2,
                "size": {"height": 112, "width": 112}}],
    "paligemma": [{**SQUARE, "image_processor_type": "SiglipImageProcessor"}],
}
# Not large ones: transformers would make them.
FORMS = [{"height": 56, "width": 56}, {"height": 70, "width": 60}, {"shortest_edge": 60}, {"longest_edge": 80}, {"height": 56},
         {"shortest_edge": 56, "longest_edge": 90}, {"shortest_edge": 900, "longest_edge": 9000},
         {"max_height": 56, "max_width": 56}, {"min_pixels": 3200, "max_pixels": 50000}, {"shortest_edge": 56, "height": 56},
         {"depth": 56}, 56, [56, 56], [60, 70], [56], "56", 0, -56, 56.5, True]
# Every field that transformers 4.37 to 5.24 write, with values that are right, wrong, and of a wrong type.
VALUES = {
    "do_convert_rgb": [False, "no"], "do_normalize": [False, "no"], "do_rescale": [False, "no"], "do_resize": [False, "no"],
    "do_center_crop": [True, False, "no"], "do_pad": [True, False, "no"],
    "image_mean": [[0.5, 0.5, 0.5], 0.5, [0.2, 0.6, 0.8], [0.5], [0.5] * 4, "half", [0.5, "half", 0.5]],
    "image_std": [[0.5, 0.5, 0.5], 0.5, [0.5], "half", [0.5, None, 0.5]],
    "resample": [0, 1, 2, 4, 5, 6, -1, "bicubic"], "rescale_factor": [1 / 127.5, 1, "1"],
    "size": FORMS, "crop_size": FORMS, "pad_size": [{"height": 80, "width": 80}],
    "default_to_square": [True, False], "min_pixels": [6000, 70000, 0, "1"], "max_pixels": [4000, 2000, 0, "1"],
    "patch_size": [7, 28, 0, "14", {"height": 28, "width": 28}, {"height": 14, "width": 28}], "temporal_patch_size": [1, "2"], "merge_size": [1, "2"],
    "crop_to_patches": [True, False], "min_patches": [3, 7, 0, "1"], "max_patches": [1, 3, 0, "1"],
    "data_format": ["channels_first", "channels_last"], "input_data_format": ["channels_first", "channels_last"],
    "device": ["cpu"], "return_tensors": ["np"], "disable_grouping": [True], "image_seq_length": [256],
    "do_image_splitting": [False, "no"], "max_image_size": [{"longest_edge": 28}, {"height": 56}, 56],
    "image_grid_pinpoints": [[[56, 56]], [[112, 112], [56, 60]], [], [[56]], [[0, 56]], "all"],
    "return_row_col_info": [True], "video_sampling": [{"fps": 1}], "aspect_ratio_setting": ["anyres"],
    "processor_class": ["Processor"], "unheard_of": [7],
}
# Of one class alone.
OWN = {"minicpmv4_6": {"max_slice_nums": [1, 2, 9, 0, "4"], "scale_resolution": [28, 112, 0, "1"],
                       "slice_mode": [False, "no"], "downsample_mode": ["4x", "8x", 16], "use_image_id": [False]},
       "gemma3": {"do_pan_and_scan": [True, False, "no"], "pan_and_scan_min_crop_size": [64, "64"],
                  "pan_and_scan_max_num_crops": [2, "2"], "pan_and_scan_min_ratio_to_activate": [1.5, "1"]}}


def values_of(family, base, file, size):
    options = {"crop_to_patches": True} if base["image_processor_type"] == "GotOcr2ImageProcessor" else {}
    if family == "mistral3":  # whose processor has patches of whole tokens, whatever the file says
        options = {"patch_size": 28}
    kind = CLASSES[base["image_processor_type"]]
    file = {key: value for key, value in json.loads(json.dumps(file)).items() if key != "image_processor_type"}
    made = kind(**file)(Image.fromarray(source(*size)), **{"return_tensors": "np", **options})
    values = np.asarray(made["pixel_values"], dtype="<f4")
    if family == "minicpmv4_6":
        return planes_of(values[0], made["target_sizes"])
    return values[0] if values.ndim == 5 else values  # of a batch


def planes_of(strip, grids):
    """The slices' planes behind each other, in rows of a patch's width, of patches beside each other."""
    patch, planes, first = strip.shape[1], [], 0
    for height, width in grids:
        last = first + height * width * patch
        patches = strip[:, :, first:last].reshape(3, patch, height, width, patch)
        planes.append(patches.transpose(0, 2, 1, 3, 4).reshape(-1, patch))
        first = last
    return np.ascontiguousarray(np.concatenate(planes))


def fits(family, kind, values):
    if family == "minicpmv4_6":
        return values.shape[-1] == 14
    if family in ("lighton_ocr", "mistral3"):
        return min(values.shape[-2:]) >= 28
    if family == "idefics3":  # whose tower takes any square of whole tokens
        return values.shape[-1] == values.shape[-2] and values.shape[-1] // 14 % 2 == 0 and values.shape[-1] >= 14
    if kind.startswith(("Qwen2", "Glm")):
        return values.shape[-1] == (1536 if family in ("qwen3_vl", "qwen3_5") else 1176)
    if family == "paddleocr_vl":
        return values.shape[1:] == (3, 14, 14)
    side = 112 if family == "gemma3" else 56
    return values.shape[1:] == (3, side, side)


def outcome(family, base, file):
    """CRC-32 by picture; null if the class fails, or if its values are not the shape that the towers here take."""
    sums = []
    for size in SIZES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = values_of(family, base, file, size)
            is_right = fits(family, base["image_processor_type"], values)
            sums.append(zlib.crc32(values.tobytes()) if is_right and np.isfinite(values).all() else None)
        except Exception:
            sums.append(None)
    return sums


def cases(families):
    rows = []
    for family in families:
        for index, base in enumerate(BASES[family]):
            rows.append({"family": family, "base": index, "file": base, "crc32": outcome(family, base, base)})
            for field, values in {**VALUES, **OWN.get(family, {})}.items():
                for value in values + [None]:
                    rows.append({"family": family, "base": index, "set": field, "value": value,
                                 "crc32": outcome(family, base, {**base, field: value})})
                if field in base:
                    without = {key: kept for key, kept in base.items() if key != field}
                    rows.append({"family": family, "base": index, "remove": field, "crc32": outcome(family, base, without)})
    return rows


def main():
    path, families = pathlib.Path(sys.argv[1]), sys.argv[2:]
    kept = json.loads(path.read_text())["cases"] if path.exists() else []
    rows = [row for row in kept if row["family"] not in families] + cases(families)
    text = ",\n".join(json.dumps(row) for row in rows)
    sizes = json.dumps(SIZES)
    path.write_text(f'{{"sizes": {sizes}, "cases": [\n{text}\n]}}\n')
    print(f"{len(rows)} cases, {sum(None not in row['crc32'] for row in rows)} with values")


if __name__ == "__main__":
    main()
